"""Beat writes rows. A periodic run that falls due becomes a job, whether or not the broker is there, and once only,
even with two beats: the run's due time is unique."""

import json
import logging
import os
import socket
import time
from datetime import timedelta
from typing import Any, Final

from celery.schedules import crontab, schedule
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from jobs import processes, services
from jobs import task as tasks
from jobs.due import last_due
from jobs.models import Job
from jobs.schedules import Schedule

log = logging.getLogger(__name__)

#: Seconds between two signs of life.
SIGN_OF_LIFE: Final = 5.0
_DECLARED: Final = "As in config/schedules.py: "


class RowScheduler(DatabaseScheduler):  # type: ignore[misc]
    """django-celery-beat's scheduler, submitting jobs instead of sending messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._name = f"beat@{socket.gethostname()}:{os.getpid()}"
        self._next_sign = 0.0
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        sync_schedules()
        self.update_from_dict(self.app.conf.beat_schedule)

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() >= self._next_sign:
            self._next_sign = time.monotonic() + SIGN_OF_LIFE
            try:
                processes.alive(self._name, kind="beat")
            except (DatabaseError, InterfaceError) as error:
                log.warning("The database is away: %s", error)
                connection.close()
        return min(float(super().tick(*args, **kwargs)), SIGN_OF_LIFE)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Submits the due run. Beat has advanced past it already, so this does not return before it is written."""
        if entry.task not in tasks.registered():
            super().apply_entry(entry, producer=producer)  # a plain Celery task that an operator scheduled
            return
        pause = 0.5
        while True:
            try:
                job = run_due(entry)
            except (DatabaseError, InterfaceError) as error:
                log.warning("Could not submit %s, trying again: %s", entry.name, error)
                connection.close()
                time.sleep(pause)
                pause = min(pause * 2, 5.0)
            except Exception:
                log.exception("The schedule %s cannot be submitted as it is", entry.name)
                return
            else:
                log.info("%s: %s", entry.name, f"submitted {job.shown_code}" if job else "done by another beat")
                return

    def close(self) -> None:
        super().close()
        try:
            processes.gone(self._name)
        except (DatabaseError, InterfaceError):
            connection.close()


def run_due(entry: Any) -> Job | None:
    """Submits the run of a due entry for its due time. None: another beat has. Raises LookupError, TypeError for an
    entry whose task or arguments are wrong."""
    task = tasks.get(entry.task)
    now = timezone.now()
    window = last_due(_plain(entry.schedule), now, timezone.get_default_timezone())
    return services.submit_scheduled(task, schedule=entry.name, window=window, arguments=entry.kwargs or {})


def _plain(every: Any) -> Any:
    """A django-celery-beat or Celery schedule as a crontab or a timedelta."""
    if isinstance(every, crontab):
        return every
    if isinstance(every, schedule):
        return every.run_every  # type: ignore[attr-defined]
    return timedelta(seconds=1)


def sync_schedules() -> None:
    """Upserts the schedules declared in code by name. What an operator changed (on/off, the time) is kept: the
    description says what the code last declared, and only an entry that still has that is moved to the new one."""
    declared: tuple[Schedule, ...] = settings.JOB_SCHEDULES
    with transaction.atomic():
        for row in declared:
            when, description = _when(row.every), f"{_DECLARED}{_words(row.every)}"
            entry, created = PeriodicTask.objects.select_for_update().get_or_create(
                name=row.name,
                defaults={"task": row.task, "kwargs": _json(row.arguments), "description": description, **when},
            )
            if created:
                continue
            untouched = entry.description == f"{_DECLARED}{_words(_plain(entry.schedule))}"
            entry.task, entry.kwargs = row.task, _json(row.arguments)
            if untouched and entry.description != description:
                entry.interval, entry.crontab = when.get("interval"), when.get("crontab")
                entry.description = description
            entry.save()


def _when(every: crontab | timedelta) -> dict[str, Any]:
    if isinstance(every, timedelta):
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=int(every.total_seconds()), period=IntervalSchedule.SECONDS
        )
        return {"interval": interval}
    row = CrontabSchedule.from_schedule(every)
    row.timezone = timezone.get_default_timezone_name()
    found = CrontabSchedule.objects.filter(
        minute=row.minute,
        hour=row.hour,
        day_of_week=row.day_of_week,
        day_of_month=row.day_of_month,
        month_of_year=row.month_of_year,
        timezone=row.timezone,
    ).first()
    if found is None:
        row.save()
        found = row
    return {"crontab": found}


def _words(every: Any) -> str:
    if isinstance(every, timedelta):
        return f"every {int(every.total_seconds())} s"
    fields = (every._orig_minute, every._orig_hour, every._orig_day_of_month, every._orig_month_of_year)  # noqa: SLF001
    return " ".join(map(str, (*fields, every._orig_day_of_week)))  # noqa: SLF001


def _json(arguments: Any) -> str:
    return json.dumps(dict(arguments), ensure_ascii=False)
