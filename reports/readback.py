"""Reads a finished .xlsx back and counts what is in it, sharing nothing with the writer.

It is what stands between a wrong file and a person who trusts it: it decompresses every byte (the archive's checksums
are checked on the way), has an XML parser read all of it, and adds up the table's rows from their text.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
_CELL: Final = re.compile(rb'<c r="([A-Z]+)(\d+)"[^>]*>(?:<v>([^<]*)</v>|<is><t[^>]*>([^<]*)</t></is>)</c>')
#: Raises rather than rounds.
_EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation])
_NAMES: Final = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


class Unreadable(Exception):  # noqa: N818
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

    ``key`` and ``numbers`` are column letters. ``checkpoint`` is called about once for each megabyte. Raises Unreadable.
    """
    rows, sums = 0, dict[str, list[Decimal]]()
    wanted = {letters.encode(): place for place, letters in enumerate(numbers)}
    try:
        with ZipFile(stream) as archive:
            for member in _sheets_of(archive, table):
                rows += _read_sheet(archive, member, key.encode(), wanted, sums, checkpoint)
    except (BadZipFile, ExpatError, EOFError, ArithmeticError, SyntaxError) as error:
        raise Unreadable(str(error)) from error
    return Contents(rows=rows, sums={name: tuple(values) for name, values in sums.items()})


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


def _read_sheet(
    archive: ZipFile,
    member: str,
    key: bytes,
    numbers: Mapping[bytes, int],
    sums: dict[str, list[Decimal]],
    checkpoint: Callable[[], object],
) -> int:
    """Adds the sheet's rows to ``sums``; returns their number, without the heading."""
    parser = ParserCreate()
    expected = 0
    rest = b""
    # Amounts repeat far more often than they differ: count equal ones, and turn each into a number once.
    seen: Counter[tuple[bytes, tuple[bytes, ...]]] = Counter()
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
                if expected == 1:
                    continue
                seen[_take(row, key, numbers)] += 1
            if len(seen) > _ROWS_KEPT:
                _add_up(seen, sums)
                seen.clear()
    parser.Parse(b"", True)  # noqa: FBT003 (expat's own signature)
    _add_up(seen, sums)
    return max(expected - 1, 0)


def _add_up(seen: Mapping[tuple[bytes, tuple[bytes, ...]], int], sums: dict[str, list[Decimal]]) -> None:
    for (name, texts), times in seen.items():
        totals = sums.setdefault(name.decode(), [Decimal(0)] * len(texts))
        for place, text in enumerate(texts):
            totals[place] = _EXACT.add(totals[place], _EXACT.multiply(Decimal(text.decode()), times))


def _take(row: bytes, key: bytes, numbers: Mapping[bytes, int]) -> tuple[bytes, tuple[bytes, ...]]:
    name = b""
    values = [b"0"] * len(numbers)
    for letters, _, number, text in _CELL.findall(row):
        if letters == key:
            name = text
        elif letters in numbers:
            values[numbers[letters]] = number or text
    return name, tuple(values)
