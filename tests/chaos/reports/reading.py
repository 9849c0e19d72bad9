"""Reads finished files by programs that are not ours: python-calamine, the csv module, poppler."""

import csv
import hashlib
import io
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from python_calamine import load_workbook

from reports.specs import Format
from tests.chaos.reports.evidence import Held, Sums

#: Headings of the columns that are looked at, in English, in which the reports are asked for.
_HEADINGS: Final = ("Product", "Quantity", "Revenue", "Currency")


def held(content: bytes, format: str, words: Iterable[str]) -> Held:
    """What the file ``content`` holds. Only currencies without decimals are understood."""
    unreadable = ""
    sums: Sums = {}
    found: frozenset[str] | None = None
    try:
        sums, found = _READERS[format](content, frozenset(words))
    except Exception as error:  # noqa: BLE001 (whatever a program says of a file that it cannot read)
        unreadable = repr(error)
    return Held(len(content), hashlib.sha256(content).hexdigest(), sums, found, unreadable)


def _rows_of_workbook(file: bytes) -> Iterator[Sequence[Any]]:
    """The rows of all sheets that have the columns, with the headings once."""
    book = load_workbook(io.BytesIO(file))
    headed = False
    for name in book.sheet_names:
        rows = book.get_sheet_by_name(name).iter_rows()
        first = next(rows, [])
        if not set(_HEADINGS) <= set(map(str, first)):
            continue
        if not headed:
            yield first
        headed = True
        yield from rows


def _added_up(rows: Iterator[Sequence[Any]], words: frozenset[str]) -> tuple[Sums, frozenset[str]]:
    headings = [str(one) for one in next(rows)]
    name, quantity, revenue, currency = (headings.index(heading) for heading in _HEADINGS)
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    found = set()
    for row in rows:
        added = sums[row[currency]]
        added[0] += 1
        added[1] += int(row[quantity])
        added[2] += int(row[revenue])
        if row[name] in words:
            found.add(row[name])
    return {key: (one[0], one[1], one[2]) for key, one in sums.items()}, frozenset(found)


def _totals_of_document(file: bytes) -> Sums:
    """From the last page, which was added up row by row, with the rows that the cover names. Raises ValueError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.pdf"
        path.write_bytes(file)
        about = dict(line.split(":", 1) for line in _words("pdfinfo", str(path)) if ":" in line)
        last = about["Pages"].strip()
        cover = _words("pdftotext", "-layout", "-l", "1", str(path), "-")
        end = _words("pdftotext", "-layout", "-f", last, "-l", last, str(path), "-")
    rows = [_number(line.split()[1]) for line in cover if line.split()[:1] == ["Rows"]]
    totals = [line.split()[1:] for line in end if line.startswith("Total ")]
    if len(rows) != 1 or len(totals) != 1:
        raise ValueError(f"A cover with {len(rows)} counts of rows, a last page with {len(totals)} totals.")
    currency, pieces, _discount, revenue = totals[0]
    return {currency: (rows[0], _number(pieces), _number(revenue))}


def _number(words: str) -> int:
    return int(words.replace(",", ""))


def _words(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().splitlines()


_READERS: Final[dict[str, Callable[[bytes, frozenset[str]], tuple[Sums, frozenset[str] | None]]]] = {
    Format.XLSX: lambda file, among: _added_up(_rows_of_workbook(file), among),
    Format.CSV: lambda file, among: _added_up(csv.reader(io.StringIO(file.decode("utf-8-sig"))), among),
    Format.PDF: lambda file, _among: (_totals_of_document(file), None),
}
