"""Which reports are asked for, and who is hit when, drawn from a seed. Pure."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reports.specs import Format
from tests.chaos.plan import FREEZE

#: Seconds in which undisturbed workers make one report of a million lines; hits are spread over that of all of them.
A_MILLION: Final = 30.0
#: Seconds of the shortest span of hits.
SHORTEST: Final = 15.0
#: Seconds that the file store is away in the run in five where it is away for long; nothing lasts longer.
LONGEST: Final = 120.0
LONG_OUTAGE: Final = (60.0, LONGEST)


#: What is asked for.
FORMATS: Final = (Format.XLSX, Format.PDF, Format.CSV)


class Blow(StrEnum):
    """What is done, and to whom."""

    KILL_CHILD = "child killed"
    KILL_WORKER = "worker killed"
    FREEZE_WORKER = "worker frozen"
    SHUT_WORKER = "worker shut down cold"
    RESTART_DATABASE = "database restarted"
    CRASH_DATABASE = "database crashed"
    FREEZE_STORE = "store frozen"
    KILL_STORE = "store killed"
    RESET = "connections reset"
    SILENCE = "no answers"
    CUT = "answers cut off"
    ERROR_500 = "answers 500"
    ERROR_503 = "answers 503"
    SLOW = "slow network"


#: What takes a worker away from its job, or the job from its worker.
AT_WORKERS: Final = (Blow.KILL_CHILD, Blow.KILL_WORKER, Blow.FREEZE_WORKER, Blow.SHUT_WORKER)
#: Of these, what counts as a death of the job's worker: after three the job is failed as poison.
DEADLY: Final = frozenset({Blow.KILL_CHILD, Blow.KILL_WORKER, Blow.FREEZE_WORKER})
#: Seconds that each thing between the workers and the file store lasts; a silence may outlast the client's patience.
ON_THE_WAY: Final = {
    Blow.RESET: (1.0, 8.0),
    Blow.SILENCE: (3.0, 50.0),
    Blow.CUT: (3.0, 10.0),
    Blow.ERROR_500: (2.0, 20.0),
    Blow.ERROR_503: (2.0, 20.0),
    Blow.SLOW: (8.0, 20.0),
}


@dataclass(frozen=True, slots=True)
class Hit:
    """``blow`` at ``at`` (seconds after the start), undone ``lasts`` seconds later. ``pick``: which of those that can be
    hit then."""

    at: float
    blow: Blow
    lasts: float
    pick: int


@dataclass(frozen=True, slots=True)
class Order:
    """A report of the whole year, asked for at ``at``. ``cancel_after``: seconds from the moment when its first attempt
    began until its owner stops it; None: nobody does."""

    number: int
    at: float
    format: Format
    cancel_after: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Another row at ``at``: a line more, or (``renames``) another name of the product in a line that is there."""

    number: int
    at: float
    renames: bool
    pick: float


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    orders: tuple[Order, ...]
    hits: tuple[Hit, ...]
    changes: tuple[Change, ...]

    @property
    def ends(self) -> float:
        """Seconds after the start when the last hit is over."""
        return max(hit.at + hit.lasts for hit in self.hits)


def make(seed: int, lines: int, *, longest: float = LONGEST) -> Plan:
    """The plan of ``seed`` for a shop of ``lines`` lines: the same one each time. ``longest``: seconds; but for a freeze,
    which is longer than a lease, nothing lasts longer."""
    chance = random.Random(seed)
    formats = [*FORMATS, chance.choice(FORMATS)]
    span = max(SHORTEST, lines / 1_000_000 * A_MILLION * len(formats))
    orders = [
        Order(number, chance.uniform(0, span / 10), wanted, chance.uniform(0, span / 6) if number == 3 else None)
        for number, wanted in enumerate(formats)
    ]
    changes = (
        [
            Change(n, chance.uniform(0, span), chance.random() < 0.4, chance.random())
            for n in range(chance.randint(1, 4))
        ]
        if chance.random() < 0.5
        else []
    )
    return Plan(seed, tuple(orders), tuple(hits(chance, span, longest)), tuple(sorted(changes, key=lambda one: one.at)))


def hits(chance: random.Random, span: float, longest: float) -> list[Hit]:
    """Hits spread over ``span`` seconds. ``longest``: seconds; but for a freeze, which is longer than a lease, nothing
    lasts longer."""

    def hit(blow: Blow, least: float = 0.0, most: float = 0.0) -> Hit:
        lasts = chance.uniform(least, most) if most else 0.0
        if blow is not Blow.FREEZE_WORKER:
            lasts = min(lasts, longest)
        return Hit(chance.uniform(0.05, 0.9) * span, blow, lasts, chance.randrange(1_000_000))

    found = [hit(Blow.KILL_CHILD), hit(Blow.KILL_WORKER), hit(Blow.FREEZE_WORKER, FREEZE, FREEZE)]
    found += [hit(Blow.SHUT_WORKER)] if chance.random() < 0.5 else []
    found += [hit(chance.choice((Blow.KILL_CHILD, Blow.KILL_WORKER))) for _ in range(chance.randint(0, 2))]
    found.append(hit(chance.choice((Blow.RESTART_DATABASE, Blow.CRASH_DATABASE)), 0.5, 4.0))
    for blow in chance.sample(sorted(ON_THE_WAY), chance.randint(3, 5)):
        found.append(hit(blow, *ON_THE_WAY[blow]))
    found += [hit(Blow.FREEZE_STORE, 4.0, 30.0)] if chance.random() < 0.4 else []
    found += [hit(Blow.KILL_STORE, 1.0, 5.0)] if chance.random() < 0.4 else []
    if chance.random() < 0.2:
        found.append(hit(chance.choice((Blow.SILENCE, Blow.ERROR_503, Blow.RESET)), *LONG_OUTAGE))
    return sorted(found, key=lambda one: one.at)
