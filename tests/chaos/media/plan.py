"""Which files are uploaded, and who is hit when, drawn from a seed. Pure."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.chaos.reports.plan import Hit, hits

#: Seconds over which uploads and hits are spread.
SPAN: Final = 40.0


class Source(StrEnum):
    """What is uploaded."""

    LONG = "long video"
    SHORT = "short video"
    PICTURE = "picture"
    BROKEN = "broken video"


SOURCES: Final = (
    *(Source.LONG,) * 4,
    Source.SHORT,
    Source.SHORT,
    Source.PICTURE,
    Source.PICTURE,
    Source.BROKEN,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """``source``, uploaded at ``at`` (seconds after the start). ``cancel_after``: seconds from then until its owner has
    it stopped; None: nobody does."""

    number: int
    at: float
    source: Source
    cancel_after: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    sent: tuple[Sent, ...]
    hits: tuple[Hit, ...]

    @property
    def ends(self) -> float:
        """Seconds after the start when the last hit is over."""
        return max(hit.at + hit.lasts for hit in self.hits)


def make(seed: int, *, longest: float) -> Plan:
    """The plan of ``seed``: the same one each time. ``longest``: see ``tests.chaos.reports.plan.hits``."""
    chance = random.Random(seed)
    stopped = {0, chance.randrange(len(SOURCES))}
    sent = [
        Sent(
            number,
            chance.uniform(0, SPAN / 2),
            source,
            chance.uniform(0, SPAN / 2) if number in stopped else None,
        )
        for number, source in enumerate(SOURCES)
    ]
    return Plan(seed, tuple(sent), tuple(hits(chance, SPAN, longest)))
