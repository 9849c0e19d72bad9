"""The cells of a table's rows, made from COPY's fields.

A cell is a stretch of the array that one operator TJ shows (ISO 32000-1:2008, 9.4.3): it moves the pen to where its
text begins, shows it, and moves on to the column's end. So it does not depend on its neighbours and can be remembered.
What does not fit in one line follows in brackets that no content stream can hold, for the row to take out again:
``first line⟨second line⟨third line⟩``, these with their own way from the row's beginning.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, islice
from typing import Final

from reports.pdf.font import Codes, Face, clean
from reports.pdf.wrapping import wrap
from reports.rows import Cell, Column, Encode, Holds, unescape

#: Lines that one row can have.
MAX_LINES: Final = 10
#: Stands at the end of a text that was longer than that.
CUT_MARK: Final = " […]"
#: Stand around each line that is not a cell's first. Single bytes of a content stream are below U+0100.
FURTHER, FURTHER_END = "\u27e8", "\u27e9"

#: Characters that are looked at, which are more than ``MAX_LINES`` lines of any width can show.
_MAX_TEXT: Final = 4_000


@dataclass(frozen=True, slots=True)
class Notation:
    """How numbers and dates are written.

    Attributes:
        group: stands between thousands.
        point: stands before a fraction.
        date: with ``{year}``, ``{month}`` and ``{day}``.
    """

    group: str = ","
    point: str = "."
    date: str = "{year}-{month}-{day}"

    def number(self, field: str, decimals: int = 0) -> str:
        """An integer that counts units of 10**-``decimals``."""
        value = f"{Decimal(field).scaleb(-decimals):,f}" if decimals else f"{int(field):,}"
        return value.translate({ord(","): self.group, ord("."): self.point})

    def day(self, field: str) -> str:
        """A date as PostgreSQL writes it; what is no date of four digits' years stays as it is."""
        if len(field) != len("2026-01-31"):
            return field
        return self.date.format(year=field[:4], month=field[5:7], day=field[8:10])

    def moment(self, field: str) -> str:
        """A date and time, to the second."""
        day, _, time = field.partition(" ")
        return f"{self.day(day)} {time[:8]}" if len(day) == len("2026-01-31") and time else field


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a column is, in thousandths of the font's size.

    Attributes:
        start: from the table's left edge.
        gap: free on both sides of the text.
    """

    start: int
    width: int
    gap: int
    right: bool

    @property
    def room(self) -> int:
        return self.width - 2 * self.gap

    def piece(self, codes: Codes, line: str, width: int) -> str:
        """``line``, ``width`` wide, as part of TJ's array. Numbers there move the pen to the left."""
        before = self.width - self.gap - width if self.right else self.gap
        return f"{-before}({codes.encode(line)}){before + width - self.width}"


def slots(columns: Sequence[Column], *, total: int, gap: int) -> list[Slot]:
    """The columns side by side, ``total`` wide."""
    edges = list(accumulate((column.width for column in columns), initial=0.0))
    starts = [round(total * edge / edges[-1]) for edge in edges]
    return [
        Slot(start, end - start, gap, column.holds in {Holds.NUMBER, Holds.MONEY})
        for column, start, end in zip(columns, starts, starts[1:], strict=True)
    ]


def cell(column: Column, slot: Slot, face: Face, codes: Codes, notation: Notation) -> Cell:
    """How the fields of ``column`` become cells."""

    def show(text: str) -> str:
        return shown(text, slot, face, codes)

    encoders: dict[Holds, Encode | Callable[[int], Encode]] = {
        Holds.TEXT: lambda field: show(_worded(unescape(field), column.labels)),
        Holds.NUMBER: lambda field: show(notation.number(field)),
        Holds.MONEY: lambda decimals: lambda field: show(notation.number(field, decimals)),
        Holds.MOMENT: lambda field: show(notation.moment(field)),
        Holds.DATE: lambda field: show(notation.day(field)),
    }
    return Cell(
        encoders[column.holds],
        null=slot.piece(codes, "", 0),
        repeats=column.repeats and column.holds != Holds.MOMENT,
        money=column.holds == Holds.MONEY,
    )


def _worded(value: str, labels: Mapping[str, str] | None) -> str:
    return value if labels is None else labels.get(value, value)


def shown(text: str, slot: Slot, face: Face, codes: Codes) -> str:
    """The cell that shows ``text``."""
    text = clean(text)
    width = face.width(text)
    if width <= slot.room and "\n" not in text:
        return slot.piece(codes, text, width)
    first, *further = (_line(line, slot, face, codes) for line in lines(text, face, slot.room))
    if not further:
        return first
    return first + "".join(f"{FURTHER}{-slot.start} {line}" for line in further) + FURTHER_END


def _line(line: str, slot: Slot, face: Face, codes: Codes) -> str:
    """A line end is shown as a space, and what stands at the end does not move text that is aligned there."""
    line = line.replace("\n", " ")
    return slot.piece(codes, line, face.width(line.rstrip(" ")))


def lines(text: str, face: Face, room: int) -> Iterator[str]:
    """Clean ``text`` in at most ``MAX_LINES`` lines, the last of which says so where there was more."""
    found = list(islice(wrap(text[:_MAX_TEXT], face.advance, room), MAX_LINES + 1))
    if len(found) > MAX_LINES or len(text) > _MAX_TEXT:
        del found[MAX_LINES:]
        found[-1] = cut(found[-1].rstrip(" \n") + CUT_MARK, face, room, CUT_MARK)
    yield from found


def cut(text: str, face: Face, room: int, mark: str = "…") -> str:
    """``text``, or as much of its beginning as fits with ``mark`` behind it."""
    if face.width(text) <= room:
        return text
    text = text.removesuffix(mark)
    while text and face.width(text + mark) > room:
        text = text[:-1]
    return text + mark
