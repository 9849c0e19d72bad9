"""How long to wait before the next try. Pure: chance is passed in."""

from typing import Final

#: Seconds; no wait grows beyond it.
LONGEST: Final = 3600.0


def delay(failures: int, *, base: float, chance: float) -> float:
    """Seconds before the try that follows ``failures`` (≥ 1) failed ones.

    Exponential from ``base`` seconds, at most an hour, spread over the upper half of the interval by ``chance``
    (0 ≤ chance < 1) so that jobs which failed together do not come back together.
    """
    longest = min(LONGEST, base * 2.0 ** min(failures - 1, 30))
    return longest * (0.5 + chance / 2)
