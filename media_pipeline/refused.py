"""A file that nothing is made of."""

from media_pipeline.reasons import Reason


class Refused(Exception):
    """Nothing can be made of the file, however often it is tried. The reason's label tells the person."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
