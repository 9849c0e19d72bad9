"""When something that recurs is next due, by the shop's clock."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.db import models
from django.utils.translation import gettext_lazy as _


class Every(models.TextChoices):
    NEVER = "never", _("Only when I ask for it")
    DAY = "day", _("Every day")
    WEEK = "week", _("Every week")
    MONTH = "month", _("Every month")


@dataclass(frozen=True, slots=True)
class Recurrence:
    """``weekday``: 0 is Monday. ``day``: of the month; its last one where a month is shorter. ``hour``: 0 to 23."""

    every: Every
    weekday: int
    day: int
    hour: int

    def next_after(self, now: datetime, zone: tzinfo) -> datetime | None:
        """The first time after ``now``, in UTC; None: never."""
        if self.every == Every.NEVER:
            return None
        today = now.astimezone(zone).date()
        # A rhythm's next time is at most a month and a day away.
        for days in range(33):
            day = today + timedelta(days=days)
            at = datetime.combine(day, time(self.hour), zone).astimezone(UTC)
            if self._is_on(day) and at > now:
                return at
        raise AssertionError(f"{self} does not recur.")

    def _is_on(self, day: date) -> bool:
        if self.every == Every.WEEK:
            return day.weekday() == self.weekday
        if self.every == Every.MONTH:
            return day.day == min(self.day, monthrange(day.year, day.month)[1])
        return True
