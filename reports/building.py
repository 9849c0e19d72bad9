"""Makes a report's file: written from one snapshot of the database, read back, stored, and only then recorded.

Killed anywhere, it leaves nothing that anybody sees: the file being written has no name, and a stored file counts only
once the report's row names it. What was stored but not recorded is swept by ``reports.retention``.
"""

import errno
import hashlib
import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from jobs.run import Run
from jobs.task import LeaseLost, Permanent, Transient
from reports import files, readback, xlsx
from reports.models import Report
from reports.specs import Column, Holds
from shop.money import to_decimal
from shop.orders.queries import RevenueTotal

log = logging.getLogger(__name__)

#: How long a finished file is kept.
KEEP: Final = timedelta(days=7)
_ROWS_AT_ONCE: Final = 2000
_ROWS: Final = gettext_noop("rows")
_ROWS_READ_BACK: Final = gettext_noop("rows, now being checked")
_BLOCK: Final = 1 << 20
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class WrongFile(Exception):
    """The file read back is not what the database added up to: a bug of ours. Nobody gets to see that file."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What was written, as the database counts it."""

    as_of: datetime
    totals: list[RevenueTotal]

    @property
    def rows(self) -> int:
        return sum(total.lines for total in self.totals)


def build(report_id: UUID, *, run: Run) -> dict[str, Any]:
    """Makes the report's file unless it is there; returns the job's result, a link to the report.

    Raises Cancelled and LeaseLost (nothing is left behind), Transient where the disk is full, Permanent where the
    report is gone, WrongFile where the file does not hold what the database holds.
    """
    report = Report.objects.filter(pk=report_id).select_related("owner").first()
    if report is None:
        raise Permanent(_("The report was deleted, so there is nothing to make."))
    with translation.override(report.language):
        if report.ready_at is None:
            try:
                with TemporaryFile() as file:
                    content = _write(report, file, run)
                    _read_back(report, file, content, run)
                    _publish(report, file, content, run)
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                log.error("No room for the file of report %s", report.code)  # noqa: TRY400 (a full disk is no bug)
                raise Transient(_("There is no room to store the file at the moment. We will try again.")) from error
        return {"url": report.get_absolute_url(), "label": _("Open the report")}


@contextmanager
def _snapshot() -> Iterator[datetime]:
    """Everything read inside is as it was at one moment, which is handed in."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SELECT clock_timestamp()")
            (as_of,) = cursor.fetchone()
        yield as_of


def _write(report: Report, file: BinaryIO, run: Run) -> _Content:
    spec = report.spec
    start, end = report.period.instants(timezone.get_default_timezone())
    columns = spec.selected(report.columns)
    with _snapshot() as as_of:
        content = _Content(as_of, list(spec.totals(start=start, end=end)))
        run.progress(0, content.rows, _ROWS)
        title = f"{spec.title} {_days(report)}"
        author = report.owner.shown_name
        with (
            closing(_rows(report, columns, run)) as rows,
            xlsx.Workbook(file, title=title, author=author, created=as_of) as book,
        ):
            book.page(_("Summary"), title, _summary(report, content, author), widths=(28, 48))
            written = book.table(_table(report), [xlsx.Column(str(one.title), one.width) for one in columns], rows)
    if written != content.rows:
        raise WrongFile(f"{written} rows written, {content.rows} counted.")
    return content


def _table(report: Report) -> str:
    return str(report.spec.title)


def _days(report: Report) -> str:
    return f"{date_format(report.first_day, 'SHORT_DATE_FORMAT')} – {date_format(report.last_day, 'SHORT_DATE_FORMAT')}"


def _rows(report: Report, columns: Sequence[Column], run: Run) -> Generator[list[xlsx.Value]]:
    spec = report.spec
    start, end = report.period.instants(timezone.get_default_timezone())
    converters = [_CONVERTERS[column.holds](column) for column in columns]
    paths = [column.path for column in columns]
    found = spec.rows(start=start, end=end).values_list(*paths, spec.currency, spec.decimals)
    with closing(_streamed(found)) as tuples:
        for number, (*values, currency, decimals) in enumerate(tuples, start=1):
            yield [
                None if value is None else convert(value, currency, decimals)
                for convert, value in zip(converters, values, strict=True)
            ]
            if not number % _ROWS_AT_ONCE:
                run.progress(number)


def _streamed(found: QuerySet[Any, Any]) -> Generator[tuple[Any, ...]]:
    yield from found.iterator(chunk_size=_ROWS_AT_ONCE)


_Converter = Callable[[Any, str, int], xlsx.Value]


def _text(column: Column) -> _Converter:
    if column.labels is None:
        return lambda value, _currency, _decimals: value
    words = {value: str(label) for value, label in column.labels.choices}
    return lambda value, _currency, _decimals: words.get(value, value)


def _number(_column: Column) -> _Converter:
    return lambda value, _currency, _decimals: value


def _money(_column: Column) -> _Converter:
    return to_decimal


def _moment(_column: Column) -> _Converter:
    zone = timezone.get_default_timezone()
    return lambda value, _currency, _decimals: value.astimezone(zone).replace(tzinfo=None)


_CONVERTERS: Final = {Holds.TEXT: _text, Holds.NUMBER: _number, Holds.MONEY: _money, Holds.MOMENT: _moment}


def _summary(report: Report, content: _Content, author: str) -> Iterator[tuple[str, xlsx.Value]]:
    zone = timezone.get_default_timezone()
    yield _("Report"), str(report.spec.title)
    yield _("First day"), report.first_day
    yield _("Last day"), report.last_day
    yield _("Time zone"), str(zone)
    yield _("What is in it"), str(report.spec.covers)
    yield _("Data as of"), content.as_of.astimezone(zone).replace(tzinfo=None, microsecond=0)
    yield _("Made for"), author
    yield _("Lookup code"), report.shown_code
    yield _("Rows"), content.rows
    for total in content.totals:
        currency = total.revenue.currency
        yield _("Rows in %(currency)s") % {"currency": currency}, total.lines
        yield _("Quantity in %(currency)s") % {"currency": currency}, total.quantity
        yield _("Revenue in %(currency)s") % {"currency": currency}, total.revenue.value


def _read_back(report: Report, file: BinaryIO, content: _Content, run: Run) -> None:
    """Raises WrongFile unless the file, read from its bytes, adds up to what the database did."""
    run.progress(content.rows, content.rows, _ROWS_READ_BACK)
    letters = {
        column.name: xlsx.column_letters(place) for place, column in enumerate(report.spec.selected(report.columns))
    }
    try:
        found = readback.read_table(
            file,
            table=_table(report),
            key=letters[report.spec.key],
            numbers=[letters[name] for name in report.spec.sums],
            checkpoint=run.checkpoint,
        )
    except readback.Unreadable as error:
        raise WrongFile(str(error)) from error
    expected = {total.revenue.currency: (Decimal(total.quantity), total.revenue.value) for total in content.totals}
    if (found.rows, dict(found.sums)) != (content.rows, expected):
        raise WrongFile(f"Read back {found.rows} rows {found.sums}; the database has {content.rows} rows {expected}.")


def _publish(report: Report, file: BinaryIO, content: _Content, run: Run) -> None:
    file.seek(0)
    digest, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK):
        digest.update(block)
        size += len(block)
    if not run.lease_ok():
        raise LeaseLost
    # The attempt is in the name: a worker that was frozen past its lease cannot write over its successor's file.
    key = files.save(f"{report.pk}-{run.attempt}.{report.format}", file)
    with transaction.atomic():
        run.hold()
        recorded = Report.objects.filter(pk=report.pk, ready_at=None).update(
            ready_at=Now(),
            expires_at=Now() + KEEP,
            as_of=content.as_of,
            row_count=content.rows,
            totals=[
                {
                    "currency": total.revenue.currency,
                    "decimals": total.revenue.decimals,
                    "lines": total.lines,
                    "quantity": total.quantity,
                    "revenue": total.revenue.amount,
                }
                for total in content.totals
            ],
            file_key=key,
            size=size,
            sha256=digest.hexdigest(),
        )
    if not recorded:
        raise Permanent(_("The report was deleted while it was being made."))
    run.unit = _ROWS  # no checkpoint any more: the file is there
