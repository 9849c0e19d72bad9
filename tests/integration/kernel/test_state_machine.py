"""Any order of events: a small model of one job beside the real rows. Workers are frozen, killed and doubled at will; only
the holder of the newest attempt ever gets a word in."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobs import claims, ringing, services
from jobs.models import CANCELLABLE, MOVES, RETRYABLE, Job, State
from jobs.task import LeaseLost
from tests.harness import tasks as harness

pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = st.sampled_from(["w1", "w2", "w3"])


class OneJob(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        Job.objects.all().delete()
        ringing.make_known()
        self.runs = []  # every attempt ever claimed, newest last; the older ones are frozen workers
        self.cancel_asked = False
        self.deaths = self.failures = 0
        self.state = State.WAITING

    @initialize()
    def submit(self):
        # work: never failed by attempts or deaths, so that the model stays small
        self.job = services.submit(harness.work, seconds=1)

    # --- the world -------------------------------------------------------------------------------------------------------

    @rule()
    def ring(self):
        ringing.admit_due()
        ringing.ring("sync", 5)

    @rule(worker=WORKERS)
    def claim(self, worker):
        Job.objects.filter(pk=self.job.pk).update(run_at=timezone.now())  # time passes
        run = claims.claim(self.job.pk, holder=worker, message=f"m{len(self.runs)}")
        assert (run is not None) == (self.state == State.WAITING)
        if run:
            self.runs.append(run)
            self.move(State.RUNNING)
            assert run.attempt == len(self.runs)

    @rule(which=st.integers(0, 5), how=st.sampled_from(["succeeded", "failed", "cancelled"]))
    @precondition(lambda self: self.runs)
    def conclude(self, which, how):
        run = self.runs[which % len(self.runs)]
        written = claims.conclude(run, how)
        assert written == self.holds(run)
        if written:
            self.move(State(how))

    @rule(which=st.integers(0, 5))
    @precondition(lambda self: self.runs)
    def fail_for_now(self, which):
        run = self.runs[which % len(self.runs)]
        outcome = claims.conclude_failed_attempt(run, ValueError("x"), message="m", detail="d")
        assert (outcome == "retried") == self.holds(run)
        if outcome == "retried":
            self.failures = run.failures + 1
            self.put_back()

    @rule(which=st.integers(0, 5))
    @precondition(lambda self: self.runs)
    def give_back(self, which):
        run = self.runs[which % len(self.runs)]
        if claims.give_back(run):
            assert self.holds(run)
            self.put_back()
        else:
            assert not self.holds(run)

    @rule(which=st.integers(0, 5))
    @precondition(lambda self: self.runs)
    def beat(self, which):
        run = self.runs[which % len(self.runs)]
        claims.beat(run)
        assert run.lost == (not self.holds(run))

    @rule(which=st.integers(0, 5))
    @precondition(lambda self: self.runs)
    def hold(self, which):
        from django.db import transaction

        run = self.runs[which % len(self.runs)]
        try:
            with transaction.atomic():
                run.hold()
        except LeaseLost:
            assert not self.holds(run)
        else:
            assert self.holds(run)

    @rule(which=st.integers(0, 5))
    @precondition(lambda self: self.runs)
    def child_dies(self, which):
        run = self.runs[which % len(self.runs)]
        redone = claims.redo_after_death(holder=run.holder, message=run.message)
        assert bool(redone) == self.holds(run)
        if redone:
            self.deaths += 1
            self.put_back()

    @rule()
    def lease_lapses(self):
        Job.objects.filter(pk=self.job.pk, state=State.RUNNING).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        redone = claims.redo_lapsed()
        assert bool(redone) == (self.state == State.RUNNING)
        if redone:
            self.deaths += 1
            self.put_back()

    # --- people ----------------------------------------------------------------------------------------------------------

    @rule()
    def cancel(self):
        if self.state not in CANCELLABLE:
            with pytest.raises(services.NotAllowed):
                services.cancel(self.job)
            return
        services.cancel(self.job)
        if self.state == State.WAITING:
            self.move(State.CANCELLED)
        else:
            self.cancel_asked = True

    @rule()
    def retry(self):
        if self.state not in RETRYABLE:
            with pytest.raises(services.NotAllowed):
                services.retry(self.job)
            return
        services.retry(self.job)
        self.cancel_asked = False
        self.deaths = self.failures = 0
        self.move(State.WAITING)

    @rule()
    def requeue(self):
        if self.state != State.WAITING:
            with pytest.raises(services.NotAllowed):
                services.requeue(self.job)
            return
        services.requeue(self.job)

    # --- the model -------------------------------------------------------------------------------------------------------

    def holds(self, run):
        return self.state == State.RUNNING and run is self.runs[-1]

    def put_back(self):
        self.move(State.CANCELLED if self.cancel_asked else State.WAITING)

    def move(self, state):
        assert state in MOVES[self.state], f"{self.state} → {state}"
        self.state = state

    @invariant()
    def row_agrees(self):
        if not hasattr(self, "job"):
            return
        row = Job.objects.get(pk=self.job.pk)
        assert (row.state, row.attempt, row.deaths) == (self.state, len(self.runs), self.deaths)
        assert row.failures == self.failures or row.state in {State.FAILED, State.SUCCEEDED, State.CANCELLED}
        assert row.events.filter(kind="worker_died").count() >= self.deaths


def test_any_order_of_events_ends_right(transactional_db):
    run_state_machine_as_test(
        OneJob,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
