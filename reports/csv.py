"""CSV files (RFC 4180), made so that a spreadsheet opens them right: UTF-8 with a mark that says so, one heading.

A text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP ASVS 5.0, 1.2.10): a file of text
alone has no other way to say that it is one. Numbers stay as they are, minus signs and all.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import IO, Final

from reports.rows import FORMULA_START, Cell, Column, Encode, Holds, compile_rows, unescape
from reports.summing import Sums
from reports.writers import ROWS_A_PART, Contents, Part, State, Unreadable

#: Says to spreadsheets that the file is UTF-8.
MARK: Final = "\ufeff"

_END: Final = "\r\n"
_DAY_OF_MONTH: Final = "-01"
_NEEDS_QUOTES: Final = frozenset('",\r\n')


class Writer:
    """Writes the file of ``columns``."""

    def __init__(self, columns: Sequence[Column], *, rows_a_part: int = ROWS_A_PART) -> None:
        self.rows_a_part = rows_a_part
        self._heading = MARK + ",".join(_quoted(column.title) for column in columns) + _END
        self._compiled = compile_rows([_cell(column) for column in columns], before="", between=",", after=_END)

    @property
    def signature(self) -> bytes:
        return f"csv {self.rows_a_part} {self._heading}".encode()

    def part(self, number: int, lines: Iterable[Sequence[str]], before: State) -> tuple[bytes, State]:  # noqa: ARG002
        return "".join(self._compiled(batch, 1) for batch in lines).encode("utf-8", "replace"), {}

    def whole(self, parts: Sequence[Part]) -> Iterator[bytes]:
        yield self._heading.encode()
        for part in parts:
            yield from part.packed


def _cell(column: Column) -> Cell:
    encoders: dict[Holds, Encode | Callable[[int], Encode]] = {
        Holds.TEXT: _text if column.labels is None else _labelled(column.labels),
        Holds.NUMBER: str,
        Holds.MONEY: _amount,
        Holds.MOMENT: str,
        Holds.DATE: str,
        Holds.MONTH: _month,
        Holds.PERCENT: _amount(2),
    }
    return Cell(
        encoders[column.holds],
        repeats=column.repeats and column.holds != Holds.MOMENT,
        money=column.holds == Holds.MONEY,
    )


def _text(field: str) -> str:
    return field if field.isalnum() else _quoted(unescape(field))


def _quoted(value: str) -> str:
    if value.startswith(FORMULA_START):
        value = f"'{value}"
    return '"' + value.replace('"', '""') + '"' if _NEEDS_QUOTES & set(value) else value


def _labelled(labels: Mapping[str, str]) -> Encode:
    return lambda field: _quoted(labels.get(unescape(field), unescape(field)))


def _amount(decimals: int) -> Encode:
    return str if decimals == 0 else lambda field: f"{Decimal(f'{field}E-{decimals}'):f}"


def _month(field: str) -> str:
    return field.removesuffix(_DAY_OF_MONTH)


def read_table(stream: IO[bytes], *, key: int, numbers: Sequence[int], checkpoint: Callable[[], object]) -> Contents:
    """Adds the table up by the texts of column ``key``; columns are counted from 0. ``checkpoint`` is called every few
    thousand rows. Raises Unreadable."""
    sums, rows = Sums(), 0
    reader = csv.reader(io.TextIOWrapper(stream, encoding="utf-8-sig", newline=""), strict=True)
    try:
        heading = next(reader, None)
        if heading is None:
            raise Unreadable("The file is empty.")
        for rows, row in enumerate(reader, start=1):
            if len(row) != len(heading):
                raise Unreadable(f"Row {rows} has {len(row)} cells where the heading has {len(heading)}.")
            sums.add([(row[key], *(row[place] for place in numbers))])
            if not rows % 10_000:
                checkpoint()
        return Contents(rows, sums.total())
    except (csv.Error, UnicodeError, ArithmeticError, IndexError) as error:
        raise Unreadable(str(error)) from error
