"""What is known of a picture before it is decoded."""

from dataclasses import dataclass

from media_pipeline.pixels.boxes import UNSAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a picture is, by its header.

    Attributes:
        format: a value of ``kinds.Format``.
        width, height: pixels, as it is shown: upright.
        frames: pictures of an animation; 1: it does not move.
        primaries, transfer: its colours as in ITU-T H.273, where it has no profile (ICC) that says so; 2: not said.
    """

    format: str
    width: int
    height: int
    frames: int = 1
    primaries: int = UNSAID
    transfer: int = UNSAID

    @property
    def moves(self) -> bool:
        return self.frames > 1
