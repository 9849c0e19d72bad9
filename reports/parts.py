"""Parts of a file being made, kept in storage, so that a killed worker's successor goes on instead of starting afresh.

Its snapshot of the database is gone with the worker, and the successor reads another one. So it reads all rows again,
which is cheap, and compares before it writes, which is not: each part knows the digest of every row up to its end, as
COPY gave it. A part whose rows are still the same is taken over; from the first one on that differs, everything is
written anew. What comes out is one file of one moment, whoever wrote which part.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from jobs.adapters import storage
from jobs.run import Run
from jobs.task import LeaseLost, Permanent
from reports import files
from reports.models import Report, ReportPart
from reports.writers import Part, State, Writer

#: Lines that go through the writer in one go. A part must be a whole number of such batches.
LINES_AT_ONCE: Final = 514
_BLOCK: Final = 1 << 20


def write(report: Report, writer: Writer, batches: Iterator[bytes], run: Run) -> list[Part]:
    """Writes the parts of ``writer``, or takes over those that are there. ``batches``: ``LINES_AT_ONCE`` lines each, as
    ``extract.Reader`` gives them. Raises Cancelled, LeaseLost."""
    kept = {part.number: part for part in report.parts.all()}
    chain = hashlib.sha256(writer.signature)
    written: list[Part] = []
    state: State = {}
    rows = 0
    for number in count():
        part = _read(islice(batches, writer.rows_a_part // LINES_AT_ONCE), chain, run)
        if not part:
            break
        there = kept.get(number)
        if there is None or there.chain != chain.hexdigest():
            rows_of_part = sum(batch.count(b"\n") for batch in part)
            packed, state = writer.part(number, _lines(part, run, rows), state)
            new = ReportPart(report=report, number=number, chain=chain.hexdigest(), rows=rows_of_part, state=state)
            there = _keep(new, packed, there, run)
        else:
            state = there.state
        rows += there.rows
        run.progress(rows)
        written.append(Part(state, there.rows, _stored(there.file_key)))
    return written


def _read(batches: Iterable[bytes], chain: "hashlib._Hash", run: Run) -> deque[bytes]:
    part = deque[bytes]()
    for batch in batches:
        chain.update(batch)
        part.append(batch)
        run.checkpoint()
    return part


def _lines(part: deque[bytes], run: Run, rows: int) -> Iterator[list[str]]:
    """Empties ``part`` on the way, so that its rows and what becomes of them are not in memory together."""
    while part:
        lines = part.popleft().decode().split("\n")
        lines.pop()  # behind the last line's end
        yield lines
        rows += len(lines)
        run.progress(rows)


def _keep(part: ReportPart, packed: bytes, before: ReportPart | None, run: Run) -> ReportPart:
    """Stores the part and writes it down, in place of the one from ``before``."""
    if not run.lease_ok():
        raise LeaseLost
    # The attempt is in the name: who comes too late writes over nothing.
    part.file_key = files.save(f"{files.PARTS}/{part.report_id}-{part.number}-{run.attempt}", [packed])
    with transaction.atomic():
        run.hold()
        if not Report.objects.select_for_update(no_key=True).filter(pk=part.report_id).exists():
            raise Permanent(_("The report was deleted while it was being made."))
        if before is not None:
            before.delete()
        part.save(force_insert=True)
    if before is not None:
        storage.delete(before.file_key)
    return part


def _stored(key: str) -> Iterator[bytes]:
    with storage.open_file(key) as file:
        while block := file.read(_BLOCK):
            yield block


def discard(report: Report) -> None:
    """Deletes the report's parts: there is a file now, or there will be none."""
    for part in list(report.parts.all()):
        # The row first: a stored part that no row names is swept, one that is named and gone would be taken over.
        part.delete()
        storage.delete(part.file_key)
