"""Spans of days, as a shop counts them: a day begins at the shop's own midnight."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, Self

#: Spans that a person can name without writing a date.
NAMES: Final = (
    "last_year",
    "this_year",
    "last_quarter",
    "this_quarter",
    "last_month",
    "this_month",
)


class InvalidPeriod(ValueError):
    """The last day is before the first, or the name is not one of ``NAMES``."""


@dataclass(frozen=True, slots=True)
class Period:
    """The days from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidPeriod(f"{self.last} is before {self.first}.")

    @classmethod
    def year(cls, year: int) -> Self:
        return cls(date(year, 1, 1), date(year, 12, 31))

    @classmethod
    def named(cls, name: str, *, today: date) -> Self:
        """One of ``NAMES``; ``this_…`` ends today. Raises InvalidPeriod."""
        which, _, unit = name.partition("_")
        if name not in NAMES:
            raise InvalidPeriod(f"{name!r} is not one of {', '.join(NAMES)}.")
        begin = _BEGINNING[unit]
        if which == "this":
            return cls(begin(today), today)
        last = begin(today) - timedelta(days=1)
        return cls(begin(last), last)

    def instants(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """The half-open span [start, end) in UTC: end is the midnight in ``zone`` after the last day."""
        start = datetime.combine(self.first, time.min, zone)
        end = datetime.combine(self.last + timedelta(days=1), time.min, zone)
        return start.astimezone(UTC), end.astimezone(UTC)


def _month(day: date) -> date:
    return day.replace(day=1)


def _quarter(day: date) -> date:
    return day.replace(month=day.month - (day.month - 1) % 3, day=1)


def _year(day: date) -> date:
    return day.replace(month=1, day=1)


_BEGINNING: Final = {"month": _month, "quarter": _quarter, "year": _year}
