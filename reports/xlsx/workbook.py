"""One .xlsx file: a summary with its charts, and a table of any length. It knows the format and nothing else.

The rows of the table go straight from COPY's text to compressed XML, in parts that can be kept and put together later,
in constant memory. Everything around them (styles, properties, the summary, the frames of the sheets) is openpyxl's
work: it knows more of the format than is worth writing again. For the rows it would take ten times as long.

Rows are never dropped. Where a sheet is full, the next one goes on under the same heading.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zipfile import ZipFile

from openpyxl import Workbook as OpenpyxlWorkbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Alignment
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from reports import archive
from reports.archive import Archive, Compression, Content, Packer
from reports.rows import FORMULA_START, Column
from reports.writers import ROWS_A_PART, About, Part, State
from reports.xlsx import styles
from reports.xlsx.cells import MAX_TEXT, all_letters, compile_sheet_rows
from reports.xlsx.styles import Style

#: What one sheet holds, with its heading.
MAX_ROWS: Final = 1_048_576
MAX_COLUMNS: Final = 16_384
MAX_SHEET_NAME: Final = 31

#: What a cell of the summary holds. A datetime is wall-clock time.
Value = str | int | Decimal | datetime | date

_FIRST_ROW: Final = 2
_TAB: Final = "\t"
_MODIFIED: Final = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*")
_DIMENSION: Final = re.compile(rb"<dimension [^>]*/>")
_ROWS_END: Final = b"</sheetData>"


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars: one for each of ``labels``, as long as its amount."""

    title: str
    labels: Sequence[str]
    amounts: Sequence[Decimal]


@dataclass(frozen=True, slots=True)
class Summary:
    """The first sheet: a heading, names with a value each, and charts beside them."""

    name: str
    title: str
    values: Sequence[tuple[str, Value]]
    charts: Sequence[Chart] = ()


class Workbook:
    """The file of ``rows`` rows. Write its parts in order, then ``whole`` puts them together.

    The same content with the same ``about.created`` is the same file, byte for byte. Raises ValueError
    for a name that a sheet cannot have and for too many columns.
    """

    def __init__(
        self,
        *,
        about: About,
        summary: Summary,
        table: str,
        columns: Sequence[Column],
        rows: int,
        compression: Compression = "isal",
        rows_a_part: int = ROWS_A_PART,
        max_rows: int = MAX_ROWS,
    ) -> None:
        if not 0 < len(columns) <= MAX_COLUMNS:
            raise ValueError(f"A table has 1 to {MAX_COLUMNS} columns, not {len(columns)}.")
        self._rows, self._compression = rows, compression
        self.rows_a_part = rows_a_part
        self._parts_a_sheet = (max_rows - 1) // rows_a_part
        self._rows_a_sheet = self._parts_a_sheet * rows_a_part
        self._compiled, self._fields = compile_sheet_rows(columns), len(columns) + 1
        frame = _Frame(
            about=about,
            summary=summary,
            table=table,
            columns=columns,
            rows_of_sheets=self._rows_of_sheets(),
        )
        self._members = frame.members
        self._heads, self._tails = frame.heads, frame.tails

    def _rows_of_sheets(self) -> list[int]:
        full, rest = divmod(self._rows, self._rows_a_sheet)
        return [self._rows_a_sheet] * full + [rest] * (rest > 0 or not full)

    def part(self, number: int, lines: Iterable[Sequence[str]], before: State) -> tuple[bytes, State]:
        """See ``writers.Writer``. The state is what the part's sheet holds so far."""
        place = number % self._parts_a_sheet
        _, content = self._head(number) if place == 0 else (b"", Content(**before))
        row = place * self.rows_a_part + _FIRST_ROW
        packer, packed = Packer(self._compression, content), []
        for batch in lines:
            packed.append(packer.pack(self._compiled(batch, row).encode()))
            row += len(batch)
        rest, content = packer.end()
        return b"".join([*packed, rest]), asdict(content)

    @property
    def signature(self) -> bytes:
        """Differs where the same rows would be written differently."""
        probe = self._compiled([_TAB.join(["1"] * self._fields)], 1)
        return b"".join([*self._heads[:1], probe.encode(), f"{self.rows_a_part} {self._compression}".encode()])

    def _head(self, number: int) -> tuple[bytes, Content]:
        return archive.pack(self._heads[number // self._parts_a_sheet], self._compression, last=False)

    def whole(self, parts: Sequence[Part]) -> Iterator[bytes]:
        """The file. Raises archive.TooLarge."""
        written = Archive()
        for name, data in self._members.items():
            packed, content = archive.pack(data, self._compression, last=True)
            yield from written.member(name, content, [packed])
        for place, (head, tail) in enumerate(zip(self._heads, self._tails, strict=True)):
            first = place * self._parts_a_sheet
            yield from self._sheet(written, place, head, parts[first : first + self._parts_a_sheet], tail)
        yield written.end()

    def _sheet(self, written: Archive, place: int, head: bytes, parts: Sequence[Part], tail: bytes) -> Iterator[bytes]:
        packed_head, content = archive.pack(head, self._compression, last=False)
        if parts:
            content = Content(**parts[-1].state)
        packed_tail, content = archive.pack(tail, self._compression, content, last=True)
        yield from written.member(_sheet_name(place), content, _all(packed_head, parts, packed_tail))


def _all(head: bytes, parts: Sequence[Part], tail: bytes) -> Iterator[bytes]:
    yield head
    for part in parts:
        yield from part.packed
    yield tail


def _sheet_name(place: int) -> str:
    """The summary is the first sheet."""
    return f"xl/worksheets/sheet{place + 2}.xml"


class _Frame:
    """What openpyxl writes: the finished ``members``, and of each sheet of the table what stands before and after its
    rows."""

    def __init__(
        self,
        *,
        about: About,
        summary: Summary,
        table: str,
        columns: Sequence[Column],
        rows_of_sheets: Sequence[int],
    ) -> None:
        wanted = [summary.name, table, *(f"{table} {number}" for number in range(2, len(rows_of_sheets) + 1))]
        if max(map(len, wanted)) > MAX_SHEET_NAME:
            raise ValueError(f"Sheets cannot be called {wanted}.")
        book = OpenpyxlWorkbook()
        page = book.active
        assert isinstance(page, Worksheet)
        styles.register(page)
        page.title = summary.name
        _write_summary(page, summary)
        for number, rows in enumerate(rows_of_sheets, start=1):
            _write_heading(book.create_sheet(table if number == 1 else f"{table} {number}"), columns, rows)
        if [sheet.title for sheet in book] != wanted:
            raise ValueError(f"Sheets cannot be called {wanted}.")
        book.properties.title, book.properties.creator = _plain(about.title), _plain(about.author)
        book.properties.language = about.language
        created = about.created.astimezone(UTC)
        book.properties.created = created.replace(tzinfo=None)
        saved = io.BytesIO()
        book.save(saved)
        with ZipFile(saved) as frame:
            self.members = {name: frame.read(name) for name in frame.namelist()}
        moment = f"{created:%Y-%m-%dT%H:%M:%SZ}".encode()
        self.members["docProps/core.xml"] = _MODIFIED.sub(rb"\g<1>" + moment, self.members["docProps/core.xml"])
        self.heads, self.tails = [], []
        for place in range(len(rows_of_sheets)):
            head, tail = self.members.pop(_sheet_name(place)).split(_ROWS_END)
            self.heads.append(_DIMENSION.sub(b"", head))  # openpyxl has seen the heading only
            self.tails.append(_ROWS_END + tail)


def _write_heading(sheet: Worksheet, columns: Sequence[Column], rows: int) -> None:
    letters = all_letters(len(columns))
    for column, letter in zip(columns, letters, strict=True):
        _set(sheet[f"{letter}1"], column.title, Style.HEADING)
        sheet.column_dimensions[letter].width = column.width
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{letters[-1]}{rows + 1}"
    sheet.print_title_rows = "1:1"
    _fit_to_width(sheet)


def _fit_to_width(sheet: Worksheet) -> None:
    """On paper: as wide as a page that lies on its side, as long as it takes."""
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


#: Characters in a line of the summary's values, and points that a line is high.
_VALUE_WIDTH: Final = 48
_LINE_HEIGHT: Final = 15


def _write_summary(page: Worksheet, summary: Summary) -> None:
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 28, _VALUE_WIDTH
    page.column_dimensions["D"].width, page.column_dimensions["E"].width = 38, 18
    _fit_to_width(page)
    _set(page["A1"], summary.title, Style.TITLE)
    for row, (name, value) in enumerate(summary.values, start=2):
        _set(page.cell(row, 1), name, Style.TEXT)
        _set(page.cell(row, 2), value, _style(value))
        page.cell(row, 1).alignment = Alignment(vertical="top")
        page.row_dimensions[row].height = _LINE_HEIGHT * (1 + len(str(value)) // _VALUE_WIDTH)
        page.cell(row, 2).alignment = Alignment(horizontal="left", vertical="top", wrap_text=True)
    row = 1
    for chart in summary.charts:
        row = _write_chart(page, chart, row)


#: Rows that a chart is high, its data beside it.
_CHART_ROWS: Final = 20


def _write_chart(page: Worksheet, chart: Chart, row: int) -> int:
    """Writes it, with its data at column D from ``row`` on; returns the row where the next one can begin."""
    _set(page.cell(row, 4), chart.title, Style.HEADING)
    _set(page.cell(row, 5), "", Style.HEADING)
    for place, (label, amount) in enumerate(zip(chart.labels, chart.amounts, strict=True), start=row + 1):
        _set(page.cell(place, 4), label, Style.TEXT)
        _set(page.cell(place, 5), amount, _style(amount))
    last = row + len(chart.labels)
    bars = BarChart()
    bars.type, bars.style, bars.legend, bars.gapWidth = "bar", 10, None, 40
    bars.title, bars.width, bars.height = _plain(chart.title), 18, 9.5
    bars.x_axis.delete = bars.y_axis.delete = False
    bars.x_axis.scaling.orientation = "maxMin"
    if min(chart.amounts) >= 0:
        bars.y_axis.scaling.min = 0  # else a small difference looks like a large one
    bars.y_axis.number_format, bars.y_axis.majorGridlines = "#,##0", None
    bars.add_data(Reference(page, min_col=5, min_row=row + 1, max_row=last))
    bars.set_categories(Reference(page, min_col=4, min_row=row + 1, max_row=last))
    page.add_chart(bars, f"G{row}")
    return max(last, row + _CHART_ROWS) + 2


def _style(value: Value) -> Style:
    if isinstance(value, str):
        return Style.TEXT
    if isinstance(value, datetime):
        return Style.MOMENT
    if isinstance(value, date):
        return Style.DATE
    if isinstance(value, int):
        return Style.WHOLE
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return {0: Style.WHOLE, -1: Style.DECIMALS_1, -2: Style.DECIMALS_2}.get(exponent, Style.DECIMALS_MORE)


#: From here on a double no longer holds every integer.
_TOO_LARGE: Final = 10**15


def _set(cell: Any, value: Value, style: Style) -> None:
    if isinstance(value, int | Decimal) and not -_TOO_LARGE < value < _TOO_LARGE:
        value, style = f"{value}", Style.TEXT
    if isinstance(value, str):
        value = _plain(value)[:MAX_TEXT]
        if style == Style.TEXT and value.startswith(FORMULA_START):
            style = Style.GUARDED_TEXT
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # what begins like a formula is none
    styles.dress(cell, style)


def _plain(value: str) -> str:
    """``value`` without what openpyxl, or XML, cannot hold. Names and titles hold it only by mistake."""
    value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value).encode("utf-8", "replace").decode()
    return value.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
