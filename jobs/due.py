"""When a periodic run was last due. Pure."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Protocol

#: Days to look back for a crontab's last due minute: 29 February comes every eight years at the worst.
LOOK_BACK: Final = 366 * 8 + 3


class Crontab(Protocol):
    """What is read of a ``celery.schedules.crontab``: the sets it expands its fields to."""

    minute: set[int]
    hour: set[int]
    day_of_week: set[int]
    day_of_month: set[int]
    month_of_year: set[int]


def last_due(every: Crontab | timedelta, now: datetime, zone: tzinfo) -> datetime:
    """The newest due time of ``every`` that is not after ``now`` (aware), in UTC.

    Two beats that fire a little apart get the same answer, so it names the run. A crontab is read in ``zone``; an
    interval is counted from 1970. Raises
    ValueError for a crontab that is never due.
    """
    if isinstance(every, timedelta):
        length = every.total_seconds()
        return datetime.fromtimestamp(now.timestamp() // length * length, UTC)
    months, days_of_month, days_of_week = every.month_of_year, every.day_of_month, every.day_of_week
    local = now.astimezone(zone)
    for days in range(LOOK_BACK):
        day = (local - timedelta(days=days)).date()
        if day.month not in months or day.day not in days_of_month or day.isoweekday() % 7 not in days_of_week:
            continue
        for hour in sorted(every.hour, reverse=True):
            for minute in sorted(every.minute, reverse=True):
                due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                if due <= now:
                    return due.astimezone(UTC)
    raise ValueError(f"{every} is never due.")
