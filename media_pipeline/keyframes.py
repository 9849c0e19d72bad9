"""Where a stream can be cut without decoding it."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from media_pipeline import graph

#: Keyframes of a kept stream that are passed on to the other sizes.
_MOST_SEGMENTS: Final = 8000
_ROUNDED: Final = 0.001


@dataclass(slots=True)
class Keyframes:
    """Where a stream can be cut."""

    first: float = float("inf")
    last: float = 0.0
    keys: list[float] = field(default_factory=list)

    def see(self, seconds: float, key: bool) -> None:
        self.first, self.last = min(self.first, seconds), max(self.last, seconds)
        if key:
            self.keys.append(seconds)

    @property
    def gap(self) -> float:
        """Seconds from one to the next at most, and from the last to the end; infinite where there is none."""
        return max(self._gaps, default=float("inf"))

    @property
    def good(self) -> bool:
        """The stream begins with one, there are enough, and they are in order."""
        return (
            bool(self.keys)
            and self.keys[0] <= self.first + _ROUNDED
            and self.gap <= graph.LONGEST_SEGMENT
            and min(self._gaps) >= 0
        )

    @property
    def _gaps(self) -> list[float]:
        return [after - before for before, after in pairwise([*self.keys, self.last])] if self.keys else []

    def cuts(self, start: float) -> list[float]:
        """Where ffmpeg cuts it, in seconds from ``start``: at the first keyframe after each whole segment."""
        cuts = [0.0]
        for key in self.keys[1:]:
            if key - self.keys[0] >= graph.SEGMENT * len(cuts):
                cuts.append(key - start)
        return cuts[:_MOST_SEGMENTS]
