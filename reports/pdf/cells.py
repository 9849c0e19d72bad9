"""The cells of a table's columns, made from COPY's fields, as pieces of the arrays that rows are.

A row is ``[…]TJ``: strings, and between them how far to move, in thousandths of the size of the type and counted to the
left. Each cell is one string with the moves from its column's left edge to the string and from there to the next
column's left edge, so rows are cells put one after the other. Format: ISO 32000-1, 9.4.3.
"""

from collections.abc import Callable
from typing import Final, TypeVar

from reports.pdf.font import Codes, Style, face
from reports.pdf.notation import Notation
from reports.pdf.text import CUT, fit, printable, visible
from reports.rows import NULL, REMEMBERED, Column, Holds, unescape

#: Between columns, in thousandths of the size of the type.
GAP: Final = 1100
#: Lines that one cell can have.
MOST_LINES: Final = 8

#: A number is drawn this much narrower before it is broken, in hundredths.
_NARROWEST: Final = 60
#: Characters of a text that are looked at: more than its lines can show, whatever the column.
_MOST_CHARACTERS: Final = 8000
#: The longest field that is remembered with its cell.
_LONGEST: Final = 200

_Made = TypeVar("_Made")


class SeveralLines(Exception):
    """A text takes more than one line in its column."""


class Cells(dict[str, bytes]):
    """The cells of one column by their fields, made as they are asked for. A field for which there is no room on one
    line raises SeveralLines.

    ``width`` is that of the column with the gap behind it, in thousandths of the size of the type. ``decimals`` are
    those of the rows' amounts.
    """

    def __init__(self, column: Column, width: int, decimals: int, notation: Notation, codes: Codes) -> None:
        super().__init__()
        self._show = _shower(column, decimals, notation)
        self._repeats = column.repeats and column.holds != Holds.MOMENT
        self._number = is_number(column)
        self._width, self._room = width, max(width - GAP, 1)
        self._face, self._codes = face(Style.REGULAR), codes
        self._tall: dict[str, list[bytes]] = {}

    def __missing__(self, field: str) -> bytes:
        text = self._text(field)
        width = self._face.width(text)
        if width <= self._room:
            cell = self._line(text, width)
        else:
            cell, *more = self.lines(field)
            if more:
                raise SeveralLines
        self._remember(self, field, cell)
        return cell

    def lines(self, field: str) -> list[bytes]:
        """The cell's lines, as cells."""
        if field in self:
            return [self[field]]
        lines = self._tall.get(field)
        if lines is None:
            lines = self._lines(self._text(field))
            if len(lines) > 1:
                self._remember(self._tall, field, lines)
        return lines

    def _text(self, field: str) -> str:
        text = "" if field == NULL else self._show(field)
        return printable(text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + CUT)

    def _lines(self, text: str) -> list[bytes]:
        narrowed = self._room * 100 // max(self._face.width(text), 1)
        if self._number and _NARROWEST <= narrowed < 100:  # noqa: PLR2004 (nothing is drawn wider)
            return [b"]TJ %d Tz[%b]TJ 100 Tz[%d" % (narrowed, self._codes.string(text), self._room - self._width)]
        return [self._line(line, self._face.width(line)) for line in fit(text, self._room, self._face, MOST_LINES)]

    def _line(self, text: str, width: int) -> bytes:
        string = self._codes.string(text)
        if not self._number:
            return b"%b%d" % (string, width - self._width)
        # Spaces at the end stand out into the gap.
        before = self._room - (self._face.width(visible(text)) if text[-1:].isspace() else width)
        return b" %d%b%d" % (-before, string, before + width - self._width)

    def _remember(self, memory: dict[str, _Made], field: str, made: _Made) -> None:
        if self._repeats and len(field) <= _LONGEST:
            if len(memory) >= REMEMBERED:
                memory.clear()
            memory[field] = made


def is_number(column: Column) -> bool:
    """Whether the column is set right."""
    return column.holds in {Holds.NUMBER, Holds.MONEY, Holds.PERCENT}


def _shower(column: Column, decimals: int, notation: Notation) -> Callable[[str], str]:
    """What makes a text of a field that is not NULL."""
    labels = column.labels or {}
    showers: dict[Holds, Callable[[str], str]] = {
        Holds.TEXT: lambda field: labels.get(unescape(field), unescape(field)),
        Holds.NUMBER: notation.number,
        Holds.MONEY: lambda field: notation.amount(field, decimals),
        Holds.MOMENT: notation.moment,
        Holds.DATE: notation.day,
        Holds.MONTH: notation.month_of,
        Holds.PERCENT: notation.percents,
    }
    return showers[column.holds]
