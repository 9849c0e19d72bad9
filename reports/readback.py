"""Reads a finished .xlsx back and counts what is in it, sharing nothing with the writer.

It is what stands between a wrong file and a person who trusts it: it decompresses every byte (the archive's checksums
are checked on the way), has an XML parser read all of it, and adds up the table's rows from their text.
"""

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import IO, Final
from xml.etree.ElementTree import fromstring
from xml.parsers.expat import ExpatError, ParserCreate
from zipfile import BadZipFile, ZipFile

_CHUNK: Final = 1 << 20
#: Different rows that are kept apart before they are added up.
_ROWS_KEPT: Final = 20_000
_ROW_END: Final = b"</row>"
_ROW_NUMBER: Final = re.compile(rb'<row r="(\d+)"')
_CELL: Final = re.compile(rb'<c r="([A-Z]+)\d+"[^>]*>(?:<v>([^<]*)</v>|<is><t[^>]*>([^<]*)</t></is>)</c>')
#: Raises rather than rounds.
_EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation])
_NAMES: Final = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


class Unreadable(Exception):
    """The file is not what it should be. The message says where."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a table in a file holds: its rows, and for each value of the key column the sums of the number columns."""

    rows: int
    sums: Mapping[str, tuple[Decimal, ...]]


def read_table(
    stream: IO[bytes], *, table: str, key: str, numbers: Sequence[str], checkpoint: Callable[[], object]
) -> Contents:
    """Adds up the table called ``table``, over all its sheets.

    ``key`` and ``numbers`` are column letters. ``checkpoint`` is called about once for each megabyte. Raises
    Unreadable.
    """
    rows = 0
    sums = _Sums(key.encode(), [letters.encode() for letters in numbers])
    try:
        with ZipFile(stream) as archive:
            for member in _sheets_of(archive, table):
                for row in _rows_of(archive, member, checkpoint):
                    sums.add(row)
                    rows += 1
        return Contents(rows=rows, sums=sums.total())
    except (BadZipFile, zlib.error, EOFError, ExpatError, SyntaxError, ArithmeticError, KeyError) as error:
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


def _rows_of(archive: ZipFile, member: str, checkpoint: Callable[[], object]) -> Iterator[bytes]:
    """The XML of each row but the heading. Raises Unreadable where a row is missing or the whole is not XML."""
    parser = ParserCreate()
    expected = 0
    rest = b""
    with archive.open(member) as sheet:
        while chunk := sheet.read(_CHUNK):
            checkpoint()
            parser.Parse(chunk)
            *rows, rest = (rest + chunk).split(_ROW_END)
            for row in rows:
                expected += 1
                number = _ROW_NUMBER.search(row)
                if number is None or int(number[1]) != expected:
                    raise Unreadable(f"{member}: row {expected} is missing.")
                if expected > 1:
                    yield row
    parser.Parse(b"", True)


class _Sums:
    """Adds rows up by the text of one column. Columns are given by their letters."""

    def __init__(self, key: bytes, numbers: Sequence[bytes]) -> None:
        self._key = key
        self._places = {letters: place for place, letters in enumerate(numbers)}
        # Amounts repeat far more often than they differ: count equal ones, and turn each into a number once.
        self._seen: Counter[tuple[bytes, tuple[bytes, ...]]] = Counter()
        self._sums: dict[str, list[Decimal]] = {}

    def add(self, row: bytes) -> None:
        name = b""
        values = [b"0"] * len(self._places)
        for letters, number, text in _CELL.findall(row):
            if letters == self._key:
                name = text
            elif letters in self._places:
                values[self._places[letters]] = number or text
        self._seen[name, tuple(values)] += 1
        if len(self._seen) > _ROWS_KEPT:
            self._settle()

    def total(self) -> dict[str, tuple[Decimal, ...]]:
        self._settle()
        return {name: tuple(values) for name, values in self._sums.items()}

    def _settle(self) -> None:
        for (name, texts), times in self._seen.items():
            sums = self._sums.setdefault(name.decode(), [Decimal(0)] * len(texts))
            for place, text in enumerate(texts):
                sums[place] = _EXACT.add(sums[place], _EXACT.multiply(Decimal(text.decode()), times))
        self._seen.clear()
