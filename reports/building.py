"""Makes a report's file: written from one moment of the database, stored, read back, and only then recorded.

Killed anywhere, it leaves nothing that anybody sees: a stored file counts only once the report's row names it. What was
stored but not recorded is swept by ``reports.retention``. Parts that were finished are taken over by the next attempt:
see ``reports.parts``.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from jobs.adapters import storage
from jobs.run import Run
from jobs.task import Cancelled, LeaseLost, Permanent
from reports import extract, files, formats, parts
from reports.formats import Content
from reports.models import Report
from reports.writers import Unreadable

log = logging.getLogger(__name__)

#: How long a finished file is kept.
KEEP: Final = timedelta(days=7)
_LINK: Final = gettext_noop("Open the report")
_ROWS: Final = gettext_noop("rows")
_ROWS_READ_BACK: Final = gettext_noop("rows, now being checked")


class WrongFile(Exception):
    """The file read back is not what the database added up to: a bug of ours. Nobody gets to see that file."""


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
                with storage.room():
                    _make(report, run)
            except (Cancelled, WrongFile, FileNotFoundError):  # the storage has lost a part: all are made anew
                parts.discard(report)
                raise
        parts.discard(report)
        return {"url": report.get_absolute_url(), "label": _LINK}


def _make(report: Report, run: Run) -> None:
    selection = report.selection
    with extract.moment() as moment:
        content = Content(moment.as_of, selection.count(), selection.totals(), selection.shares())
        reader = extract.Reader(moment)
    with reader:
        run.progress(0, content.rows, _ROWS)
        writer = formats.writer(report, content)
        with closing(reader.lines(selection.rows(), at_once=parts.LINES_AT_ONCE)) as batches:
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
        storage.delete(key)
        raise
    for attempt in range(1, run.attempt):
        storage.delete(files.key_of(_name(report, attempt)))


def _name(report: Report, attempt: int) -> str:
    """The attempt is in it: a worker that was frozen past its lease cannot write over its successor's file."""
    return f"{report.pk}-{attempt}.{report.format}"


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


def _read_back(report: Report, key: str, content: Content, run: Run) -> None:
    """Raises WrongFile unless the file, read from its bytes, adds up to what the database did."""
    run.progress(content.rows, content.rows, _ROWS_READ_BACK)
    try:
        with storage.open_file(key) as file:
            found = formats.read(report, file, checkpoint=run.checkpoint)
    except Unreadable as error:
        raise WrongFile(str(error)) from error
    sums = report.selection.sums
    expected = {total.currency: tuple(Decimal(total.value(column)) for column in sums) for total in content.totals}
    if (found.rows, dict(found.sums)) != (content.rows, expected):
        raise WrongFile(f"Read back {found.rows} rows {found.sums}; the database has {content.rows} rows {expected}.")


def _publish(report: Report, key: str, content: Content, digest: _Digest, run: Run) -> None:
    with transaction.atomic():
        run.hold()
        recorded = Report.objects.filter(pk=report.pk, ready_at=None).update(
            ready_at=Now(),
            expires_at=Now() + KEEP,
            as_of=content.as_of,
            row_count=content.rows,
            totals=[asdict(total) for total in content.totals],
            file_key=key,
            size=digest.size,
            sha256=digest.sha256.hexdigest(),
        )
    if not recorded:
        raise Permanent(_("The report was deleted while it was being made."))
    run.unit = _ROWS  # no checkpoint any more: the file is there
