"""Lays the rows of a table out on pages, with sums at the foot of each page and at the end.

Pages are finished one after the other and are final at once, so a table of any length takes the memory of one page.
Format: ISO 32000-1, 9.4 (text) and 14.6 (marked content).
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add
from typing import Final, Self

from isal import isal_zlib

from reports.archive import Compression
from reports.pdf.cells import Cells, SeveralLines
from reports.pdf.font import Codes, Style, face
from reports.pdf.table import FOOT_LINE, GREY, HEAD, LEFT, NOTE_SIZE, OF_PAGES, Table, draw_rule, draw_text
from reports.pdf.text import fit, printable
from reports.rows import NULL, Holds, unescape

#: Marks the rows in pages.
ROW: Final = "TR"

_ARTIFACT: Final = b"/Artifact BMC %b EMC\n"
_ROW_START: Final = b"/%b BMC[" % ROW.encode()
_TAB: Final = "\t"
#: Of a date as PostgreSQL writes it.
_MONTH: Final = len("2026-01")

#: Sums of the columns that have one, by key and by the decimals of the amounts in them.
_Totals = dict[tuple[str, str], list[int]]


@dataclass(frozen=True, slots=True)
class Progress:
    """What the pages so far hand on to the next one, in what JSON can hold.

    Attributes:
        page: the number of the next page.
        open: the lines of rows that have not filled a page yet. All else is as it was before them, except that the
            characters in them count as used.
        totals: key, decimals, sums.
        month: the one that was last begun.
        bookmarks: months, and the numbers of the pages that they begin on.
        used: the characters met, by face.
        beyond: those beyond two bytes: see ``font.Codes``.
    """

    page: int
    open: Sequence[str] = ()
    totals: Sequence[tuple[str, str, Sequence[int]]] = ()
    month: str = ""
    bookmarks: Sequence[tuple[str, int]] = ()
    used: Mapping[str, str] = field(default_factory=dict)
    beyond: str = ""

    @classmethod
    def start(cls, table: Table, page: int) -> Self:
        """A table begins on this ``page``."""
        codes = Codes()
        table.head(codes)  # its characters beyond two bytes come first
        return cls(page, beyond=codes.beyond)


class Layout:
    """Lays rows out on pages, from where ``before`` left off."""

    def __init__(self, table: Table, before: Progress, compression: Compression) -> None:
        self._table, self._compression = table, compression
        self._codes = Codes(before.used, before.beyond)
        self._cells: dict[str, list[Cells]] = {}
        self._page, self._month, self._bookmarks = before.page, before.month, list(before.bookmarks)
        self._totals: _Totals = {(key, decimals): list(sums) for key, decimals, sums in before.totals}
        self._row_end = b"]TJ EMC 0 -%.2f Td\n" % table.row_height
        self._next_line = b"]TJ 0 -%.2f Td[" % table.leading
        self._begin()

    @property
    def progress(self) -> Progress:
        return replace(self._settled, open=self._open, used=self._codes.used, beyond=self._codes.beyond)

    def pages(self, lines: Iterable[str]) -> Iterator[bytes]:
        """The pages that ``lines`` of COPY's text fill, compressed. A line holds a field for each column, and one more
        that says how many decimals the row's amounts have.

        Raises ValueError for a line that holds anything else, and for a key that was not known before.
        """
        table = self._table
        months, bottom, row_height = table.months, table.bottom, table.row_height
        for line in lines:
            *fields, decimals = line.split(_TAB)
            columns = self._cells.get(decimals) or self._columns(decimals)
            try:
                row = b"".join([column[text] for column, text in zip(columns, fields, strict=True)])
                height = row_height
            except SeveralLines:
                row, height = self._tall(columns, fields)
            if self._y - height < bottom:
                yield self._finish()
            if months is not None and fields[months][:_MONTH] != self._month:
                self._begin_month(fields[months])
            self._add_up(fields, decimals)
            self._y -= height
            self._rows.append(row)
            self._edges.append(self._y)
            self._open.append(line)

    def _tall(self, columns: Sequence[Cells], fields: Sequence[str]) -> tuple[bytes, float]:
        """A row of several lines, and its height."""
        cells = [column.lines(text) for column, text in zip(columns, fields, strict=True)]
        most = max(map(len, cells))
        filled = [lines + [column[NULL]] * (most - len(lines)) for column, lines in zip(columns, cells, strict=True)]
        row = self._next_line.join(b"".join(line) for line in zip(*filled, strict=True))
        return row, self._table.row_height + (most - 1) * self._table.leading

    def end(self) -> bytes:
        """The last page, with the sums of all."""
        table = self._table
        if self._rows:
            return self._finish(self._sums(table.words.total, self._y - 2))
        self._y -= table.row_height
        nothing = draw_text(self._codes, (LEFT, self._y + table.descent), table.words.nothing, table.size)
        return self._finish(b"%b %b\n" % (GREY, nothing))

    def _begin(self) -> None:
        """Begins a page."""
        totals = [(key, decimals, sums) for (key, decimals), sums in self._totals.items()]
        self._settled = Progress(self._page, totals=totals, month=self._month, bookmarks=[*self._bookmarks])
        self._y = self._table.top
        self._rows: list[bytes] = []
        #: Lower edges of the rows.
        self._edges: list[float] = []
        self._open: list[str] = []

    def _columns(self, decimals: str) -> list[Cells]:
        table, shared = self._table, next(iter(self._cells.values()), [])
        self._cells[decimals] = [
            shared[place]
            if shared and column.holds != Holds.MONEY
            else Cells(column, width, int(decimals), table.notation, self._codes)
            for place, (column, width) in enumerate(zip(table.columns, table.widths, strict=True))
        ]
        return self._cells[decimals]

    def _begin_month(self, moment: str) -> None:
        self._month = moment[:_MONTH]
        self._bookmarks.append((self._table.notation.month_of(moment), self._page))

    def _add_up(self, fields: Sequence[str], decimals: str) -> None:
        sums = self._table.sums
        if sums is None:
            return
        key = fields[sums.key], decimals
        before = self._totals.get(key)
        if before is None:
            if unescape(key[0]) not in sums.keys:
                raise ValueError(f"{key[0]!r} is not one of the keys {sums.keys}.")
            before = [0] * len(sums.numbers)
        added = [0 if fields[place] == NULL else int(fields[place]) for place in sums.numbers]
        # A new list each time: pages that are finished hold on to theirs.
        self._totals[key] = list(map(add, before, added))

    def _finish(self, end: bytes | None = None) -> bytes:
        """The page as it stands, and a new one begun. ``end`` is drawn in place of the sums so far."""
        table = self._table
        if end is None:
            end = _ARTIFACT % self._sums(table.words.so_far, table.bottom - 2)
        drawn = (
            _ARTIFACT % (b"/%b Do" % HEAD.encode()),
            _ARTIFACT % self._rules(),
            b"BT/%b %.2f Tf %.2f %.2f Td\n"
            % (Style.REGULAR.encode(), table.size, LEFT, table.top - table.row_height + table.descent),
            *(b"%b%b%b" % (_ROW_START, row, self._row_end) for row in self._rows),
            b"ET\n",
            end,
            _ARTIFACT % self._foot(),
        )
        self._page += 1
        self._begin()
        content = b"".join(drawn)
        packed: bytes = isal_zlib.compress(content, 1) if self._compression == "isal" else zlib.compress(content, 6)
        return packed

    def _rules(self) -> bytes:
        right = self._table.right
        lines = [b"%.2f %.2f m %.2f %.2f l\n" % (LEFT, y, right, y) for y in self._edges]
        return b"q .87 G .4 w\n%bS Q" % b"".join(lines)

    def _sums(self, word: str, top: float) -> bytes:
        """A line for each key, from ``top`` down."""
        table = self._table
        if table.sums is None:
            return b""
        drawn = [b"0 g", draw_rule(top, table.right)]
        room = table.edges[min(table.sums.numbers)] - LEFT
        for key in table.sums.keys:
            top -= table.row_height
            y = top + table.descent
            label = fit(printable(f"{word} {key}"), int(room / table.size * 1000), face(Style.BOLD), 1)[0]
            drawn.append(draw_text(self._codes, (LEFT, y), label, table.size, Style.BOLD))
            for place, shown in zip(table.sums.numbers, self._sums_of(key), strict=True):
                drawn.append(
                    draw_text(self._codes, (table.right_of(place), y), shown, table.size, Style.BOLD, right=True)
                )
        return b"\n".join(drawn) + b"\n"

    def _sums_of(self, key: str) -> Iterator[str]:
        """The key's sums, as texts."""
        table = self._table
        assert table.sums is not None
        found = {int(decimals): sums for (field, decimals), sums in self._totals.items() if unescape(field) == key}
        most = max(found, default=0)
        for nth, place in enumerate(table.sums.numbers):
            if table.columns[place].holds == Holds.MONEY:
                total = sum(sums[nth] * 10 ** (most - decimals) for decimals, sums in found.items())
                yield table.notation.amount(str(total), most)
            else:
                yield table.notation.number(str(sum(sums[nth] for sums in found.values())))

    def _foot(self) -> bytes:
        page = printable(self._table.words.page.format(page=self._page))
        behind = LEFT + face(Style.REGULAR).width(page) * NOTE_SIZE / 1000
        number = draw_text(self._codes, (LEFT, FOOT_LINE), page, NOTE_SIZE)
        return b"%b %b q 1 0 0 1 %.2f %.2f cm/%b Do Q" % (GREY, number, behind, FOOT_LINE, OF_PAGES.encode())
