"""One attempt at a job, as its body sees it: progress, checkpoints, and whether the work is still ours."""

import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from jobs import db
from jobs.task import Cancelled, LeaseLost

#: Seconds that a claim or a heartbeat keeps the job ours.
LEASE: Final = 10.0
#: Seconds between heartbeats.
BEAT: Final = 3.0
#: Seconds before the lease's end at which we already call it lost, for the time an effect takes to leave the machine.
MARGIN: Final = 1.0
#: Seconds between two writes of progress.
PROGRESS_EVERY: Final = 0.5


def clock() -> float:
    """Seconds that also pass while this machine sleeps or the process is frozen."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True, eq=False)
class Run:
    """The attempt being worked on. ``confirmed``: when (by ``clock``) the database last said that it is ours."""

    id: UUID
    code: str
    task: str
    queue: str
    attempt: int
    holder: str
    message: str
    owner_id: int | None
    parent_id: UUID | None
    trace_id: str
    arguments: dict[str, Any]
    failures: int
    children_failed: int
    confirmed: float
    done: int = 0
    total: int | None = None
    unit: str = ""
    lost: bool = False
    cancel_requested: bool = False
    progress_written: float = 0.0
    progress_changed: bool = field(default=False)

    def lease_ok(self) -> bool:
        """True while this worker surely holds the job. Ask right before each effect outside the database."""
        return not self.lost and clock() < self.confirmed + LEASE - MARGIN

    def checkpoint(self) -> None:
        """Call it in loops, where stopping is safe. Raises Cancelled or LeaseLost."""
        if not self.lease_ok():
            raise LeaseLost
        if self.cancel_requested:
            raise Cancelled

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        """Tells people how far it is (``done`` of ``total``, in ``unit``, a plural word) and is a checkpoint.

        Cheap: it is written at most twice a second, by the heartbeat's thread. Raises Cancelled or LeaseLost.
        """
        from jobs import lease  # noqa: PLC0415 (the lease's keeper needs this module)

        self.checkpoint()
        self.done, self.unit = done, unit or self.unit
        if total is not None:
            self.total = total
        self.progress_changed = True
        if clock() - self.progress_written >= PROGRESS_EVERY:
            self.progress_written = clock()
            lease.keeper().wake()

    def hold(self) -> None:
        """Inside a transaction: keeps the job ours until it ends, so that what the transaction writes is written by the
        holder or not at all. Raises LeaseLost."""
        rows = db.fetch(
            "SELECT 1 FROM jobs_job WHERE id = %s AND attempt = %s AND state = 'running' FOR SHARE",
            (self.id, self.attempt),
        )
        if not rows:
            self.lost = True
            raise LeaseLost
