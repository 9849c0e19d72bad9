from collections.abc import Callable

import pytest

from jobs import claims, ringing, runner
from jobs.models import Job
from jobs.run import Run


@pytest.fixture
def ring(transactional_db: None) -> Callable[..., list[ringing.Doorbell]]:
    """One look of a dispatcher at one queue: what it would publish."""
    ringing.make_known()

    def look(queue: str = "sync", room: int = 100) -> list[ringing.Doorbell]:
        ringing.admit_due()
        return ringing.ring(queue, room)

    return look


@pytest.fixture
def drain(ring: Callable[..., list[ringing.Doorbell]]) -> Callable[..., list[str]]:
    """Rings and answers in this process until nothing is due; returns the outcomes in order."""

    def answer_all(queue: str = "sync") -> list[str]:
        outcomes = []
        while bells := ring(queue):
            outcomes += [runner.answer(bell.job_id, message=bell.message) for bell in bells]
        return outcomes

    return answer_all


@pytest.fixture
def claimed(ring: Callable[..., list[ringing.Doorbell]]) -> Callable[..., Run]:
    """The run of a job that worker ``holder`` has claimed."""

    def claim(job: Job, holder: str = "worker-1") -> Run:
        ring(job.queue)
        job.refresh_from_db()
        run = claims.claim(job.pk, holder=holder, message=job.message)
        assert run is not None
        return run

    return claim
