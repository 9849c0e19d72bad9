"""Refusals, from the processes that read pictures.

The reasons are Django's choices, and it would cost each process as much as many a picture does to have that at hand.
"""


def refused(reason: str) -> Exception:
    """``Refused``, for the reason of that name in ``reasons.Reason``."""
    from media_pipeline.reasons import Reason  # noqa: PLC0415
    from media_pipeline.refused import Refused  # noqa: PLC0415

    return Refused(Reason[reason])
