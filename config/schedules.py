"""THE table of periodic runs. Beat upserts it by name, when it starts, into
django-celery-beat's tables, and leaves alone what an operator changed there (on/off, interval)."""

from typing import Final

from celery.schedules import crontab

from jobs.schedules import Schedule

SCHEDULES: Final[tuple[Schedule, ...]] = (
    Schedule("purge old jobs", task="jobs.purge", every=crontab(hour="3", minute="10")),
    Schedule("reports that come by themselves", task="reports.run_schedules", every=crontab(minute="*/2")),
    Schedule("sweep report files", task="reports.sweep", every=crontab(minute="*/10")),
    Schedule("sweep uploads", task="media.sweep_uploads", every=crontab(minute="*/10")),
    Schedule("sweep media files", task="media.sweep_files", every=crontab(hour="4", minute="20")),
)
