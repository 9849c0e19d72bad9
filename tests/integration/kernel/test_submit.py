"""Submitting: a row in the caller's transaction, and nothing else."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from jobs import services
from jobs.models import Job, State
from jobs.trace import trace_id
from tests.harness import tasks as harness

pytestmark = pytest.mark.django_db(transaction=True)


def person(name="lan"):
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user(name)


def test_the_row_commits_or_not_with_the_caller():
    with transaction.atomic():
        services.submit(harness.note, word="lost")
        transaction.set_rollback(True)
    assert not Job.objects.exists()
    with transaction.atomic():
        job = services.submit(harness.note, word="kept")
    kept = Job.objects.get()
    assert (kept.pk, kept.code, kept.arguments, kept.state) == (job.pk, job.code, {"word": "kept"}, State.WAITING)
    assert kept.created_at == job.created_at


def test_it_never_talks_to_the_broker(monkeypatch):
    from celery import Celery

    monkeypatch.setattr(Celery, "send_task", lambda *_, **__: pytest.fail("published"))
    services.submit(harness.note, word="x")


def test_wrong_arguments_are_refused_to_the_submitter():
    with pytest.raises(TypeError, match="colour"):
        services.submit(harness.note, colour="red")
    with pytest.raises(TypeError, match="missing"):
        services.submit_many(harness.work, [{"seconds": 1}, {}])
    assert not Job.objects.exists()


def test_an_active_twin_is_returned_instead():
    first = services.submit(harness.note, dedupe_key="report:7", word="a")
    again = services.submit(harness.note, dedupe_key="report:7", word="b")
    assert again.pk == first.pk
    services.cancel(first)
    fresh = services.submit(harness.note, dedupe_key="report:7", word="c")
    assert fresh.pk != first.pk
    assert Job.objects.count() == 2


def test_twins_race_and_one_is_written(monkeypatch):
    """The other's row commits between our look and our insert; then it is over before we look again."""
    theirs = services.submit(harness.note, dedupe_key="k")
    looked = Job.objects.filter

    def over_in_between(*args, **kwargs):
        monkeypatch.undo()
        Job.objects.filter(pk=theirs.pk).update(state=State.SUCCEEDED, finished_at=timezone.now(), turn=None)
        return looked(*args, **kwargs)

    monkeypatch.setattr(Job.objects, "filter", over_in_between)
    assert services.submit(harness.note, dedupe_key="k").pk != theirs.pk


def test_many_in_one_statement(django_assert_max_num_queries):
    ids = services.submit_many(harness.note, ({"word": str(number)} for number in range(1000)))
    words = dict(Job.objects.values_list("pk", "arguments__word"))
    assert [words[job_id] for job_id in ids] == [str(number) for number in range(1000)]


def test_none_at_all():
    assert services.submit_many(harness.note, []) == []


def test_later_work_sleeps_until_then():
    due = timezone.now() + timedelta(hours=2)
    job = services.submit(harness.note, run_at=due)
    job.refresh_from_db()
    assert (job.turn, job.ring_at, job.run_at) == (None, due, due)


def test_reminders_ring_a_little_ahead():
    due = timezone.now() + timedelta(hours=2)
    job = services.submit(harness.remind, run_at=due, due=0.0)
    job.refresh_from_db()
    assert job.run_at - job.ring_at == timedelta(seconds=120)


def test_it_carries_the_trace_of_the_request():
    token = trace_id.set("a" * 32)
    try:
        job = services.submit(harness.note)
    finally:
        trace_id.reset(token)
    assert Job.objects.get(pk=job.pk).trace_id == "a" * 32


def test_only_interactive_queues_notify():
    with connection.cursor() as cursor:
        cursor.execute("LISTEN jobs")
    services.submit(harness.note)  # sync is interactive
    services.submit(harness.remind, due=0.0)  # reminders is not
    raw = connection.connection
    assert [note.payload for note in raw.notifies(timeout=0.5)] == ["sync"]
    with connection.cursor() as cursor:
        cursor.execute("UNLISTEN jobs")


def test_owners_take_turns(ring):
    busy, other = person("busy"), person("other")
    services.submit_many(harness.note, [{"word": "busy"}] * 1000, owner=busy)
    assert len(ring(room=10)) == 10
    services.submit(harness.note, word="other", owner=other)
    next_words = [Job.objects.get(pk=bell.job_id).arguments["word"] for bell in ring(room=2)]
    assert "other" in next_words


def test_owners_take_turns_with_delayed_work_too(ring):
    busy, other = person("busy"), person("other")
    services.submit_many(harness.note, [{"word": "busy"}] * 500, owner=busy, run_at=timezone.now() + timedelta(days=1))
    services.submit(harness.note, word="other", owner=other, run_at=timezone.now() + timedelta(days=1))
    Job.objects.update(ring_at=timezone.now(), run_at=timezone.now())
    words = [Job.objects.get(pk=bell.job_id).arguments["word"] for bell in ring(room=3)]
    assert "other" in words


class TestGroups:
    def test_the_parent_starts_after_its_children(self, drain, journal):
        parent = services.submit_group(
            [(harness.note, {"word": "a"}), (harness.note, {"word": "b"}), (harness.permanent, {})], then=harness.join
        )
        drain()
        parent.refresh_from_db()
        assert (parent.state, parent.result) == (State.SUCCEEDED, {"failed": 1})
        events = [line.split('"event": "')[1].split('"')[0] for line in journal.read_text().splitlines()]
        assert events[-1] == "joined"

    def test_without_children_it_starts_at_once(self, drain, journal):
        parent = services.submit_group([], then=harness.join)
        drain()
        parent.refresh_from_db()
        assert parent.state == State.SUCCEEDED

    def test_cancelling_the_parent_cancels_the_children(self, drain, journal):
        parent = services.submit_group([(harness.note, {"word": "a"})] * 3, then=harness.join)
        services.cancel(parent)
        assert drain() == []
        assert set(Job.objects.values_list("state", flat=True)) == {State.CANCELLED}

    def test_a_cancelled_child_counts_as_failed(self, drain, journal):
        parent = services.submit_group([(harness.note, {"word": "a"}), (harness.note, {})], then=harness.join)
        services.cancel(Job.objects.filter(parent=parent).first())
        drain()
        parent.refresh_from_db()
        assert parent.result == {"failed": 1}
