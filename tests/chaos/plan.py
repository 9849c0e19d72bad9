"""What is going to happen, drawn from a seed: which jobs are submitted, and who is hit when. Pure."""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: Jobs submitted each second, on average: more than the workers can do, so that there is a backlog to lose.
RATE: Final = 33.0
#: Seconds of the shortest run: a freeze longer than a lease must fit, and its consequences.
SHORTEST: Final = 40.0
#: Seconds a worker is frozen: longer than its lease.
FREEZE: Final = 14.0
#: Seconds between two kills of a worker, on average.
KILL_EVERY: Final = 1.0


class Blow(StrEnum):
    """What is done to a process."""

    KILL_WORKER = "worker killed"
    KILL_CHILD = "pool child killed"
    FREEZE_WORKER = "worker frozen"
    KILL_BROKER = "broker killed"
    STOP_DATABASE = "database stopped at once"
    KILL_DISPATCHER = "dispatcher killed"


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
    """One job to submit.

    Attributes:
        number: names it in its arguments.
        at: when to submit it, in seconds after the start.
        seconds: how long its body works.
        ahead: its ``run_at``, in seconds after its submission; 0: at once.
        fails: how many of its attempts fail for a reason that passes.
        cancel_after: seconds from its submission until somebody cancels it; None: nobody does.
        twice: it is submitted twice under one dedupe key.
        parts: the jobs that must conclude before it starts; they are submitted with it.
    """

    number: int
    at: float
    queue: str
    seconds: float
    ahead: float = 0.0
    fails: int = 0
    cancel_after: float | None = None
    twice: bool = False
    parts: tuple["Order", ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """``orders`` and ``hits`` in the order of their times; ``ends``: seconds after the start when the last hit is over.

    A part of another job is inside that job's order, not in ``orders`` itself.
    """

    seed: int
    orders: tuple[Order, ...]
    hits: tuple[Hit, ...]
    ends: float

    def every_order(self) -> list[Order]:
        return [each for order in self.orders for each in (*order.parts, order)]


def make(seed: int, jobs: int) -> Plan:
    """The plan of ``seed`` for ``jobs`` jobs: the same one each time."""
    chance = random.Random(seed)
    span = max(SHORTEST, jobs / RATE * 1.5)
    orders = _orders(chance, jobs, until=span * 2 / 3)
    hits = _hits(chance, span)
    return Plan(seed, tuple(orders), tuple(hits), max(hit.at + hit.lasts for hit in hits))


def _orders(chance: random.Random, jobs: int, *, until: float) -> list[Order]:
    orders: list[Order] = []
    count = 0
    while count < jobs:
        at, queue, kind = chance.uniform(0, until), chance.choice(("sync", "sync", "crawl")), chance.random()
        order = Order(count, at, queue, _seconds(chance))
        if kind < 0.05 and jobs - count > 4:
            parts = tuple(_part(chance, count + 1 + place, at, queue) for place in range(chance.randint(1, 3)))
            cancel_after = chance.uniform(0.5, 4) if chance.random() < 0.1 else None
            order = Order(count, at, queue, _seconds(chance), parts=parts, cancel_after=cancel_after)
        elif kind < 0.20:
            queue = chance.choice(("reminders", queue))
            order = Order(count, at, queue, _seconds(chance), ahead=chance.uniform(1, 20))
        elif kind < 0.23:  # most of these while they wait
            queue = chance.choice(("reminders", queue))
            ahead = chance.uniform(5, 15)
            order = Order(count, at, queue, _seconds(chance), ahead=ahead, cancel_after=chance.uniform(0.1, ahead - 1))
        elif kind < 0.25:  # and these while they run
            order = Order(count, at, queue, 5.0, cancel_after=chance.uniform(0.5, 4))
        elif kind < 0.30:
            order = Order(count, at, queue, _seconds(chance), fails=chance.randint(1, 3))
        elif kind < 0.33:
            order = Order(count, at, queue, _seconds(chance), twice=True)
        orders.append(order)
        count += 1 + len(order.parts)
    return sorted(orders, key=lambda order: order.at)


def _seconds(chance: random.Random) -> float:
    return 5.0 if chance.random() < 0.01 else chance.uniform(0.01, 0.3)


def _part(chance: random.Random, number: int, at: float, queue: str) -> Order:
    kind = chance.random()
    if kind < 0.1:  # asked to stop while it runs, or while it waits to be tried again
        return Order(number, at, queue, 2.0, fails=chance.randint(0, 3), cancel_after=chance.uniform(0.5, 3))
    return Order(number, at, queue, _seconds(chance), fails=chance.randint(1, 3) if kind < 0.3 else 0)


def _hits(chance: random.Random, span: float) -> list[Hit]:
    def hit(at: float, blow: Blow, lasts: float = 0.0) -> Hit:
        return Hit(at, blow, lasts, chance.randrange(1_000_000))

    hits = []
    at = chance.expovariate(1 / KILL_EVERY) + 2
    while at < span * 0.85:
        hits.append(hit(at, Blow.KILL_CHILD if chance.random() < 0.15 else Blow.KILL_WORKER))
        at += chance.expovariate(1 / KILL_EVERY)
    # Apart from each other, so that what one does is not hidden by the next.
    hits.extend(hit(span * chance.uniform(place, place + 0.05), Blow.FREEZE_WORKER, FREEZE) for place in (0.10, 0.50))
    hits.append(hit(span * chance.uniform(0.25, 0.32), Blow.KILL_BROKER, chance.uniform(1, 3)))
    hits.append(hit(span * chance.uniform(0.40, 0.47), Blow.KILL_DISPATCHER, chance.uniform(2, 6)))
    hits.append(hit(span * chance.uniform(0.62, 0.70), Blow.STOP_DATABASE, chance.uniform(1, 4)))
    return sorted(hits, key=lambda hit: hit.at)
