"""THE table of queues. Routing, worker start-up, docker-compose, Kubernetes, alerts and docs follow it.

Fast and slow work never share a queue. On a small machine several queues share one worker *process* (``group``): there
a slow job can delay only what is in its own group, and the groups are cut so that it is as slow itself.
"""

from dataclasses import dataclass
from typing import Final

from jobs.queues import Queue


def _(words: str) -> str:
    """Marks ``words`` for translation. Django's own marker loads the settings, and they are made from this table."""
    return words


QUEUES: Final[tuple[Queue, ...]] = (
    Queue("control", _("housekeeping: purge, sweeps, roll-ups"), "quick", 1, 4, 120, 150, 250, 8, False, 300),
    Queue("mail", _("one mail to one person: confirmations, receipts"), "quick", 2, 4, 30, 45, 250, 8, True, 30),
    Queue("sync", _("stock to marketplaces"), "quick", 2, 4, 60, 90, 250, 8, True, 60),
    Queue("moderation", _("verdicts on posts, comments and pictures"), "quick", 2, 2, 60, 90, 500, 4, True, 30),
    Queue("payments", _("refunds, bank answers, reconciliation"), "quick", 2, 2, 60, 90, 250, 4, True, 60),
    Queue(
        "reminders", _("push messages for carts left behind"), "quick", 1, 4, 30, 45, 250, 8, False, 120, eta_ahead=120
    ),
    Queue("mail_bulk", _("newsletters, by batch"), "bulk", 2, 1, 300, 330, 250, 2, False, 900),
    Queue("crawl", _("competitor prices, by batch"), "bulk", 2, 1, 300, 330, 250, 2, False, 900),
    Queue("reports", _("Excel and PDF files"), "reports", 1, 1, 1800, 1860, 500, 2, True, 300),
    Queue("media", _("video and image processing"), "media", 1, 1, 3600, 3660, 1000, 2, True, 600),
)

BY_NAME: Final = {queue.name: queue for queue in QUEUES}

#: Child processes of each shared worker on a small machine (2 cores, 4 GiB).
GROUPS: Final = {"quick": 3, "bulk": 2, "reports": 1, "media": 1}


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """One Celery worker process to start: its node name, its queues and its limits (memory in MB per child)."""

    name: str
    queues: tuple[str, ...]
    concurrency: int
    prefetch: int
    memory: int

    @property
    def container_memory(self) -> int:
        """MB that the whole worker may take: its parent, and children that are only replaced after the job with which
        they outgrew ``memory``, so one child's worth more than they should need."""
        return 200 + self.memory * (self.concurrency + 1)

    @property
    def grace(self) -> int:
        """Seconds from the request to stop until the worker is killed: what runs may take its time, and conclude."""
        return max(BY_NAME[queue].hard_limit for queue in self.queues) + 30

    def command(self) -> list[str]:
        """Arguments after ``celery -A config`` that start this worker."""
        return [
            "worker",
            f"--hostname={self.name}@%h",
            f"--queues={','.join(self.queues)}",
            f"--concurrency={self.concurrency}",
            f"--prefetch-multiplier={self.prefetch}",
            f"--max-memory-per-child={self.memory * 1024}",
            "--max-tasks-per-child=1000",
            "--loglevel=INFO",
            "--without-gossip",
        ]


def shared_workers() -> list[WorkerPlan]:
    """The workers of a small machine: one process per group."""
    plans = []
    for group, concurrency in GROUPS.items():
        members = [queue for queue in QUEUES if queue.group == group]
        plans.append(
            WorkerPlan(
                name=group,
                queues=tuple(queue.name for queue in members),
                concurrency=concurrency,
                prefetch=min(queue.prefetch for queue in members),
                memory=max(queue.memory for queue in members),
            )
        )
    return plans


def dedicated_workers() -> list[WorkerPlan]:
    """The workers of production: one process (container) per queue."""
    return [WorkerPlan(q.name, (q.name,), q.concurrency, q.prefetch, q.memory) for q in QUEUES]
