"""The dispatcher: rings what is due, keeps its window, outlives its neighbours."""

import time
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from django.utils import timezone
from kombu.exceptions import BatchPublishError
from kombu.exceptions import OperationalError as BrokerError

from jobs import dispatcher as dispatching
from jobs import ringing, services
from jobs.dispatcher import Dispatcher
from jobs.models import Job, State, Worker
from tests.harness import tasks as harness
from tests.harness.app import app

pytestmark = pytest.mark.django_db(transaction=True)


class Recording(Dispatcher):
    """A real dispatcher whose messages end in a list (or in an error) instead of at a broker."""

    def __init__(self):
        super().__init__(app)
        ringing.make_known()
        self.sent = []
        self.broker_error = None
        self.bad_jobs = set()

    def _open_producer(self):
        return SimpleNamespace(batch=nullcontext)

    def _publish(self, bell):
        if self.broker_error:
            raise self.broker_error
        if bell.job_id in self.bad_jobs:
            raise ValueError("this row cannot be published")
        self.sent.append(bell)


@pytest.fixture
def dispatcher(transactional_db):
    return Recording()


def test_rings_in_order_of_submission(dispatcher):
    ids = services.submit_many(harness.note, [{}] * 10)
    assert dispatcher.turn() == 10
    assert [bell.job_id for bell in dispatcher.sent] == ids


def test_keeps_the_backlog_in_the_table(dispatcher):
    services.submit_many(harness.note, [{}] * 500)
    window = dispatcher.window("sync")
    assert dispatcher.turn() == window < 500
    assert dispatcher.turn() == 0
    answered = {"state": State.CANCELLED, "finished_at": timezone.now(), "rings": 0}
    half = [bell.job_id for bell in dispatcher.sent[: window // 2]]
    Job.objects.filter(pk__in=half[1:]).update(**answered)
    assert dispatcher.turn() == 0  # not worth a round yet
    Job.objects.filter(pk=half[0]).update(**answered)
    assert dispatcher.turn() == window // 2


def test_the_window_grows_with_live_workers(dispatcher):
    alone = dispatcher.window("sync")
    Worker.objects.create(name="a@h", kind="worker", queues=["sync"], concurrency=20)
    dispatcher._next_sign = 0
    dispatcher.turn()
    assert dispatcher.window("sync") == 10 * alone


def test_two_dispatchers_do_not_ring_twice(dispatcher):
    services.submit_many(harness.note, [{}] * 10)
    other = Recording()
    assert dispatcher.turn() + other.turn() == 10


def test_a_doorbell_nobody_answered_is_rung_again_less_and_less_often(dispatcher):
    job = services.submit(harness.note)
    waits = []
    for _ in range(7):
        assert dispatcher.turn() == 1
        job.refresh_from_db()
        waits.append(round((job.ring_at - timezone.now()).total_seconds()))
        Job.objects.update(ring_at=timezone.now())
    assert waits == [4, 8, 16, 32, 64, 64, 64]
    assert len({bell.message for bell in dispatcher.sent}) == 7


def test_a_message_is_not_worth_more_than_the_time_to_the_next_ring(dispatcher):
    services.submit(harness.note)
    dispatcher.turn()
    assert dispatcher.sent[0].expires == ringing.RING_AGAIN


class TestBrokerAway:
    def test_nothing_is_lost_and_the_order_is_kept(self, dispatcher):
        ids = services.submit_many(harness.note, [{}] * 5)
        dispatcher.broker_error = BrokerError("connection refused")
        assert dispatcher.turn() == 0
        assert set(Job.objects.values_list("state", "rings")) == {(State.WAITING, 0)}
        dispatcher.broker_error = None
        dispatcher._broker_retry_at = 0
        assert dispatcher.turn() == 5
        assert [bell.job_id for bell in dispatcher.sent] == ids

    def test_a_batch_of_which_nobody_knows_whether_it_arrived_is_rung_again(self, dispatcher, monkeypatch):
        """Redis takes all doorbells of a look at once; when the answer is lost, some may have arrived."""

        @contextmanager
        def lost_answer():
            yield
            raise BatchPublishError("delivery is uncertain")

        ids = services.submit_many(harness.note, [{}] * 3)
        with monkeypatch.context() as patch:
            patch.setattr(dispatcher, "_open_producer", lambda: SimpleNamespace(batch=lost_answer))
            assert dispatcher.turn() == 0
        dispatcher._broker_retry_at = 0
        assert dispatcher.turn() == 3
        assert [bell.job_id for bell in dispatcher.sent] == [*ids, *ids]

    def test_it_is_left_alone_for_longer_and_longer(self, dispatcher):
        services.submit(harness.note)
        dispatcher.broker_error = BrokerError("connection refused")
        pauses = []
        for _ in range(7):
            dispatcher._broker_retry_at = 0
            dispatcher.turn()
            pauses.append(dispatcher._broker_pause)
        assert pauses == [0.5, 1, 2, 4, 8, 10, 10]

    def test_a_dispatcher_killed_between_mark_and_publish_costs_one_interval(self, dispatcher):
        services.submit(harness.note)
        ringing.ring("sync", 10)  # marked and committed; the process dies here
        assert dispatcher.turn() == 0
        Job.objects.update(ring_at=timezone.now())
        assert dispatcher.turn() == 1


def test_a_bad_row_holds_up_nobody(dispatcher, caplog):
    bad, *good = services.submit_many(harness.note, [{}] * 5)
    dispatcher.bad_jobs = {bad}
    dispatcher.turn()
    assert [bell.job_id for bell in dispatcher.sent] == good
    row = Job.objects.get(pk=bad)
    assert row.ring_at > timezone.now() + timedelta(seconds=30)
    assert "cannot be published" in caplog.text


class TestReminders:
    def test_go_out_ahead_of_time_once(self, dispatcher):
        job = services.submit(harness.remind, run_at=timezone.now() + timedelta(seconds=100), due=0.0)
        assert dispatcher.turn() == 1
        (bell,) = dispatcher.sent
        assert 98 < bell.ahead < 101
        job.refresh_from_db()
        assert job.ring_at >= job.run_at + timedelta(seconds=4)
        assert dispatcher.turn() == 0

    def test_stay_in_the_table_until_then(self, dispatcher):
        services.submit(harness.remind, run_at=timezone.now() + timedelta(hours=2), due=0.0)
        assert dispatcher.turn() == 0

    def test_a_cancelled_one_is_revoked_once(self, dispatcher, monkeypatch):
        revoked = []
        monkeypatch.setattr(app.control, "revoke", revoked.append)
        job = services.submit(harness.remind, run_at=timezone.now() + timedelta(seconds=100), due=0.0)
        dispatcher.turn()
        services.cancel(job)
        for _ in range(2):
            dispatcher._next_sweep = 0
            dispatcher.turn()
        assert revoked == [[dispatcher.sent[0].message]]

    def test_cancelled_and_retried_it_is_rung_under_another_id(self, dispatcher, monkeypatch):
        """Workers remember a revoked id for hours, and would drop the second ring."""
        monkeypatch.setattr(app.control, "revoke", lambda _: None)
        job = services.submit(harness.remind, run_at=timezone.now() + timedelta(seconds=100), due=0.0)
        dispatcher.turn()
        services.cancel(job)
        dispatcher.turn()
        services.retry(job)
        dispatcher.turn()
        first, second = dispatcher.sent
        assert first.message != second.message

    def test_one_that_is_due_almost_now_gets_no_eta(self, monkeypatch):
        """Celery refuses an ETA of less than a second on a quorum queue."""
        sent = []
        monkeypatch.setattr(app, "send_task", lambda name, **options: sent.append(options))
        monkeypatch.setattr(Dispatcher, "_open_producer", lambda self: SimpleNamespace(batch=nullcontext))
        dispatcher = Dispatcher(app)
        ringing.make_known()
        services.submit(harness.remind, run_at=timezone.now() + timedelta(seconds=1), due=0.0)
        services.submit(harness.remind, run_at=timezone.now() + timedelta(seconds=90), due=0.0)
        dispatcher.turn()
        assert [options["eta"] is None for options in sent] == [True, False]


def test_the_loop_outlives_the_database(dispatcher, monkeypatch):
    looks = []

    def look():
        looks.append(1)
        if len(looks) == 3:
            dispatcher.stop()
            return 0
        raise OperationalError("the server closed the connection unexpectedly")

    monkeypatch.setattr(dispatcher, "turn", look)
    monkeypatch.setattr(dispatching, "TIMER", 0.01)
    dispatcher.run()
    assert len(looks) == 3


def test_an_idle_table_is_looked_at_rarely_and_a_busy_one_often(dispatcher):
    dispatcher.turn()
    assert dispatcher._next_pause(0.0, rung=0) == dispatching.TIMER
    services.submit_many(harness.note, [{}] * 500)
    assert dispatcher._next_pause(0.1, rung=dispatcher.turn()) == dispatching.SOON
    pause = 0.0
    for _ in range(20):
        pause = dispatcher._next_pause(pause, rung=dispatcher.turn())
    assert pause == dispatching.TIMER


def test_the_next_due_job_ends_the_pause(dispatcher):
    services.submit(harness.note, run_at=timezone.now() + timedelta(seconds=0.2))
    assert 0 < dispatcher._next_pause(0.5, rung=dispatcher.turn()) <= 0.2


def test_many_submissions_are_one_reason_to_look(dispatcher):
    dispatcher._listen(0)
    for _ in range(5):
        services.submit(harness.note)
    began = time.monotonic()
    dispatcher._listen(10)
    assert time.monotonic() - began < 5
    dispatcher._listen(0.3)
    assert time.monotonic() - began > 0.3


def test_it_says_that_it_lives(dispatcher):
    dispatcher.turn()
    assert Worker.objects.get(name=dispatcher.name).kind == "dispatcher"
