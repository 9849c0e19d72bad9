"""What a queue is. The table itself is ``config/queues.py``; the kernel reads it through ``settings.JOB_QUEUES``."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Queue:
    """One row of the table of queues.

    Attributes:
        name: routing key and queue name at the broker.
        runs: what runs there, for people.
        group: the worker process that serves it on a small machine.
        concurrency: child processes of a worker that serves this queue alone.
        prefetch: messages each child reserves beside the one it works on; 1 where work is long.
        soft_limit: seconds after which a job is asked to stop (an exception is raised in it).
        hard_limit: seconds after which the job's process is killed.
        memory: MB after which a child is replaced once its job is done; the container's limit is set above it.
        window: doorbells per child that may be out at the broker; the backlog stays in the table.
        interactive: a person waits for it, so submitting wakes the dispatcher at once. NOTIFY makes commits go one
            after another, which bulk work must not.
        alert_age: seconds the oldest due job may wait before someone is told.
        eta_ahead: seconds before ``run_at`` at which a doorbell is handed to the broker with an ETA; 0: rung when due.
    """

    name: str
    runs: str
    group: str
    concurrency: int
    prefetch: int
    soft_limit: int
    hard_limit: int
    memory: int
    window: int
    interactive: bool
    alert_age: int
    eta_ahead: int = 0


class UnknownQueue(LookupError):
    """A name that the table of queues does not have."""


def all_queues() -> tuple[Queue, ...]:
    table: Iterable[Queue] = settings.JOB_QUEUES
    return tuple(table)


@cache
def _by_name() -> dict[str, Queue]:
    return {queue.name: queue for queue in all_queues()}


def get(name: str) -> Queue:
    """The row of queue ``name``. Raises UnknownQueue."""
    try:
        return _by_name()[name]
    except KeyError:
        raise UnknownQueue(f"No queue {name!r} in config/queues.py; it has {', '.join(_by_name())}.") from None
