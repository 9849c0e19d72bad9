"""The operators' pages about jobs: finding them, reading them, acting on them."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from jobs import admin as jobs_admin
from jobs import services
from jobs.models import Job, JobEvent, State
from tests.harness import tasks

pytestmark = pytest.mark.django_db

LIST = "/admin/jobs/job/"


def conclude(job: Job, state: State, **fields: object) -> Job:
    Job.objects.filter(pk=job.pk).update(state=state, finished_at=timezone.now(), turn=None, lease_until=None, **fields)
    job.refresh_from_db()
    return job


def shown(response) -> set[str]:
    """The codes of the jobs that a list shows."""
    assert response.status_code == 200
    table = response.content.decode().partition('id="result_list"')[2].partition("</table>")[0]
    return set(re.findall(r"<code>([0-9A-Z-]+)</code>", table))


def act(client, name: str, *jobs: Job, confirmed: bool = True, **more: str):
    data = {"action": name, "_selected_action": [str(job.pk) for job in jobs], **more}
    return client.post(LIST, data | ({"confirmed": "yes"} if confirmed else {}))


class TestFinding:
    @pytest.mark.parametrize("typed", ["{shown}", "{code}", "{lower}", " {lower} ", "{id}"])
    def test_by_code_as_people_type_it_or_by_id(self, client, typed):
        job, _other = services.submit(tasks.note), services.submit(tasks.note)
        words = {"shown": job.shown_code, "code": job.code, "lower": job.shown_code.lower(), "id": str(job.pk)}
        assert shown(client.get(LIST, {"q": typed.format(**words)})) == {job.shown_code}

    def test_by_a_whole_dedupe_key_only(self, client):
        job = services.submit(tasks.note, dedupe_key="report:2025")
        services.submit(tasks.note, dedupe_key="report:2026")
        assert shown(client.get(LIST, {"q": "report:2025"})) == {job.shown_code}
        assert shown(client.get(LIST, {"q": "report"})) == set()

    @pytest.mark.parametrize("state", State.values)
    def test_by_state(self, client, state):
        jobs = {}
        for each in State:
            job = jobs[each.value] = services.submit(tasks.note)
            if each in {State.SUCCEEDED, State.FAILED, State.CANCELLED}:
                conclude(job, each)
        running = jobs["running"]
        Job.objects.filter(pk=running.pk).update(state=State.RUNNING, turn=None, lease_until=timezone.now())
        assert shown(client.get(LIST, {"state": state})) == {jobs[state].shown_code}

    def test_waiting_is_ready_rung_and_asleep_alike(self, client):
        ready, rung = services.submit(tasks.note), services.submit(tasks.note)
        asleep = services.submit(tasks.note, run_at=timezone.now() + timedelta(hours=1))
        Job.objects.filter(pk=rung.pk).update(turn=None, rings=1)
        assert shown(client.get(LIST, {"state": "waiting"})) == {ready.shown_code, rung.shown_code, asleep.shown_code}

    def test_by_queue_task_and_trouble(self, client):
        note, reminder = services.submit(tasks.note), services.submit(tasks.remind, due=0.0)
        failing, deadly = services.submit(tasks.note), services.submit(tasks.note)
        Job.objects.filter(pk=failing.pk).update(failures=2)
        Job.objects.filter(pk=deadly.pk).update(deaths=1)
        assert shown(client.get(LIST, {"queue": "reminders"})) == {reminder.shown_code}
        assert note.shown_code not in shown(client.get(LIST, {"task": "harness.remind"}))
        assert shown(client.get(LIST, {"trouble": "failures"})) == {failing.shown_code}
        assert shown(client.get(LIST, {"trouble": "deaths"})) == {deadly.shown_code}

    def test_it_counts_no_further_than_it_must(self, client, monkeypatch):
        monkeypatch.setattr(jobs_admin.CappedPaginator, "limit", 3)
        services.submit_many(tasks.note, [{"word": str(number)} for number in range(5)])
        assert "more than 3" in client.get(LIST).content.decode()

    def test_as_many_queries_whatever_the_list_shows(self, client, operator, django_assert_max_num_queries):
        services.submit_many(tasks.note, [{"word": str(number)} for number in range(60)], owner=operator)
        with django_assert_max_num_queries(8):
            client.get(LIST)


class TestReading:
    def test_a_failed_job_with_its_story(self, client):
        job = services.submit(tasks.note, word="đơn hàng <1>")
        JobEvent.objects.create(job=job, kind=JobEvent.Kind.ATTEMPT_FAILED, attempt=1, message="Busy.", detail="E503")
        conclude(job, State.FAILED, error_class="ValueError", error_message="It broke.", error_detail="Traceback: x")

        page = client.get(f"{LIST}{job.pk}/change/").content.decode()

        for word in (job.shown_code, "Busy.", "E503", "It broke.", "Traceback: x", "đơn hàng &lt;1&gt;", "Try again"):
            assert word in page
        assert "Ring again now" not in page

    def test_a_group_lists_its_parts(self, client):
        parent = services.submit_group([(tasks.note, {"word": "a"}), (tasks.note, {"word": "b"})], then=tasks.join)
        page = client.get(f"{LIST}{parent.pk}/change/").content.decode()
        for child in parent.children.all():
            assert child.shown_code in page

    @pytest.mark.parametrize("key", ["0198c0de-0000-7000-8000-000000000000", "nonsense"])
    def test_no_such_job(self, client, key):
        response = client.get(f"{LIST}{key}/change/")
        assert response.status_code == 302
        assert response["Location"] == "/admin/"


class TestActing:
    @pytest.mark.parametrize("name", ["retry", "cancel", "requeue"])
    def test_it_asks_first_and_says_how_many(self, client, name):
        jobs = [services.submit(tasks.note) for _ in range(2)]
        done = conclude(services.submit(tasks.note), State.SUCCEEDED)
        if name == "retry":
            jobs = [conclude(job, State.FAILED) for job in jobs]
        before = list(Job.objects.order_by("pk").values())

        page = act(client, name, *jobs, done, confirmed=False).content.decode()

        assert "2 jobs" in page
        assert "1 other of those you chose" in page
        assert done.shown_code not in page
        assert list(Job.objects.order_by("pk").values()) == before
        assert not JobEvent.objects.exists()

    def test_what_the_page_sends_is_what_happens(self, client, operator):
        """The form of the confirmation page, posted as a browser would."""
        job = services.submit(tasks.note)
        page = act(client, "cancel", job, confirmed=False).content.decode()
        form = page.partition('<div class="card confirm-body">')[2]
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
        assert re.search(r'<form method="post" action="([^"]+)"', form)[1] == LIST

        client.post(LIST, {name: value for name, value in hidden if name != "csrfmiddlewaretoken"})

        job.refresh_from_db()
        assert job.state == State.CANCELLED

    @pytest.mark.parametrize(
        ("name", "kind", "state"),
        [
            ("retry", JobEvent.Kind.RETRIED, State.WAITING),
            ("cancel", JobEvent.Kind.CANCEL_REQUESTED, State.CANCELLED),
            ("requeue", JobEvent.Kind.REQUEUED, State.WAITING),
        ],
    )
    def test_it_leaves_its_mark_with_the_job_and_in_the_log(self, client, operator, name, kind, state):
        job = services.submit(tasks.note)
        if name == "retry":
            conclude(job, State.FAILED)

        response = act(client, name, job)

        assert response.status_code == 302
        job.refresh_from_db()
        assert job.state == state
        event = job.events.get()
        assert (event.kind, event.actor) == (kind, operator)
        entry = LogEntry.objects.get()
        assert (entry.user, entry.object_id) == (operator, str(job.pk))
        assert entry.change_message

    def test_a_running_job_is_asked_to_stop(self, client):
        job = services.submit(tasks.note)
        Job.objects.filter(pk=job.pk).update(state=State.RUNNING, turn=None, lease_until=timezone.now())
        act(client, "cancel", job)
        job.refresh_from_db()
        assert job.state == State.RUNNING
        assert job.cancel_requested_at is not None

    def test_what_has_changed_meanwhile_is_left_alone_and_said(self, client, monkeypatch):
        """The job succeeds between the page that shows it and the change: the window is opened on purpose."""
        job = services.submit(tasks.note)
        real = services.cancel

        def after_it_succeeded(job, *, actor):
            conclude(job, State.SUCCEEDED)
            return real(job, actor=actor)

        (cancel,) = [each for each in jobs_admin.ACTS if each.name == "cancel"]
        monkeypatch.setattr(jobs_admin.JobAdmin, "actions", [replace(cancel, change=after_it_succeeded)])

        response = client.post(
            LIST, {"action": "cancel", "_selected_action": [str(job.pk)], "confirmed": "yes"}, follow=True
        )

        assert "left as it is" in response.content.decode()
        job.refresh_from_db()
        assert job.state == State.SUCCEEDED
        assert not LogEntry.objects.exists()

    def test_not_too_many_at_once(self, client, monkeypatch):
        monkeypatch.setattr(jobs_admin, "ACTION_LIMIT", 2)
        jobs = [services.submit(tasks.note) for _ in range(3)]
        response = client.post(
            LIST,
            {"action": "cancel", "_selected_action": [str(job.pk) for job in jobs], "confirmed": "yes"},
            follow=True,
        )
        assert "at most 2 jobs" in response.content.decode()
        assert Job.objects.filter(state=State.WAITING).count() == 3
