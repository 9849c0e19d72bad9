"""How PostgreSQL finds the rows: by key for one job, by a partial index for many, whatever its statistics say."""

import pytest

from jobs import claims, db, services
from jobs.models import Job
from tests.harness import tasks as harness

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def many_jobs_over(drain) -> None:
    """A table that was analysed while nothing ran, so the planner believes that hardly anything ever does."""
    services.submit_many(harness.note, [{}] * 60)
    drain()
    db.fetch("ANALYZE jobs_job")


@pytest.fixture
def plans_of(monkeypatch):
    """The plan of every statement about jobs that ``act`` runs."""

    def explain(act) -> list[str]:
        plans = []
        fetch = db.fetch

        def explained(sql, parameters=()):
            if "jobs_job" in sql:
                plans.append("\n".join(row[0] for row in fetch(f"EXPLAIN {sql}", parameters)))
            return fetch(sql, parameters)

        with monkeypatch.context() as patch:
            patch.setattr(db, "fetch", explained)
            fetch("SET enable_seqscan TO off")  # a table as small as a test's is read whole otherwise
            act()
            fetch("SET enable_seqscan TO on")
        return plans

    return explain


def test_one_job_is_found_by_its_key(many_jobs_over, claimed, plans_of):
    def work_on_one() -> None:
        run = claimed(job)
        claims.beat(run)
        run.hold()
        claims.conclude(run, "succeeded")

    job = services.submit(harness.note)
    ringing, *of_one = plans_of(work_on_one)[-5:]
    assert "job_ready" in ringing
    assert len(of_one) == 4
    for plan in of_one:
        assert "jobs_job_pkey" in plan
        assert "job_leases" not in plan


def test_what_a_worker_holds_is_found_among_the_leases(many_jobs_over, claimed, plans_of):
    def look() -> None:
        claims.redo_lapsed()
        claims.redo_after_death(holder="another", message="another")
        claims.let_lapse(holder="another", message="another")
        claims.let_all_lapse(holder="another")

    claimed(services.submit(harness.note))
    for plan in plans_of(look):
        assert "job_leases" in plan
    assert Job.objects.filter(lease_until__isnull=False).count() == 1
