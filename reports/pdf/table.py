"""What the pages of a table have in common: A4, landscape, under a head that is drawn once for all of them.

Format: ISO 32000-1, 8.10 (forms) and 9.4 (text).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Final

from reports.pdf.cells import GAP, is_number
from reports.pdf.font import Codes, Style, face
from reports.pdf.notation import Notation
from reports.pdf.text import fit, printable
from reports.rows import Column

#: A4, landscape, in points, as all lengths are that are not said to be others.
WIDTH, HEIGHT = 841.89, 595.28
#: Names of the forms.
HEAD, OF_PAGES = "Head", "Of"
#: Sums by more keys would leave too little room for rows.
MOST_KEYS: Final = 12

LEFT: Final = 36.0
_RIGHT: Final = WIDTH - LEFT
_TITLE_LINE: Final = HEIGHT - 40.0
_HEAD_TOP: Final = HEIGHT - 51.0
FOOT_LINE: Final = 25.0
_TITLE_SIZE, NOTE_SIZE = 11.0, 7.5
#: Sizes of the rows' type: as large as columns have room for.
_SMALLEST, _LARGEST = 5.4, 7.5
#: Width of one of the characters in which columns are measured, in sizes of the type: digits are about that wide with
#: the gaps between columns. A table that asks for little is not pulled apart beyond the second.
_CHARACTER, _WIDEST = 0.6, 1.1
#: In sizes of the type: from one row's base line to the next one's, from line to line within a row, and from a row's
#: base line to its lower edge.
_ROW_HEIGHT, _LEADING, _DESCENT = 1.6, 1.25, 0.46
_HEAD_LINES: Final = 3
#: Part of a line that a page's title may take.
_TITLE_PART: Final = 0.7
GREY: Final = b".35 g"


@dataclass(frozen=True, slots=True)
class Words:
    """What pages say, in the report's language. Behind the words of sums stands their key."""

    so_far: str = "So far"
    total: str = "Total"
    nothing: str = "Nothing was found for this period."
    page: str = "Page {page}"
    of_pages: str = " of {pages}"


@dataclass(frozen=True, slots=True)
class Sums:
    """What is added up: the places of the columns of whole numbers or amounts, by the text in the column at ``key``.

    All keys are known before, in the order in which they are shown.
    """

    key: int
    numbers: Sequence[int]
    keys: Sequence[str]


@dataclass(frozen=True)
class Table:
    """What all pages of a table have in common.

    Attributes:
        title, period: stand in the head of each page.
        note: stands at the foot of each page.
        months: the place of a column of dates or moments that rows are ordered by: its months get bookmarks. None of
            them is NULL.
    """

    title: str
    period: str
    columns: Sequence[Column]
    sums: Sums | None = None
    months: int | None = None
    note: str = ""
    notation: Notation = field(default_factory=Notation)
    words: Words = field(default_factory=Words)

    def __post_init__(self) -> None:
        if not self.columns or (self.sums and 0 in self.sums.numbers):
            raise ValueError("The words of sums stand in the first column, so that cannot have one.")
        if self.sums and len(self.sums.keys) > MOST_KEYS:
            raise ValueError(f"There are {len(self.sums.keys)} keys, and room for the sums of {MOST_KEYS}.")

    def forms(self, pages: int, codes: Codes) -> dict[str, bytes]:
        """What the pages of a file with so many ``pages`` refer to, by name."""
        of_pages = draw_text(codes, (0, 0), self.words.of_pages.format(pages=pages), NOTE_SIZE)
        return {HEAD: self.head(codes), OF_PAGES: b"%b %b" % (GREY, of_pages)}

    @cached_property
    def size(self) -> float:
        """Size of the rows' type."""
        character = (_RIGHT - LEFT) / sum(column.width for column in self.columns)
        return min(max(round(character / _CHARACTER, 1), _SMALLEST), _LARGEST)

    @cached_property
    def widths(self) -> list[int]:
        """Of the columns with the gaps behind them, in thousandths of the size of the type."""
        asked = sum(column.width for column in self.columns)
        # The last column's gap is beyond the margin.
        whole = (_RIGHT - LEFT) / self.size * 1000 + GAP
        return [int(column.width * min(whole / asked, _WIDEST * 1000)) for column in self.columns]

    @cached_property
    def edges(self) -> list[float]:
        """Left edges of the columns, and the right edge of the gap behind the last one."""
        return [LEFT + width * self.size / 1000 for width in accumulate(self.widths, initial=0)]

    @property
    def right(self) -> float:
        """Right edge of the last column."""
        return self.right_of(len(self.columns) - 1)

    def right_of(self, place: int) -> float:
        """Right edge of a column."""
        return self.edges[place + 1] - GAP * self.size / 1000

    @cached_property
    def titles(self) -> list[list[str]]:
        """The lines of the columns' titles."""
        bold = face(Style.BOLD)
        return [
            fit(printable(column.title), max(width - GAP, 1), bold, _HEAD_LINES)
            for column, width in zip(self.columns, self.widths, strict=True)
        ]

    @property
    def row_height(self) -> float:
        """From one row's base line to the next one's."""
        return _ROW_HEIGHT * self.size

    @property
    def leading(self) -> float:
        """From line to line within a row."""
        return _LEADING * self.size

    @property
    def descent(self) -> float:
        """From a row's base line to its lower edge."""
        return _DESCENT * self.size

    @property
    def top(self) -> float:
        """Upper edge of the first row."""
        return _HEAD_TOP - max(map(len, self.titles)) * self.leading - 6

    @property
    def bottom(self) -> float:
        """Lower edge of the last row."""
        return FOOT_LINE + 16 + (len(self.sums.keys) * self.row_height + 4 if self.sums else 0)

    def head(self, codes: Codes) -> bytes:
        """What is the same on every page."""
        room = (_RIGHT - LEFT) * _TITLE_PART / _TITLE_SIZE * 1000
        title = fit(printable(self.title), int(room), face(Style.BOLD), 1)[0]
        drawn = [
            b"0 g",
            draw_text(codes, (LEFT, _TITLE_LINE), title, _TITLE_SIZE, Style.BOLD),
            *self._head_cells(codes),
            draw_rule(_HEAD_TOP, _RIGHT),
            draw_rule(self.top, self.right),
            GREY,
            draw_text(codes, (_RIGHT, _TITLE_LINE), self.period, NOTE_SIZE, right=True),
            draw_text(codes, (_RIGHT, FOOT_LINE), self.note, NOTE_SIZE, right=True),
        ]
        return b"\n".join(drawn)

    def _head_cells(self, codes: Codes) -> Iterator[bytes]:
        for place, (column, lines) in enumerate(zip(self.columns, self.titles, strict=True)):
            number = is_number(column)
            x = self.right_of(place) if number else self.edges[place]
            for up, line in enumerate(reversed(lines)):
                y = self.top + self.descent + 1 + up * self.leading
                yield draw_text(codes, (x, y), line, self.size, Style.BOLD, right=number)


def draw_text(
    codes: Codes, at: tuple[float, float], text: str, size: float, style: Style = Style.REGULAR, *, right: bool = False
) -> bytes:
    """``text`` that begins, or with ``right`` ends, ``at`` a point."""
    x, y = at
    text = printable(text)
    if right:
        x -= face(style).width(text) * size / 1000
    return b"BT/%b %.2f Tf %.2f %.2f Td%bTj ET" % (style.encode(), size, x, y, codes.string(text, style))


def draw_rule(y: float, right: float) -> bytes:
    return b".75 w %.2f %.2f m %.2f %.2f l S" % (LEFT, y, right, y)
