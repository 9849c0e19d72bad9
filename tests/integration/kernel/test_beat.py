"""Beat writes rows: once per window, whoever else beats, whether or not the broker is there."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from django.db import OperationalError
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from jobs import beat, services
from jobs.models import Job, ScheduledRun
from jobs.schedules import Schedule
from tests.harness.app import app

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hourly(settings):
    settings.JOB_SCHEDULES = (
        Schedule("note hourly", task="harness.note", every=crontab(minute="0"), arguments={"word": "tick"}),
    )
    beat.sync_schedules()
    return PeriodicTask.objects.get(name="note hourly")


def a_beat():
    return beat.RowScheduler(app=app, lazy=True)


def entry_of(scheduler):
    scheduler.setup_schedule()
    return scheduler.schedule["note hourly"]


def test_two_beats_submit_a_window_once(hourly):
    for scheduler in (a_beat(), a_beat()):
        scheduler.apply_entry(entry_of(scheduler))
    job = Job.objects.get(task="harness.note")
    assert job.arguments == {"word": "tick"}
    run = ScheduledRun.objects.get()
    assert (run.job, run.window.minute, run.window.second) == (job, 0, 0)


def test_the_next_window_is_submitted_again(hourly):
    scheduler = a_beat()
    scheduler.apply_entry(entry_of(scheduler))
    ScheduledRun.objects.update(window=timezone.now() - timedelta(hours=2))
    scheduler.apply_entry(entry_of(scheduler))
    assert Job.objects.count() == 2


def test_a_dead_broker_is_not_even_asked(hourly, monkeypatch):
    monkeypatch.setattr(app, "send_task", lambda *_, **__: pytest.fail("published"))
    monkeypatch.setattr(app, "connection_for_write", lambda *_, **__: pytest.fail("connected"))
    scheduler = a_beat()
    scheduler.apply_entry(entry_of(scheduler))
    assert Job.objects.count() == 1


def test_a_dead_database_delays_the_window_and_does_not_drop_it(hourly, monkeypatch):
    """Beat has advanced past the entry when it submits, so giving up would lose the hour."""
    scheduler = a_beat()
    entry = entry_of(scheduler)
    submit, failed = services.submit_scheduled, []

    def away_at_first(*args, **kwargs):
        if len(failed) < 2:
            failed.append(1)
            raise OperationalError("connection refused")
        return submit(*args, **kwargs)

    monkeypatch.setattr(services, "submit_scheduled", away_at_first)
    monkeypatch.setattr(beat.time, "sleep", lambda _: None)
    scheduler.apply_entry(entry)
    assert len(failed) == 2
    assert Job.objects.count() == 1


def test_a_wrong_entry_is_reported_and_stops_nobody(hourly, caplog):
    hourly.kwargs = '{"colour": "red"}'
    hourly.save()
    scheduler = a_beat()
    entry = beat.RowScheduler.Entry(hourly, app=app)
    scheduler.apply_entry(entry)
    assert "note hourly" in caplog.text
    assert not Job.objects.exists()
    assert not ScheduledRun.objects.exists()


class TestSync:
    def test_what_the_code_changes_is_changed(self, hourly, settings):
        settings.JOB_SCHEDULES = (Schedule("note hourly", task="harness.nothing", every=timedelta(seconds=90)),)
        beat.sync_schedules()
        hourly.refresh_from_db()
        assert (hourly.task, hourly.crontab, hourly.interval.every) == ("harness.nothing", None, 90)

    def test_what_an_operator_switched_off_stays_off(self, hourly):
        PeriodicTask.objects.filter(pk=hourly.pk).update(enabled=False)
        beat.sync_schedules()
        hourly.refresh_from_db()
        assert hourly.enabled is False

    def test_an_operators_time_survives_a_release(self, hourly, settings):
        hourly.crontab = None
        hourly.interval = IntervalSchedule.objects.create(every=7, period=IntervalSchedule.MINUTES)
        hourly.save()
        settings.JOB_SCHEDULES = (Schedule("note hourly", task="harness.nothing", every=crontab(minute="30")),)
        beat.sync_schedules()
        hourly.refresh_from_db()
        assert (hourly.task, hourly.interval.every, hourly.crontab) == ("harness.nothing", 7, None)

    def test_an_operators_crontab_survives_too(self, hourly, settings):
        hourly.crontab = CrontabSchedule.objects.create(minute="15", timezone="Asia/Ho_Chi_Minh")
        hourly.save()
        settings.JOB_SCHEDULES = (Schedule("note hourly", task="harness.nothing", every=crontab(minute="30")),)
        beat.sync_schedules()
        hourly.refresh_from_db()
        assert hourly.crontab.minute == "15"

    def test_twice_is_once(self, hourly):
        beat.sync_schedules()
        assert PeriodicTask.objects.count() == 1


def test_run_due_names_the_window_by_the_due_time(hourly, monkeypatch):
    monkeypatch.setattr(beat.timezone, "now", lambda: datetime(2026, 11, 25, 7, 0, 42, tzinfo=UTC))
    scheduler = a_beat()
    beat.run_due(entry_of(scheduler))
    assert ScheduledRun.objects.get().window == datetime(2026, 11, 25, 7, tzinfo=UTC)
