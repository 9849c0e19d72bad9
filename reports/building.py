"""Makes a report's file: written from one moment of the database, stored, read back, and only then recorded.

Killed anywhere, it leaves nothing that anybody sees: a stored file counts only once the report's row names it. What was
stored but not recorded is swept by ``reports.retention``. Parts that were finished are taken over by the next attempt:
see ``reports.parts``.
"""

import errno
import hashlib
import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import IO, Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from jobs.run import Run
from jobs.task import Cancelled, LeaseLost, Permanent, Transient
from reports import csv, extract, files, parts
from reports.breakdown import breakdowns
from reports.models import Report
from reports.specs import Format
from reports.writers import Contents, Unreadable, Writer
from reports.xlsx import readback
from reports.xlsx.cells import column_letters
from reports.xlsx.workbook import ROWS_A_PART, Chart, Summary, Value, Workbook
from shop.orders.queries import RevenueShare, RevenueTotal

log = logging.getLogger(__name__)

#: How long a finished file is kept.
KEEP: Final = timedelta(days=7)
_ROWS: Final = gettext_noop("rows")
_ROWS_READ_BACK: Final = gettext_noop("rows, now being checked")
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)


class WrongFile(Exception):
    """The file read back is not what the database added up to: a bug of ours. Nobody gets to see that file."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What was written, as the database counts it."""

    as_of: datetime
    totals: list[RevenueTotal]
    shares: list[RevenueShare]

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
                _make(report, run)
            except (Cancelled, WrongFile):
                parts.discard(report)
                raise
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                log.error("No room for the file of report %s", report.code)  # noqa: TRY400 (a full disk is no bug)
                raise Transient(_("There is no room to store the file at the moment. We will try again.")) from error
        parts.discard(report)
        return {"url": report.get_absolute_url(), "label": _("Open the report")}


def _make(report: Report, run: Run) -> None:
    start, end = report.period.instants(timezone.get_default_timezone())
    with extract.moment() as moment:
        content = _Content(
            moment.as_of,
            list(report.spec.totals(start=start, end=end)),
            list(report.spec.shares(start=start, end=end)),
        )
        reader = extract.Reader(moment)
    with reader:
        run.progress(0, content.rows, _ROWS)
        writer = _writer(report, content)
        with closing(_batches(report, reader)) as batches:
            written = parts.write(report, writer, batches, run)
    rows = sum(part.rows for part in written)
    if rows != content.rows:
        raise WrongFile(f"{rows} rows written, {content.rows} counted.")
    if not run.lease_ok():
        raise LeaseLost
    digest = _Digest()
    key = files.save(_name(report, run.attempt), digest.of(writer.whole(written), run))
    try:
        _read_back(report, key, content, run)
        _publish(report, key, content, digest, run)
    except (Cancelled, LeaseLost, Permanent, WrongFile):  # which all say that it was not recorded
        files.delete(key)
        raise
    for attempt in range(1, run.attempt):
        files.delete(files.key_of(_name(report, attempt)))


def _name(report: Report, attempt: int) -> str:
    """The attempt is in it: a worker that was frozen past its lease cannot write over its successor's file."""
    return f"{report.pk}-{attempt}.{report.format}"


def _writer(report: Report, content: _Content) -> Writer:
    spec = report.spec
    columns = [column.written() for column in spec.selected(report.columns)]
    if report.format == Format.CSV:
        return csv.Writer(columns, rows_a_part=ROWS_A_PART)
    title, author = f"{spec.title} {_days(report)}", report.owner.shown_name
    return Workbook(
        title=title,
        author=author,
        created=content.as_of,
        summary=Summary(
            _("Summary"),
            title,
            list(_summary(report, content, author)),
            [Chart(one.title, one.labels, one.amounts) for one in breakdowns(content.shares)],
        ),
        table=_table(report),
        columns=columns,
        rows=content.rows,
        compression=settings.REPORT_COMPRESSION,
        rows_a_part=ROWS_A_PART,
    )


def _batches(report: Report, reader: extract.Reader) -> Generator[bytes]:
    zone = timezone.get_default_timezone()
    start, end = report.period.instants(zone)
    spec = report.spec
    columns = [column.source(zone) for column in spec.selected(report.columns)]
    found = spec.rows(start=start, end=end)
    return reader.lines(found, [*columns, F(spec.decimals)], at_once=parts.LINES_AT_ONCE)


@dataclass(slots=True)
class _Digest:
    """Of the bytes that have gone by."""

    size: int = 0
    sha256: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def of(self, pieces: Iterable[bytes], run: Run) -> Iterator[bytes]:
        for piece in pieces:
            run.checkpoint()
            self.sha256.update(piece)
            self.size += len(piece)
            yield piece


def _table(report: Report) -> str:
    return str(report.spec.title)


def _days(report: Report) -> str:
    return f"{date_format(report.first_day, 'SHORT_DATE_FORMAT')} – {date_format(report.last_day, 'SHORT_DATE_FORMAT')}"


def _summary(report: Report, content: _Content, author: str) -> Iterator[tuple[str, Value]]:
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


def _read_back(report: Report, key: str, content: _Content, run: Run) -> None:
    """Raises WrongFile unless the file, read from its bytes, adds up to what the database did."""
    run.progress(content.rows, content.rows, _ROWS_READ_BACK)
    try:
        with files.open_file(key) as file:
            found = _read(report, file, run)
    except Unreadable as error:
        raise WrongFile(str(error)) from error
    expected = {total.revenue.currency: (Decimal(total.quantity), total.revenue.value) for total in content.totals}
    if (found.rows, dict(found.sums)) != (content.rows, expected):
        raise WrongFile(f"Read back {found.rows} rows {found.sums}; the database has {content.rows} rows {expected}.")


def _read(report: Report, file: IO[bytes], run: Run) -> Contents:
    spec = report.spec
    places = {column.name: place for place, column in enumerate(spec.selected(report.columns))}
    key, numbers = places[spec.key], [places[name] for name in spec.sums]
    if report.format == Format.CSV:
        return csv.read_table(file, key=key, numbers=numbers, checkpoint=run.checkpoint)
    return readback.read_table(
        file,
        table=_table(report),
        key=column_letters(key),
        numbers=[column_letters(place) for place in numbers],
        checkpoint=run.checkpoint,
    )


def _publish(report: Report, key: str, content: _Content, digest: _Digest, run: Run) -> None:
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
            size=digest.size,
            sha256=digest.sha256.hexdigest(),
        )
    if not recorded:
        raise Permanent(_("The report was deleted while it was being made."))
    run.unit = _ROWS  # no checkpoint any more: the file is there
