"""One job's life: claimed once, concluded once, whatever is doubled, late or killed in between."""

import json
import os
import re
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from jobs import claims, lease, ringing, runner, services
from jobs import run as run_module
from jobs.models import Job, JobEvent, State
from jobs.run import LEASE
from jobs.task import LeaseLost
from tests.harness import tasks as harness
from tests.harness.processes import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def events(journal):
    return [json.loads(line) for line in journal.read_text().splitlines()]


def waiting_for_locks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # else the same answer for the length of a transaction
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def lapse(job):
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


class TestOutcomes:
    def test_success(self, drain, journal):
        job = services.submit(harness.note, word="chào")
        assert drain() == ["succeeded"]
        job.refresh_from_db()
        assert (job.state, job.result, job.attempt, job.lease_until) == (State.SUCCEEDED, {"word": "chào"}, 1, None)
        assert not job.events.exists()

    def test_permanent_failure_is_said_in_the_authors_words(self, drain, journal):
        job = services.submit(harness.permanent)
        assert drain() == ["failed"]
        job.refresh_from_db()
        assert (job.error_message, job.error_class) == ("This file is not a picture.", "jobs.task.Permanent")

    def test_transient_failures_are_tried_again(self, drain, journal):
        job = services.submit(harness.transient, until=3)
        outcomes = drain()
        while job.state in {State.WAITING, State.RUNNING}:
            time.sleep(0.05)
            outcomes += drain()
            job.refresh_from_db()
        assert outcomes == ["retried", "retried", "succeeded"]
        assert [event.kind for event in job.events.all()] == ["attempt_failed"] * 2

    def test_attempts_are_used_up(self, drain, journal):
        job = services.submit(harness.transient, until=99)
        while job.state in {State.WAITING, State.RUNNING}:
            drain()
            time.sleep(0.05)
            job.refresh_from_db()
        assert (job.state, job.attempt, job.failures) == (State.FAILED, 3, 3)
        assert job.error_message == "The other side is busy."

    def test_what_passes_is_tried_more_often_than_a_bug(self, drain, journal):
        jobs = [services.submit(harness.patient, bug_after=count) for count in (99, 2)]
        while any(job.state in {State.WAITING, State.RUNNING} for job in jobs):
            drain()
            time.sleep(0.05)
            for job in jobs:
                job.refresh_from_db()
        assert [(job.state, job.failures, job.error_class) for job in jobs] == [
            (State.FAILED, 4, "jobs.task.Transient"),
            (State.FAILED, 3, "ZeroDivisionError"),
        ]

    def test_a_bug_is_bounded_reported_and_not_shown_raw(self, drain, journal, caplog):
        job = services.submit(harness.bug)
        while job.state in {State.WAITING, State.RUNNING}:
            drain()
            time.sleep(0.05)
            job.refresh_from_db()
        assert (job.state, job.failures, job.error_class) == (State.FAILED, 2, "ZeroDivisionError")
        assert "a bug" in job.error_detail
        assert "a bug" not in job.error_message
        assert any(record.levelname == "ERROR" for record in caplog.records)

    def test_a_task_of_another_release_waits(self, drain, journal):
        job = services.submit(harness.note)
        Job.objects.filter(pk=job.pk).update(task="harness.of_tomorrow")
        assert drain() == ["unknown task"]
        job.refresh_from_db()
        assert job.state == State.WAITING
        assert job.ring_at > timezone.now() + timedelta(seconds=30)

    def test_the_soft_limit_ends_the_attempt_not_the_conclusion(self, drain, journal, monkeypatch):
        job = services.submit(harness.work, seconds=5.0)
        old = signal.signal(signal.SIGUSR1, _as_celery_does)
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        try:
            assert drain()[0] == "retried"
        finally:
            timer.join()
            signal.signal(signal.SIGUSR1, old)
        job.refresh_from_db()
        assert job.failures >= 1
        services.cancel(job)

    def test_a_soft_limit_that_comes_while_concluding_is_not_raised(self, ring, journal, monkeypatch):
        job = services.submit(harness.note)
        conclude = claims.conclude

        def late(*args, **kwargs):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            return conclude(*args, **kwargs)

        monkeypatch.setattr(claims, "conclude", late)
        old = signal.signal(signal.SIGUSR1, _as_celery_does)
        try:
            (bell,) = ring()
            assert runner.answer(bell.job_id, message=bell.message) == "succeeded"
        finally:
            signal.signal(signal.SIGUSR1, old)
        job.refresh_from_db()
        assert job.state == State.SUCCEEDED

    def test_the_keepers_thread_does_not_take_the_soft_limit_for_the_main_one(self):
        """A signal to a process goes to any thread that lets it through, whatever the main one holds off."""
        lease.keeper()
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "lease-keeper"]

        def blocked():
            status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
            return int(re.search(r"SigBlk:\s*([0-9a-f]+)", status)[1], 16) >> (signal.SIGUSR1 - 1) & 1

        deadline = time.monotonic() + 5
        while not blocked():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def _as_celery_does(number, frame):
    from celery.exceptions import SoftTimeLimitExceeded

    raise SoftTimeLimitExceeded


class TestClaiming:
    def test_a_doubled_doorbell_finds_nothing_to_do(self, ring, journal):
        services.submit(harness.note)
        (bell,) = ring()
        assert runner.answer(bell.job_id, message=bell.message) == "succeeded"
        assert runner.answer(bell.job_id, message=bell.message) == "nothing to do"
        assert len(events(journal)) == 1

    def test_two_workers_race_and_one_wins(self, ring):
        job = services.submit(harness.note)
        ring()
        start, won = threading.Barrier(8), []

        def claim(number):
            try:
                start.wait()
                won.append(claims.claim(job.pk, holder=f"w{number}", message="m"))
            finally:
                connection.close()

        threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(run is not None for run in won) == 1

    def test_never_before_its_time(self, ring):
        job = services.submit(harness.remind, run_at=timezone.now() + timedelta(seconds=60), due=0.0)
        (bell,) = ring("reminders")
        assert bell.ahead > 55
        assert claims.claim(job.pk, holder="w", message=bell.message) is None

    def test_a_claim_whose_answer_was_lost_is_adopted(self, ring, monkeypatch):
        from django.db import OperationalError

        job = services.submit(harness.note)
        (bell,) = ring()
        fetch, lost = claims.db.fetch, []

        def lose_the_answer(sql, parameters=()):
            rows = fetch(sql, parameters)
            if not lost:
                lost.append(True)
                raise OperationalError("server closed the connection unexpectedly")
            return rows

        monkeypatch.setattr(claims.db, "fetch", lose_the_answer)
        run = claims.claim(job.pk, holder="w", message=bell.message)
        assert (run.attempt, run.holder) == (1, "w")


class TestFence:
    def test_a_worker_that_lost_its_lease_cannot_conclude(self, claimed):
        job = services.submit(harness.note)
        frozen = claimed(job)
        lapse(job)
        (redone,) = claims.redo_lapsed()
        assert (redone.id, redone.state) == (job.pk, State.WAITING)
        second = claimed(job, holder="worker-2")
        assert not claims.conclude(frozen, "succeeded", result={"by": "frozen"})
        assert claims.conclude(second, "succeeded", result={"by": "second"})
        job.refresh_from_db()
        assert (job.result, job.attempt, job.deaths) == ({"by": "second"}, 2, 1)

    def test_nor_fail_nor_retry_nor_give_back(self, claimed):
        job = services.submit(harness.work, seconds=1)
        frozen = claimed(job)
        lapse(job)
        claims.redo_lapsed()
        claimed(job, holder="worker-2")
        assert claims.conclude_failed_attempt(frozen, ValueError(), message="", detail="") == "fenced"
        assert not claims.give_back(frozen)
        job.refresh_from_db()
        assert (job.state, job.holder, job.failures) == (State.RUNNING, "worker-2", 0)

    def test_one_that_could_not_renew_gives_the_job_back_without_blame(self, ring, journal, monkeypatch):
        job = services.submit(harness.work, seconds=1)
        (bell,) = ring()
        monkeypatch.setattr(run_module, "LEASE", 0.0)  # it has run out by this worker's clock, not in the row
        assert runner.answer(bell.job_id, message=bell.message) == "retried"
        job.refresh_from_db()
        assert (job.state, job.attempt, job.failures, job.deaths) == (State.WAITING, 1, 0, 0)

    def test_a_frozen_worker_knows_by_its_own_clock(self, claimed):
        run = claimed(services.submit(harness.note))
        assert run.lease_ok()
        run.confirmed -= LEASE
        assert not run.lease_ok()
        with pytest.raises(LeaseLost):
            run.checkpoint()

    def test_hold_keeps_what_a_transaction_writes_to_the_holder(self, claimed):
        job = services.submit(harness.note)
        run = claimed(job)
        with transaction.atomic():
            run.hold()
        lapse(job)
        claims.redo_lapsed()
        with pytest.raises(LeaseLost), transaction.atomic():
            run.hold()

    def test_a_conclusion_whose_answer_was_lost_counts(self, claimed, monkeypatch):
        from django.db import OperationalError

        run = claimed(services.submit(harness.note))
        fetch, lost = claims.db.fetch, []

        def lose_the_answer(sql, parameters=()):
            rows = fetch(sql, parameters)
            if not lost:
                lost.append(True)
                raise OperationalError("server closed the connection unexpectedly")
            return rows

        monkeypatch.setattr(claims.db, "fetch", lose_the_answer)
        assert claims.conclude(run, "succeeded")

    def test_a_beat_renews_and_hears_of_cancelling(self, claimed):
        job = services.submit(harness.note)
        run = claimed(job)
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() + timedelta(seconds=1))
        services.cancel(job)
        run.done, run.total, run.unit = 3, 10, "rows"
        claims.beat(run)
        job.refresh_from_db()
        assert job.lease_until > timezone.now() + timedelta(seconds=LEASE - 2)
        assert (job.done, job.total, job.unit) == (3, 10, "rows")
        assert run.cancel_requested

    def test_a_beat_of_a_lost_run_marks_it(self, claimed):
        job = services.submit(harness.note)
        run = claimed(job)
        lapse(job)
        claims.redo_lapsed()
        claims.beat(run)
        assert run.lost

    def test_the_keeper_renews_and_writes_progress(self, claimed):
        job = services.submit(harness.note)
        run = claimed(job)
        with lease.keeper().watching(run):
            run.progress(5, 9, "rows")
            deadline = time.monotonic() + 10
            while Job.objects.get(pk=job.pk).done != 5:
                assert time.monotonic() < deadline
                time.sleep(0.02)


class TestWorkersThatVanish:
    def test_a_dead_childs_job_starts_again_in_front(self, claimed, ring):
        job = services.submit(harness.note)
        run = claimed(job)
        services.submit_many(harness.note, [{}] * 50)
        claims.redo_after_death(holder=run.holder, message=run.message)
        assert claims.redo_after_death(holder=run.holder, message=run.message) == []  # Celery says it twice
        assert ring(room=1)[0].job_id == job.pk
        assert job.events.get().kind == JobEvent.Kind.WORKER_DIED

    def test_a_job_past_its_hard_limit_is_not_claimed_before_its_process_is_dead(self, claimed):
        job = services.submit(harness.note)
        run = claimed(job)
        for _ in range(2):
            claims.let_lapse(holder=run.holder, message=run.message)
        job.refresh_from_db()
        assert job.state == State.RUNNING
        lapse(job)
        (redone,) = claims.redo_lapsed()
        assert redone.kind == JobEvent.Kind.TIMED_OUT

    def test_a_worker_that_stops_gives_back_without_blame(self, claimed):
        job = services.submit(harness.note)
        run = claimed(job)
        claims.let_all_lapse(holder=run.holder)
        lapse(job)
        (redone,) = claims.redo_lapsed()
        job.refresh_from_db()
        assert (redone.kind, job.deaths, job.state) == (JobEvent.Kind.GIVEN_BACK, 0, State.WAITING)

    def test_poison_is_failed_in_words(self, claimed):
        job = services.submit(harness.poison)
        for _ in range(3):
            claimed(job)
            lapse(job)
            claims.redo_lapsed()
        job.refresh_from_db()
        assert (job.state, job.error_class, job.deaths) == (State.FAILED, "poison", 3)
        assert job.error_message

    def test_a_poisoned_child_is_heard_by_its_parent(self, claimed):
        parent = services.submit_group([(harness.poison, {})], then=harness.join)
        child = Job.objects.get(parent=parent)
        for _ in range(3):
            claimed(child)
            lapse(child)
            claims.redo_lapsed()
        parent.refresh_from_db()
        assert (parent.children_left, parent.children_failed) == (0, 1)

    def test_a_cancelled_child_that_ends_otherwise_is_heard_by_its_parent(self, claimed):
        """It was asked to stop, and failed or lost its database before it saw that."""
        parent = services.submit_group([(harness.note, {})] * 2, then=harness.join)
        failing, hindered = Job.objects.filter(parent=parent)
        runs = claimed(failing), claimed(hindered)
        services.cancel(failing)
        services.cancel(hindered)
        assert claims.conclude_failed_attempt(runs[0], ValueError(), message="", detail="") == "retried"
        assert claims.give_back(runs[1])
        parent.refresh_from_db()
        assert (parent.children_left, parent.children_failed) == (0, 2)

    def test_cancelled_while_its_worker_died_is_cancelled(self, claimed):
        job = services.submit(harness.note)
        claimed(job)
        services.cancel(job)
        lapse(job)
        claims.redo_lapsed()
        job.refresh_from_db()
        assert job.state == State.CANCELLED

    def test_after_a_restart_of_the_database_everyone_gets_a_leases_time(self, claimed, monkeypatch):
        job = services.submit(harness.note)
        claimed(job)
        lapse(job)
        just_started = claims._LAPSED.replace("pg_postmaster_start_time()", "now()")
        assert just_started != claims._LAPSED
        monkeypatch.setattr(claims, "_LAPSED", just_started)
        assert claims.redo_lapsed() == []


class TestPeople:
    def test_cancel_a_waiting_job(self, drain, journal):
        job = services.submit(harness.note)
        assert services.cancel(job).state == State.CANCELLED
        assert drain() == []

    def test_cancel_a_rung_job(self, ring, journal):
        job = services.submit(harness.note)
        (bell,) = ring()
        services.cancel(job)
        assert runner.answer(bell.job_id, message=bell.message) == "nothing to do"

    def test_cancel_a_running_job_stops_it_at_a_checkpoint(self, ring, journal):
        job = services.submit(harness.work, seconds=30)
        (bell,) = ring()

        def cancel_once_running():
            try:
                while Job.objects.get(pk=job.pk).state != State.RUNNING:
                    time.sleep(0.01)
                services.cancel(Job.objects.get(pk=job.pk))
            finally:
                connection.close()

        thread = threading.Thread(target=cancel_once_running)
        thread.start()
        outcome = runner.answer(bell.job_id, message=bell.message)
        thread.join()
        job.refresh_from_db()
        assert (outcome, job.state) == ("cancelled", State.CANCELLED)
        assert "effect" not in journal.read_text()

    def test_cancelling_a_parent_while_its_child_concludes_is_no_deadlock(self, claimed):
        parent = services.submit_group([(harness.note, {})], then=harness.join)
        run = claimed(Job.objects.get(parent=parent))
        errors = []

        def act(what):
            try:
                what()
            except Exception as error:  # noqa: BLE001 (looked at below)
                errors.append(error)
            finally:
                connection.close()

        threads = [
            threading.Thread(target=act, args=(lambda: services.cancel(parent),)),
            threading.Thread(target=act, args=(lambda: claims.conclude(run, "succeeded"),)),
        ]
        with transaction.atomic():
            Job.objects.select_for_update().get(pk=parent.pk)
            for number, thread in enumerate(threads, 1):
                thread.start()
                assert wait_for(lambda number=number: waiting_for_locks() == number, seconds=10)
        for thread in threads:
            thread.join()
        assert not errors
        parent.refresh_from_db()
        assert parent.state == State.CANCELLED

    def test_cancel_what_is_over_is_refused(self, drain, journal):
        job = services.submit(harness.note)
        drain()
        with pytest.raises(services.NotAllowed):
            services.cancel(job)

    def test_cancel_twice_is_one_event(self, claimed):
        job = services.submit(harness.note)
        claimed(job)
        services.cancel(job)
        services.cancel(job)
        assert job.events.count() == 1

    def test_retry_starts_afresh(self, drain, journal):
        job = services.submit(harness.permanent)
        drain()
        services.retry(job)
        job.refresh_from_db()
        assert (job.state, job.failures, job.error_message, job.finished_at) == (State.WAITING, 0, "", None)
        assert drain() == ["failed"]
        job.refresh_from_db()
        assert job.attempt == 2

    def test_a_parent_waits_for_a_child_that_is_tried_again(self, claimed):
        parent = services.submit_group([(harness.note, {})] * 2, then=harness.join)
        first, second = Job.objects.filter(parent=parent)
        assert claims.conclude(claimed(first), "failed")
        services.retry(first)
        parent.refresh_from_db()
        assert (parent.children_left, parent.children_failed) == (2, 0)
        first.refresh_from_db()
        assert claims.conclude(claimed(first), "succeeded")
        parent.refresh_from_db()
        assert (parent.children_left, parent.children_failed) == (1, 0)
        assert claims.conclude(claimed(second), "succeeded")
        parent.refresh_from_db()
        assert (parent.children_left, parent.children_failed) == (0, 0)

    def test_retry_of_a_running_or_done_job_is_refused(self, claimed):
        job = services.submit(harness.note)
        claimed(job)
        with pytest.raises(services.NotAllowed):
            services.retry(job)

    def test_retry_beside_an_active_twin_is_refused(self):
        job = services.submit(harness.note, dedupe_key="k")
        services.cancel(job)
        twin = services.submit(harness.note, dedupe_key="k")
        with pytest.raises(services.NotAllowed, match=twin.shown_code):
            services.retry(job)

    def test_requeue_rings_now(self, ring):
        job = services.submit(harness.note, run_at=timezone.now() + timedelta(hours=1))
        assert ring() == []
        services.requeue(job)
        (bell,) = ring()
        assert claims.claim(job.pk, holder="w", message=bell.message)

    def test_a_paused_queue_rings_nothing(self, ring):
        services.submit(harness.note)
        services.pause_queue("sync")
        assert "sync" not in {load.name for load in ringing.loads()}
        services.resume_queue("sync")
        assert "sync" in {load.name for load in ringing.loads()}


def test_purge_keeps_what_is_young_or_active():
    old, now = timezone.now() - timedelta(days=40), timezone.now()
    done = services.submit(harness.note)
    Job.objects.filter(pk=done.pk).update(state=State.SUCCEEDED, finished_at=old, turn=None)
    failed = services.submit(harness.note)
    Job.objects.filter(pk=failed.pk).update(state=State.FAILED, finished_at=old, turn=None)
    waiting = services.submit(harness.note)
    Job.objects.filter(pk=waiting.pk).update(created_at=old, run_at=old)
    assert services.purge(now) == 1
    assert set(Job.objects.values_list("pk", flat=True)) == {failed.pk, waiting.pk}
    assert services.purge(now + timedelta(days=200)) == 1
