"""Turns rows as COPY writes them into the text of a file, by a function compiled for the report's columns.

PostgreSQL's text format is one line a row, fields between tabs, ``\\N`` for NULL, and a backslash before whatever would
be mistaken for those (https://www.postgresql.org/docs/current/sql-copy.html). The compiled function splits a line and
puts each field's cell into one f-string: no tuple, no object, no call for a field that came before.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

NULL: Final = r"\N"
#: What a spreadsheet takes for the beginning of a formula, in a cell that it does not know to be a text.
FORMULA_START: Final = tuple("=+-@\t\r\n＝＋－＠")
#: Cells that a column remembers before it starts afresh.
REMEMBERED: Final = 4096

#: Makes a cell's text out of a field that is not NULL. Fields of text may hold COPY's escapes: see ``unescape``.
Encode = Callable[[str], str]
#: Makes text of lines; the second argument is the number of the first of them.
Rows = Callable[[Iterable[str], int], str]

_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unescape(field: str) -> str:
    """The value of a field, as it is in the table."""
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), field) if "\\" in field else field


class Holds(Enum):
    """What the cells of a column hold."""

    TEXT = auto()
    NUMBER = auto()
    #: An amount in the row's own currency and decimals.
    MONEY = auto()
    #: A time on the shop's clock, as ``timestamp`` without a zone.
    MOMENT = auto()
    DATE = auto()
    #: The first day of a month, which stands for the month.
    MONTH = auto()
    #: An integer that counts hundredths of a percent.
    PERCENT = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, whatever the format.

    Attributes:
        width: in characters.
        labels: words for stored values.
        repeats: rows often share a value, so its cell is worth remembering.
    """

    title: str
    width: float = 14.0
    holds: Holds = Holds.TEXT
    labels: Mapping[str, str] | None = None
    repeats: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """How the cells of one column are written.

    Attributes:
        encode: for an amount of money it is asked for an Encode once for each number of decimals.
        before: stands before each cell; ``{row}`` in it is the row's number.
        null: the cell of a row without a value.
        repeats: the same values come again and again, so cells are remembered.
        money: the field is an amount; the line's last field says how many decimals it has.
    """

    encode: Encode | Callable[[int], Encode]
    before: str = ""
    null: str = ""
    repeats: bool = True
    money: bool = False


def compile_rows(cells: Sequence[Cell], *, before: str, between: str = "", after: str) -> Rows:
    """A function that writes rows of these cells.

    Each line holds one field for every cell and one more, the number of decimals of the row's amounts.
    """
    names: dict[str, Any] = {"NULL": NULL}
    written = []
    for place, cell in enumerate(cells):
        if cell.money:
            names[f"cells{place}"] = _ByDecimals(cell)
            found = f"cells{place}[decimals][field{place}]"
        elif cell.repeats:
            names[f"cells{place}"] = _Remembered(cell.encode, cell.null)
            found = f"cells{place}[field{place}]"
        else:
            names[f"encode{place}"], names[f"null{place}"] = cell.encode, cell.null
            found = f"null{place} if field{place} == NULL else encode{place}(field{place})"
        written.append(f"{_literal(cell.before)}{{{found}}}")
    fields = ", ".join(f"field{place}" for place in range(len(cells)))
    source = f"""
def rows(lines, number):
    written = []
    for line in lines:
        {fields}, decimals = line.split({_TAB!r})
        row = str(number)
        written.append(f'{_literal(before)}{_literal(between).join(written)}{_literal(after)}')
        number += 1
    return ''.join(written)
"""
    exec(source, names)  # noqa: S102 (constants of the formats; nothing that a person or a table holds is part of it)
    rows: Rows = names["rows"]
    return rows


_TAB: Final = "\t"


def _literal(text: str) -> str:
    """``text`` as it stands inside an f-string in single quotes, where ``{row}`` stays a field."""
    for plain, quoted in (("\\", r"\\"), ("'", r"\'"), ("\r", r"\r"), ("\n", r"\n"), ("{", "{{"), ("}", "}}")):
        text = text.replace(plain, quoted)
    return text.replace("{{row}}", "{row}")


class _Remembered(dict[str, str]):
    """The cells of one column by their field."""

    def __init__(self, encode: Callable[[Any], Any], null: str) -> None:
        super().__init__()
        self._encode, self._null = encode, null

    def __missing__(self, field: str) -> str:
        cell: str = self._null if field == NULL else self._encode(field)
        if len(self) >= REMEMBERED:
            self.clear()
        self[field] = cell
        return cell


class _ByDecimals(dict[str, _Remembered]):
    """The cells of a column of amounts by the field that says their decimals."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self._cell = cell

    def __missing__(self, decimals: str) -> _Remembered:
        encode: Any = self._cell.encode(int(decimals))  # type: ignore[arg-type]
        remembered = self[decimals] = _Remembered(encode, self._cell.null)
        return remembered
