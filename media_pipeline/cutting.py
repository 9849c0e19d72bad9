"""How a long video is cut into parts, each made by itself and put together with the others later. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from media_pipeline.ladder import Plan, Rung

#: Pixels of all sizes that a part has: a minute of 1080p and what comes below it, which takes one core some minutes.
_PIXELS_A_PART: Final = 6e9
_SHORTEST: Final = 16.0
_MOST: Final = 200
#: Of a part's length, how far before it the keyframe may be from which it is read.
_LEAD: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a video that is made by itself, and put together with the others later.

    Attributes:
        rate: pictures a second of the slowest size; the others have a whole number of times as many.
        start: pictures, at that rate, that come before it.
        cuts: pictures after its start at which its segments begin, the first 0.
        pictures: how many it has at that rate; None of the last, which ends with the file.
    """

    rate: Fraction
    start: int
    cuts: tuple[int, ...]
    pictures: int | None

    @property
    def begins(self) -> float:
        """In seconds."""
        return float(self.start / self.rate)

    @property
    def seconds(self) -> float:
        """How long it is; how long at least where that is not known."""
        return float((self.cuts[-1] if self.pictures is None else self.pictures) / self.rate)

    def moments(self, rung: Rung) -> list[float]:
        """Seconds at which the encoder of ``rung`` looks for the next picture to begin a segment with."""
        early = Fraction(1, 4) / rung.rate  # ffmpeg rounds to the nearest picture
        return [max(0.0, float(cut / self.rate - early)) for cut in self.cuts]


def part_seconds(plan: Plan, rungs: Sequence[Rung]) -> float:
    """How long the parts are in which all of ``rungs`` but the smallest are best made; 0 where everything is best made
    in one go."""
    if not plan.indexed or len(rungs) < 2:  # noqa: PLR2004 (the smallest comes first, and then nothing is left)
        return 0.0
    pixels = float(sum(rung.width * rung.height * rung.rate for rung in rungs[:-1]))
    seconds = max(_SHORTEST, _PIXELS_A_PART / pixels, plan.duration / _MOST)
    return seconds if plan.duration > 1.5 * seconds else 0.0


def are_near(seconds: float, gap: float) -> bool:
    """Keyframes that are ``gap`` seconds apart at most are near enough for parts of ``seconds``: what is before a part
    is decoded once more for it."""
    return gap <= _LEAD * seconds


def cut(segments: Sequence[float], rate: Fraction, seconds: float) -> tuple[Part, ...]:
    """Parts of about ``seconds`` each, and of whole segments. ``segments``: the seconds that each of them has in the
    slowest size, which has ``rate`` pictures a second."""
    begins = [0]
    total = 0.0
    for length in segments:
        total += length
        begins.append(round(total * rate))
    count = max(1, round(total / seconds))
    found: list[Part] = []
    first = 0
    for number in range(1, count + 1):
        last = len(segments) if number == count else _nearest(begins, round(total * number / count * rate))
        if last > first:
            start = begins[first]
            cuts = tuple(begin - start for begin in begins[first:last])
            found.append(Part(rate=rate, start=start, cuts=cuts, pictures=begins[last] - start))
            first = last
    found[-1] = replace(found[-1], pictures=None)
    return tuple(found)


def _nearest(begins: Sequence[int], wanted: int) -> int:
    return min(range(len(begins)), key=lambda place: abs(begins[place] - wanted))
