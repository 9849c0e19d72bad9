"""Queues, processes, breakers, schedules and the overview."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from jobs import breakers, processes, services
from jobs.beat import sync_schedules
from jobs.models import Breaker, Job, QueueState, State, TaskTally
from tests.harness import tasks

pytestmark = pytest.mark.django_db


class TestQueues:
    def test_the_table(self, client):
        services.submit(tasks.note)
        processes.alive("worker@here", kind="worker", queues=["sync"], concurrency=2)
        page = client.get("/admin/jobs/queuestate/").content.decode()
        for name in ("sync", "reports", "no worker", "Pause"):
            assert name in page

    def test_pausing_asks_then_does_it_and_is_in_the_log(self, client, operator):
        address = "/admin/jobs/queuestate/mail/pause/"
        asked = client.get(address)
        assert "No job of this queue starts" in asked.content.decode()
        assert not QueueState.objects.filter(name="mail", paused_at__isnull=False).exists()

        assert client.post(address).status_code == 302
        state = QueueState.objects.get(name="mail")
        assert state.paused_at is not None
        assert state.paused_by == operator
        assert "paused" in client.get("/admin/jobs/queuestate/").content.decode()

        client.post("/admin/jobs/queuestate/mail/resume/")
        state.refresh_from_db()
        assert state.paused_at is None
        assert list(LogEntry.objects.order_by("id").values_list("object_id", "change_message")) == [
            ("mail", "Paused."),
            ("mail", "Resumed."),
        ]

    @pytest.mark.parametrize("verb", ["pause", "resume"])
    def test_no_such_queue(self, client, verb):
        assert client.post(f"/admin/jobs/queuestate/nonsense/{verb}/").status_code == 404
        assert not QueueState.objects.filter(name="nonsense").exists()


class TestBreakers:
    @pytest.mark.parametrize("name", ["shopee-vn", "bank_one/two"])
    def test_forcing_needs_a_reason(self, client, name):
        with breakers.breaker(name):
            pass
        response = client.post(f"/admin/jobs/breaker/{name}/force/open/", {"reason": "  "})
        assert response.status_code == 200
        assert Breaker.objects.get(name=name).state == "closed"
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("name", ["shopee-vn", "bank_one/two"])
    def test_open_closed_and_released(self, client, operator, name):
        with breakers.breaker(name):
            pass

        def force(how):
            response = client.post(f"/admin/jobs/breaker/{name}/force/{how}/", {"reason": f"why {how}"})
            assert response.status_code == 302
            assert client.get(response["Location"]).status_code == 200
            return Breaker.objects.get(name=name)

        opened = force("open")
        assert (opened.state, opened.forced) == ("open", True)
        assert "why open" in opened.reason
        closed = force("closed")
        assert (closed.state, closed.forced) == ("closed", True)
        released = force("release")
        assert (released.state, released.forced) == ("closed", False)
        messages = LogEntry.objects.filter(user=operator).order_by("id").values_list("change_message", flat=True)
        assert [message.rpartition(": ")[2] for message in messages] == ["why open", "why closed", "why release"]

    def test_it_says_what_will_happen_first(self, client):
        with breakers.breaker("bank"):
            pass
        page = client.get("/admin/jobs/breaker/bank/force/open/").content.decode()
        assert "Nothing calls this neighbour until the breaker is released" in page

    @pytest.mark.parametrize("address", ["nonsense/force/open/", "bank/force/nonsense/"])
    def test_nonsense(self, client, address):
        with breakers.breaker("bank"):
            pass
        assert client.post(f"/admin/jobs/breaker/{address}", {"reason": "x"}).status_code == 404


class TestSchedules:
    @pytest.fixture
    def schedule(self) -> PeriodicTask:
        sync_schedules()
        return PeriodicTask.objects.get(name="purge old jobs")

    def run_now(self, client, *entries, confirmed=True):
        data = {"action": "run_now", "_selected_action": [entry.pk for entry in entries]}
        return client.post(
            "/admin/django_celery_beat/periodictask/", data | ({"confirmed": "yes"} if confirmed else {}), follow=True
        )

    def test_run_now_asks_then_submits_a_job(self, client, schedule):
        assert "Run 1 schedule now?" in self.run_now(client, schedule, confirmed=False).content.decode()
        assert not Job.objects.exists()

        page = self.run_now(client, schedule).content.decode()

        job = Job.objects.get(task="jobs.purge")
        assert job.state == State.WAITING
        assert job.shown_code in page
        assert LogEntry.objects.get().object_id == str(schedule.pk)

    def test_arguments_that_the_task_does_not_take_are_said(self, client, schedule):
        schedule.kwargs = json.dumps({"nonsense": 1})
        schedule.save()
        assert "nonsense" in self.run_now(client, schedule).content.decode()
        assert not Job.objects.exists()

    def test_a_task_of_celerys_own_is_left_alone(self, client, schedule):
        other = PeriodicTask.objects.create(
            name="backend cleanup", task="celery.backend_cleanup", interval=schedule.interval, crontab=schedule.crontab
        )
        page = self.run_now(client, schedule, other, confirmed=False).content.decode()
        assert "1 other of those you chose" in page

    def test_its_own_fields_stay_editable_without_an_inline_script(self, client, schedule):
        address = f"/admin/django_celery_beat/periodictask/{schedule.pk}/change/"
        page = client.get(address)
        assert "<script>" not in page.content.decode()
        assert 'id="periodic-task-overrides"' not in page.content.decode()
        form = page.context["adminform"].form
        data = {name: form.initial.get(name) or "" for name in form.fields} | {
            "enabled": "",
            "args": "[]",
            "kwargs": "{}",
            "headers": "{}",
            "task": "jobs.purge",
        }
        assert client.post(address, data).status_code == 302
        schedule.refresh_from_db()
        assert not schedule.enabled


class TestOverview:
    def test_it_says_what_is_missing(self, client):
        page = client.get("/admin/").content.decode()
        assert "No dispatcher is running" in page
        assert "Beat is not running" in page
        assert "No worker is running" in page

    def test_it_shows_what_failed_and_what_is_stopped(self, client, operator):
        processes.alive("worker@here", kind="worker", queues=["sync"])
        job = services.submit(tasks.note)
        Job.objects.filter(pk=job.pk).update(
            state=State.FAILED, turn=None, finished_at=timezone.now(), error_message="The file is empty."
        )
        breakers.force_open("bank", "maintenance", operator)
        services.pause_queue("mail_bulk")

        page = client.get("/admin/").content.decode()

        for word in (job.shown_code, "The file is empty.", "maintenance", "Paused by an operator: mail_bulk."):
            assert word in page
        assert "No worker is running" not in page
        assert "No worker serves" in page

    def test_as_many_queries_whatever_there_is(self, client, django_assert_max_num_queries):
        TaskTally.objects.create(task="t", queue="q", outcome="succeeded")
        services.submit_many(tasks.note, [{"word": str(number)} for number in range(50)])
        with django_assert_max_num_queries(14):
            client.get("/admin/")
