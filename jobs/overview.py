"""How everything is, at a glance: what an operator looks at first."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from jobs import processes, queries
from jobs.models import Breaker, Job, State
from jobs.queries import QueueOverview

#: Failures are counted, and listed, this far back.
LOOK_BACK: Final = timedelta(days=1)
LISTED: Final = 6
#: Failures are counted no further than this.
COUNT_LIMIT: Final = 1000


@dataclass(frozen=True, slots=True)
class Overview:
    """The state of the whole at one moment. ``processes``: live ones by kind."""

    queues: list[QueueOverview]
    processes: dict[str, int]
    failures: list[Job]
    failed: int
    open_breakers: list[Breaker]

    @property
    def running(self) -> int:
        return sum(queue.running for queue in self.queues)

    @property
    def due(self) -> int:
        return sum(queue.ready + queue.rung for queue in self.queues)

    @property
    def asleep(self) -> int:
        return sum(queue.asleep for queue in self.queues)

    @property
    def oldest(self) -> QueueOverview | None:
        """The queue whose oldest due job has waited longest."""
        waiting = [queue for queue in self.queues if queue.oldest_age is not None]
        return max(waiting, key=lambda queue: queue.oldest_age or 0.0, default=None)

    @property
    def late(self) -> list[QueueOverview]:
        return [queue for queue in self.queues if queue.late and queue.paused_at is None]

    @property
    def paused(self) -> list[str]:
        return [queue.name for queue in self.queues if queue.paused_at is not None]

    @property
    def unserved(self) -> list[str]:
        return [queue.name for queue in self.queues if not queue.workers]

    @property
    def alive(self) -> int:
        return sum(self.processes.values())

    @property
    def missing(self) -> list[str]:
        """Kinds of process of which at least one should live and none does."""
        return [kind for kind in ("dispatcher", "worker", "beat") if not self.processes.get(kind)]


def overview(now: datetime) -> Overview:
    """Cheap at any table size: what is over is looked at through the index of failures."""
    failed = Job.objects.filter(state=State.FAILED, finished_at__gte=now - LOOK_BACK).order_by("-finished_at")
    return Overview(
        queues=queries.queue_overview(now),
        processes=dict(Counter(process.kind for process in processes.live(now))),
        failures=list(failed.select_related("owner")[:LISTED]),
        failed=failed.order_by()[:COUNT_LIMIT].count(),
        open_breakers=list(Breaker.objects.exclude(state=Breaker.State.CLOSED).order_by("name")),
    )
