"""What a report would look like, before anybody asks for it: its first rows, and how long it will take."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final

from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils.formats import date_format, number_format
from psycopg.errors import QueryCanceled

from reports.models import Report
from reports.rows import Holds
from reports.selection import Selection
from reports.specs import CURRENCY, Column, Format
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
#: Seconds that a query of a page can take.
_PATIENCE: Final = 2


class TakesLonger(Exception):
    """More than a person who fills in a form waits for."""


@contextmanager
def in_no_time() -> Iterator[None]:
    """Raises TakesLonger where a query inside takes too long for a page."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{_PATIENCE}s"])
            yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TakesLonger from None
        raise


def first_rows(selection: Selection, *, language: str) -> list[list[str]]:
    """The cells of the first rows, as words for the screen."""
    columns = selection.columns
    currency = [column.name for column in columns].index(CURRENCY)
    return [
        [
            _shown(column, value, currency=values[currency], decimals=decimals, language=language)
            for column, value in zip(columns, values, strict=True)
        ]
        for *values, decimals in selection.rows()[:ROWS]
    ]


def _shown(column: Column, value: Any, *, currency: str, decimals: int, language: str) -> str:
    if value is None:
        return ""
    words: dict[Holds, Callable[[], str]] = {
        Holds.TEXT: lambda: str(dict(column.labels.choices).get(value, value) if column.labels else value),
        Holds.NUMBER: lambda: number_format(value),
        Holds.PERCENT: lambda: f"{number_format(value / 100, 2)}%",
        Holds.MONEY: lambda: show(int(value), currency, decimals, language=language),
        Holds.MOMENT: lambda: date_format(_clock(value), "SHORT_DATETIME_FORMAT"),
        Holds.DATE: lambda: date_format(value, "SHORT_DATE_FORMAT"),
        Holds.MONTH: lambda: date_format(value, "m/Y"),
    }
    return words[column.holds]()


def _clock(value: datetime | date) -> datetime | date:
    """A wall-clock time that Django has taken for UTC, for it knows of no other."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


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
