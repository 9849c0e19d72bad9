"""The outside world as real processes, for a machine that has none: what the product talks to, speaking the same wire
formats. Each neighbour is one module with ``async def serve(...)`` and writes what happened to it into a journal of its
own, which is the other side's word on what we did. It knows nothing of the product.
"""
