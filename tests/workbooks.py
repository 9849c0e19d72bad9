"""Workbooks made of Python's values, by way of the lines that COPY would write."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from reports.rows import Column, Holds
from reports.writers import About, Part, State
from reports.xlsx.workbook import MAX_ROWS, Summary, Workbook

Field = str | int | Decimal | datetime | date | None

_ESCAPES = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def line_of(row: Sequence[Field]) -> str:
    """One line, with the decimals of the row's amounts (which must be the same) as its last field."""
    decimals = {-int(value.as_tuple().exponent) for value in row if isinstance(value, Decimal)} or {0}
    (places,) = decimals
    return "\t".join([*(_field(value, places) for value in row), str(places)])


def _field(value: Field, places: int) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, Decimal):
        return str(int(value.scaleb(places)))
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return "".join(_ESCAPES.get(letter, letter) for letter in str(value))


CREATED = datetime(2026, 11, 25, 7, 30, tzinfo=UTC)
_HOLDS = {int: Holds.NUMBER, Decimal: Holds.MONEY, datetime: Holds.MOMENT, date: Holds.DATE}


def write(
    rows: Sequence[Sequence[Field]],
    *,
    columns: Sequence[Column] | None = None,
    max_rows: int = MAX_ROWS,
    rows_a_part: int = 3,
    table: str = "Rows",
    summary: Summary | None = None,
) -> bytes:
    """A workbook of these rows, written in small parts."""
    if columns is None:
        first = rows[0] if rows else [1]
        columns = [Column(f"c{n}", holds=_HOLDS.get(type(value), Holds.TEXT)) for n, value in enumerate(first)]
    book = Workbook(
        about=About("Tiêu đề & <x>", "Lê Thị “An”", CREATED, "vi"),
        summary=summary or Summary("Summary", "S", []),
        table=table,
        columns=columns,
        rows=len(rows),
        max_rows=max_rows,
        rows_a_part=rows_a_part,
    )
    lines = [line_of(row) for row in rows]
    state: State = {}
    parts = []
    for number, start in enumerate(range(0, len(lines), rows_a_part)):
        part = lines[start : start + rows_a_part]
        packed, state = book.part(number, [part[:2], part[2:]], state)
        parts.append(Part(state, len(part), [packed]))
    return b"".join(book.whole(parts))
