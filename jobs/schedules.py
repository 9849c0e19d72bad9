"""What a periodic run is. The table itself is ``config/schedules.py``; the kernel reads it through
``settings.JOB_SCHEDULES``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from celery.schedules import crontab


@dataclass(frozen=True, slots=True)
class Schedule:
    """A job submitted again and again: ``task`` by its name, ``every`` by crontab (shop's time) or interval."""

    name: str
    task: str
    every: crontab | timedelta
    arguments: Mapping[str, object] = field(default_factory=dict)
