"""What a page that follows a job shows of it now, and when to ask again."""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.functional import Promise

from jobs import queries
from jobs.models import Job, State

#: A job this young is asked about every second, an older one every five.
YOUNG: Final = timedelta(minutes=1)
#: The share that is done from which on the pace so far tells something.
_TELLS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Link:
    """Where a job's result is to be found."""

    url: str
    label: str


@dataclass(frozen=True, slots=True)
class Live:
    """A job as a person sees it.

    Attributes:
        every: seconds until it is worth asking again; 0: the job is over, nothing will change.
        seconds_left: an estimate; None while nothing tells.
        starts_at: a waiting job does not start before this; None where it is only waiting for its turn.
        percent: of its parts, how much is done, where it waits for them.
        stopping: it runs and has been asked to stop.
    """

    job: Job
    title: str | Promise
    every: int
    seconds_left: int | None
    starts_at: datetime | None
    percent: int | None
    stopping: bool
    link: Link | None

    @property
    def state(self) -> State:
        return State(self.job.state)

    @property
    def version(self) -> str:
        """Differs whenever the page would show something else."""
        job = self.job
        shown = (
            job.state, job.done, job.total, job.unit, job.attempt, job.failures, job.error_message,
            self.every, self.seconds_left, self.starts_at, self.percent,
            self.stopping, self.link,
        )  # fmt: skip
        return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def look(job: Job, now: datetime) -> Live:
    result: dict[str, Any] = job.result or {}
    seconds_left, percent = queries.estimate(job, now), None
    if job.state == State.WAITING and job.children_left:
        share = queries.share_of_children(job)
        seconds_left, percent = _left(job, share, now), int(share * 100)
    every = 0
    if job.is_active:
        every = 1 if now - (job.started_at or job.created_at) < YOUNG else 5
    return Live(
        job=job,
        title=queries.title(job),
        every=every,
        seconds_left=None if seconds_left is None else math.ceil(seconds_left),
        starts_at=job.run_at if job.state == State.WAITING and job.run_at > now else None,
        percent=percent,
        stopping=job.state == State.RUNNING and job.cancel_requested_at is not None,
        link=Link(result["url"], result.get("label", "")) if "url" in result else None,
    )


def _left(job: Job, share: float, now: datetime) -> float | None:
    """Seconds, at the pace so far; None while that says little."""
    return (now - job.created_at).total_seconds() * (1 - share) / share if share > _TELLS else None
