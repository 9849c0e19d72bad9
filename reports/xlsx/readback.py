"""Reads a finished .xlsx back and counts what is in it, sharing nothing with the writer.

It is what stands between a wrong file and a person who trusts it: it decompresses every byte (the archive's checksums
are checked on the way), has an XML parser read all of it, and adds the table's rows up from their text.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final
from xml.etree.ElementTree import ParseError, fromstring
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import BadZipFile, ZipFile

from reports.summing import Sums
from reports.writers import Contents, Unreadable

_CHUNK: Final = 1 << 20
_ROW_END: Final = b"</row>"
_NAMES: Final = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}

#: The cells of one row that are asked for, as texts: first the key's, then the numbers'.
_Cells = tuple[bytes, ...]


def read_table(
    stream: IO[bytes], *, table: str, key: str, numbers: Sequence[str], checkpoint: Callable[[], object]
) -> Contents:
    """Adds up the table called ``table``, over all its sheets.

    ``key`` and ``numbers`` are column letters. ``checkpoint`` is called about once for each megabyte. Raises
    Unreadable.
    """
    rows = 0
    sums = Sums()
    try:
        with ZipFile(stream) as archive:
            for member in _sheets_of(archive, table):
                for cells in _cells_of(archive, member, [key, *numbers], checkpoint):
                    sums.add(cells)
                    rows += len(cells)
        return Contents(rows=rows, sums=sums.total())
    except (BadZipFile, zlib.error, EOFError, ExpatError, ParseError, ArithmeticError, KeyError) as error:
        raise Unreadable(str(error)) from error


def _sheets_of(archive: ZipFile, table: str) -> list[str]:
    sheets = fromstring(archive.read("xl/workbook.xml")).iterfind("m:sheets/m:sheet", _NAMES)  # noqa: S314 (ours)
    names = [sheet.get("name", "") for sheet in sheets]
    if len(set(names)) != len(names):
        raise Unreadable("Two sheets have the same name.")
    return [
        f"xl/worksheets/sheet{place}.xml"
        for place, name in enumerate(names, start=1)
        if re.fullmatch(rf"{re.escape(table)}( \d+)?", name)
    ]


def _cells_of(
    archive: ZipFile, member: str, columns: Sequence[str], checkpoint: Callable[[], object]
) -> Iterator[list[_Cells]]:
    """The cells in ``columns`` of every row but the heading, some thousands of rows at a time. Raises Unreadable where
    a row or a cell is missing, or the whole is not XML."""
    finder, parser = _Finder(columns, member), ParserCreate()
    rest = b""
    with archive.open(member) as sheet:
        while chunk := sheet.read(_CHUNK):
            checkpoint()
            parser.Parse(chunk)
            rows, end, rest = (rest + chunk).rpartition(_ROW_END)
            yield finder.cells(rows + end)
    parser.Parse(b"", True)
    yield finder.cells(rest)


class _Finder:
    """Finds cells in the XML of rows, which must come without a gap."""

    def __init__(self, columns: Sequence[str], member: str) -> None:
        self._member, self._row = member, 0
        self._in_sheet = sorted(columns, key=lambda letters: (len(letters), letters))
        self._places = [self._in_sheet.index(letters) for letters in columns]
        letters = "|".join(columns).encode()
        self._cell = re.compile(rb'<c r="(%s)(\d+)"[^>]*?(?:/>|>(?:<v>|<is><t[^>]*>)([^<]*)<)' % letters)

    def cells(self, rows: bytes) -> list[_Cells]:
        """The cells of the rows that end in ``rows``; those of the heading are left out."""
        found = self._cell.findall(rows)
        width, count = len(self._in_sheet), rows.count(_ROW_END)
        wanted = [
            (letters.encode(), b"%d" % number)
            for number in range(self._row + 1, self._row + count + 1)
            for letters in self._in_sheet
        ]
        if [cell[:2] for cell in found] != wanted:
            missing = next((cell for cell, one in zip(wanted, found, strict=False) if cell != one[:2]), wanted[-1])
            raise Unreadable(f"{self._member}: cell {b''.join(missing).decode()} is missing.")
        columns = [[cell[2] for cell in found[place::width]] for place in self._places]
        cells = list(zip(*columns, strict=True))
        if self._row == 0:
            del cells[:1]
        self._row += count
        return cells
