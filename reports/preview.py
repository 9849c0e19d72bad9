"""What a report would look like, before anybody asks for it: its first rows, and how long it will take."""

from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final

from django.db.models import F
from django.utils.formats import date_format, number_format

from reports.models import Report
from reports.rows import Holds
from reports.specs import Column, Format, Spec
from shop.money import show

ROWS: Final = 5
#: Rows on one page of a PDF file, where none takes two lines.
_ROWS_A_PAGE: Final = 45
#: So many reports are asked.
_LATEST: Final = 5
#: Reports of fewer rows say little about how long a row takes.
_ROWS_THAT_TELL: Final = 5_000
#: Seconds that a row takes where no report has told yet, and that any report takes besides.
_SECONDS_A_ROW: Final = 40e-6
_SECONDS: Final = 1.0


def first_rows(
    spec: Spec, columns: Sequence[Column], *, start: datetime, end: datetime, zone: tzinfo, language: str
) -> list[list[str]]:
    """The cells of the first rows, as words for the screen."""
    found = spec.rows(start=start, end=end).values_list(
        *(column.path for column in columns), spec.currency, spec.decimals
    )[:ROWS]
    return [
        [
            _shown(column, value, currency=currency, decimals=decimals, zone=zone, language=language)
            for column, value in zip(columns, values, strict=True)
        ]
        for *values, currency, decimals in found
    ]


def _shown(column: Column, value: Any, *, currency: str, decimals: int, zone: tzinfo, language: str) -> str:
    if value is None:
        return ""
    words: dict[Holds, Callable[[], str]] = {
        Holds.TEXT: lambda: str(dict(column.labels.choices).get(value, value) if column.labels else value),
        Holds.NUMBER: lambda: number_format(value),
        Holds.MONEY: lambda: show(value, currency, decimals, language=language),
        Holds.MOMENT: lambda: date_format(value.astimezone(zone), "SHORT_DATETIME_FORMAT"),
        Holds.DATE: lambda: date_format(value, "SHORT_DATE_FORMAT"),
    }
    return words[column.holds]()


def seconds_for(rows: int, format: Format) -> float:
    """How long a report of so many rows will take, judging by the latest ones of its format."""
    latest = (
        Report.objects.filter(format=format, row_count__gte=_ROWS_THAT_TELL, job__finished_at__isnull=False)
        .order_by("-created_at")
        .values_list("row_count", F("job__finished_at") - F("job__started_at"))[:_LATEST]
    )
    told = [took.total_seconds() / counted for counted, took in latest]
    return _SECONDS + rows * (sum(told) / len(told) if told else _SECONDS_A_ROW)


def pages_for(rows: int) -> int:
    """About how many pages a PDF file of so many rows has, its cover not counted."""
    return -(-rows // _ROWS_A_PAGE)
