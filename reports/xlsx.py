"""Writes .xlsx files row by row, in constant memory. It knows the format and nothing else.

What it promises, because readers of the file depend on it:

* A text stays that text: never a formula, never a number, with its leading zeros, line ends and odd characters. What
  XML cannot hold is written as ``_xHHHH_``, which readers of the format turn back.
* A number that a double cannot hold (more than 15 digits) is written as text rather than rounded.
* Rows are never dropped. Where a sheet is full, the next one goes on under the same heading.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import IntEnum
from types import TracebackType
from typing import IO, Final, Self
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

#: What one sheet holds, with its heading.
MAX_ROWS: Final = 1_048_576
#: UTF-16 code units that one cell holds.
MAX_TEXT: Final = 32_767
MAX_COLUMNS: Final = 16_384
MAX_SHEET_NAME: Final = 31
#: Digits that a number in a cell keeps.
MAX_DIGITS: Final = 15
#: Stands at the end of a text that was longer than a cell holds.
CUT_MARK: Final = " […]"
#: A third of the default level's time for a third more bytes.
COMPRESSION: Final = 1

#: What a cell can hold. A datetime is wall-clock time: it must not carry a time zone, for the format knows none.
Value = str | int | Decimal | datetime | date | None

_TOO_LARGE: Final = 10**MAX_DIGITS
#: Day 0. The format counts a 29 February 1900 that never was, so its days are right from 1 March 1900 on.
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 (wall-clock time, as all times in the format)
_FIRST_RIGHT_DAY: Final = 61
_DAY: Final = timedelta(days=1)
_ROWS_AT_ONCE: Final = 500


class Style(IntEnum):
    """Index into ``cellXfs`` of ``_STYLES``."""

    PLAIN = 0
    TEXT = 1
    #: A text that a person who edits the cell would turn into a formula.
    GUARDED_TEXT = 2
    HEADING = 3
    TITLE = 4
    DATE = 5
    MOMENT = 6
    WHOLE = 7
    DECIMALS_1 = 8
    DECIMALS_2 = 9
    #: Two decimals, and more where they are not zero.
    DECIMALS_MORE = 10


# --- text ------------------------------------------------------------------------------------------------------------
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: What XML 1.0 cannot hold, a carriage return (which XML readers turn into a line feed), and a literal that looks like
#: our own escape.
_UNREADABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_FORMULA_START: Final = tuple("=+-@\t\r\n＝＋－＠")


def cell_text(text: str) -> str:
    """``text`` as the content of a ``<t>`` element: cut (visibly) to what a cell holds, and escaped."""
    if len(text) * 2 > MAX_TEXT:
        text = _cut(text)
    if text.isprintable() and "_x" not in text:
        return escape(text)
    text = _SURROGATE.sub("\ufffd", text)
    return escape(_UNREADABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", text))


def _cut(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) // 2 <= MAX_TEXT:
        return text
    room = MAX_TEXT - len(CUT_MARK)
    return units[: room * 2].decode("utf-16-le", "ignore") + CUT_MARK


# --- cells -----------------------------------------------------------------------------------------------------------


def _text(ref: str, value: str, style: int = Style.TEXT) -> str:
    if style == Style.TEXT and value.startswith(_FORMULA_START):
        style = Style.GUARDED_TEXT
    return f'<c r="{ref}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{cell_text(value)}</t></is></c>'


def _integer(ref: str, value: int) -> str:
    if -_TOO_LARGE < value < _TOO_LARGE:
        return f'<c r="{ref}" s="{Style.WHOLE}"><v>{value}</v></c>'
    return _text(ref, str(value))


def _decimal(ref: str, value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} cannot be written to a cell.")
    digits, exponent = value.as_tuple()[1:]
    assert isinstance(exponent, int)
    if len(digits) + max(exponent, 0) > MAX_DIGITS and not -_TOO_LARGE < _significand(value) < _TOO_LARGE:
        return _text(ref, f"{value:f}")
    style = Style.WHOLE if exponent >= 0 else _BY_EXPONENT.get(exponent, Style.DECIMALS_MORE)
    return f'<c r="{ref}" s="{style}"><v>{value:f}</v></c>'


def _significand(value: Decimal) -> int:
    """The digits of ``value`` as written, without the zeros that end its fraction."""
    digits = f"{value:f}"
    return int((digits.rstrip("0") if "." in digits else digits).replace(".", ""))


_BY_EXPONENT: Final = {-1: Style.DECIMALS_1, -2: Style.DECIMALS_2}


def _moment(ref: str, value: datetime) -> str:
    if value.tzinfo is not None:
        raise TypeError("A cell holds wall-clock time: convert to the reader's time zone and drop tzinfo first.")
    days = (value - _EPOCH) / _DAY
    if days < _FIRST_RIGHT_DAY:
        return _text(ref, value.isoformat(" "))
    return f'<c r="{ref}" s="{Style.MOMENT}"><v>{days!r}</v></c>'


def _date(ref: str, value: date) -> str:
    days = (value - _EPOCH.date()).days
    if days < _FIRST_RIGHT_DAY:
        return _text(ref, value.isoformat())
    return f'<c r="{ref}" s="{Style.DATE}"><v>{days}</v></c>'


def _empty(_ref: str, _value: None) -> str:
    return ""


_ENCODERS: Final[dict[type, Callable[..., str]]] = {
    str: _text,
    int: _integer,
    Decimal: _decimal,
    datetime: _moment,
    date: _date,
    type(None): _empty,
}


def _derived(ref: str, value: Value) -> str:
    """A value of a class derived from one that a cell holds. A truth value is an int only to Python."""
    if not isinstance(value, bool):
        for kind, encode in _ENCODERS.items():
            if isinstance(value, kind):
                return encode(ref, value)
    raise TypeError(f"A cell cannot hold {type(value).__name__}.")


def column_letters(place: int) -> str:
    """``A`` for 0, ``Z`` for 25, ``AA`` for 26."""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


# --- sheets ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its heading and its width in characters."""

    title: str
    width: float = 12.0


class _Sheet:
    """One open sheet of the file."""

    def __init__(self, stream: IO[bytes], *, widths: Sequence[float], frozen: bool, selected: bool) -> None:
        self._stream = stream
        self._letters = [column_letters(place) for place in range(len(widths))]
        self._pending: list[str] = []
        self.rows = 0
        pane = '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>' if frozen else ""
        view = f'<sheetView workbookViewId="0"{" tabSelected=" + chr(34) + "1" + chr(34) if selected else ""}>{pane}'
        columns = "".join(
            f'<col min="{place}" max="{place}" width="{width:g}" customWidth="1"/>'
            for place, width in enumerate(widths, start=1)
        )
        self._write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews>{view}</sheetView></sheetViews>')
        self._write(f"<cols>{columns}</cols><sheetData>")

    def append(self, values: Iterable[Value]) -> None:
        number = self.rows = self.rows + 1
        cells = "".join(
            [
                _ENCODERS.get(type(value), _derived)(f"{letters}{number}", value)
                for letters, value in zip(self._letters, values, strict=True)
            ]
        )
        self._add(f'<row r="{number}">{cells}</row>')

    def append_styled(self, texts: Iterable[str], style: Style) -> None:
        number = self.rows = self.rows + 1
        cells = "".join(
            [_text(f"{letters}{number}", text, style) for letters, text in zip(self._letters, texts, strict=False)]
        )
        self._add(f'<row r="{number}">{cells}</row>')

    def close(self, *, filtered: bool) -> None:
        self._flush()
        area = f'<autoFilter ref="A1:{self._letters[-1]}{self.rows}"/>' if filtered else ""
        self._write(f"</sheetData>{area}</worksheet>")
        self._stream.close()

    def abandon(self) -> None:
        self._stream.close()

    def _add(self, row: str) -> None:
        self._pending.append(row)
        if len(self._pending) >= _ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        self._write("".join(self._pending))
        self._pending.clear()

    def _write(self, xml: str) -> None:
        self._stream.write(xml.encode())


class Workbook:
    """A file being written to ``stream``, sheet after sheet. Leaving the ``with`` block completes it; where an
    exception leaves it, what was written is no workbook.

    ``created``: aware; the same content with the same ``created`` is the same file, byte for byte.
    """

    def __init__(
        self, stream: IO[bytes], *, title: str, author: str, created: datetime, max_rows: int = MAX_ROWS
    ) -> None:
        self._archive = ZipFile(stream, "w", ZIP_DEFLATED, compresslevel=COMPRESSION)
        self._properties = (title, author, created.astimezone(UTC))
        self._max_rows = max_rows
        #: Name of each sheet and the area of its filter ("" for none).
        self._sheets: list[tuple[str, str]] = []
        self._sheet: _Sheet | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        elif self._sheet is not None:
            self._sheet.abandon()
        self._archive.close()

    def page(self, name: str, title: str, rows: Iterable[tuple[str, Value]], *, widths: tuple[float, float]) -> None:
        """A sheet of one heading and of names with a value each."""
        sheet = self._open(name, widths=widths, frozen=False)
        sheet.append_styled([title], Style.TITLE)
        for row in rows:
            sheet.append(row)
        sheet.close(filtered=False)

    def table(self, name: str, columns: Sequence[Column], rows: Iterable[Sequence[Value]]) -> int:
        """A table with a frozen heading and a filter, on as many sheets as it needs (``name``, ``name 2`` …); at least
        one. Returns the number of rows."""
        if not 0 < len(columns) <= MAX_COLUMNS:
            raise ValueError(f"A table has 1 to {MAX_COLUMNS} columns, not {len(columns)}.")
        count = 0
        sheet = self._open_table(name, columns)
        for row in rows:
            if sheet.rows == self._max_rows:
                self._close_table(sheet, columns)
                sheet = self._open_table(name, columns)
            sheet.append(row)
            count += 1
        self._close_table(sheet, columns)
        return count

    def _open_table(self, name: str, columns: Sequence[Column]) -> _Sheet:
        same = sum(existing == name or existing.startswith(f"{name} ") for existing, _ in self._sheets)
        sheet = self._open(
            f"{name} {same + 1}" if same else name, widths=[column.width for column in columns], frozen=True
        )
        sheet.append_styled([column.title for column in columns], Style.HEADING)
        return sheet

    def _close_table(self, sheet: _Sheet, columns: Sequence[Column]) -> None:
        sheet.close(filtered=True)
        name = self._sheets[-1][0]
        self._sheets[-1] = (name, f"$A$1:${column_letters(len(columns) - 1)}${sheet.rows}")

    def _open(self, name: str, *, widths: Sequence[float], frozen: bool) -> _Sheet:
        if not 0 < len(name) <= MAX_SHEET_NAME or set(name) & set("[]:*?/\\"):
            raise ValueError(f"{name!r} cannot be the name of a sheet.")
        self._sheets.append((name, ""))
        member = _member(f"xl/worksheets/sheet{len(self._sheets)}.xml")
        self._sheet = _Sheet(
            self._archive.open(member, "w", force_zip64=True),
            widths=widths,
            frozen=frozen,
            selected=len(self._sheets) == 1,
        )
        return self._sheet

    def _finish(self) -> None:
        title, author, created = self._properties
        parts = {
            "xl/workbook.xml": self._workbook(),
            "xl/_rels/workbook.xml.rels": self._relations(),
            "xl/styles.xml": _STYLES,
            "docProps/core.xml": _CORE.format(
                title=cell_text(title), author=cell_text(author), created=f"{created:%Y-%m-%dT%H:%M:%SZ}"
            ),
            "docProps/app.xml": _APP,
            "_rels/.rels": _ROOT_RELATIONS,
            "[Content_Types].xml": self._content_types(),
        }
        for name, xml in parts.items():
            self._archive.writestr(_member(name), xml)

    def _workbook(self) -> str:
        sheets = "".join(
            f'<sheet name="{escape(name, _QUOTES)}" sheetId="{place}" r:id="rId{place}"/>'
            for place, (name, _) in enumerate(self._sheets, start=1)
        )
        filters = "".join(
            f'<definedName name="_xlnm._FilterDatabase" localSheetId="{place}" hidden="1">'
            f"'{escape(name.replace(chr(39), chr(39) * 2))}'!{area}</definedName>"
            for place, (name, area) in enumerate(self._sheets)
            if area
        )
        names = f"<definedNames>{filters}</definedNames>" if filters else ""
        return (
            f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><bookViews><workbookView/></bookViews>'
            f"<sheets>{sheets}</sheets>{names}</workbook>"
        )

    def _relations(self) -> str:
        styles = len(self._sheets) + 1
        sheets = "".join(
            f'<Relationship Id="rId{place}" Type="{_OFFICE}/relationships/worksheet"'
            f' Target="worksheets/sheet{place}.xml"/>'
            for place in range(1, styles)
        )
        return (
            f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{sheets}'
            f'<Relationship Id="rId{styles}" Type="{_OFFICE}/relationships/styles" Target="styles.xml"/>'
            "</Relationships>"
        )

    def _content_types(self) -> str:
        sheets = "".join(
            f'<Override PartName="/xl/worksheets/sheet{place}.xml" ContentType="{_SPREADSHEET}.worksheet+xml"/>'
            for place in range(1, len(self._sheets) + 1)
        )
        return _CONTENT_TYPES.format(sheets=sheets)


def _member(name: str) -> ZipInfo:
    """An entry of the archive that does not depend on when it is written."""
    member = ZipInfo(name)
    member.compress_type = ZIP_DEFLATED
    member._compresslevel = COMPRESSION  # type: ignore[attr-defined]  # noqa: SLF001 (public from Python 3.13)
    return member


# --- the fixed parts -------------------------------------------------------------------------------------------------
_XML: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_SPREADSHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_QUOTES: Final = {'"': "&quot;"}

_STYLES: Final = f"""{_XML}<styleSheet xmlns="{_MAIN}">\
<numFmts count="4"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>\
<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/><numFmt numFmtId="166" formatCode="#,##0.0"/>\
<numFmt numFmtId="167" formatCode="#,##0.00####"/></numFmts>\
<fonts count="3"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font>\
<font><b/><sz val="14"/><name val="Calibri"/></font></fonts>\
<fills count="3"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>\
<fill><patternFill patternType="solid"><fgColor rgb="FFEEF1F5"/></patternFill></fill></fills>\
<borders count="1"><border/></borders>\
<cellStyleXfs count="1"><xf/></cellStyleXfs>\
<cellXfs count="11"><xf/>\
<xf numFmtId="49" applyNumberFormat="1"/>\
<xf numFmtId="49" applyNumberFormat="1" quotePrefix="1"/>\
<xf numFmtId="49" applyNumberFormat="1" fontId="1" applyFont="1" fillId="2" applyFill="1"/>\
<xf numFmtId="49" applyNumberFormat="1" fontId="2" applyFont="1"/>\
<xf numFmtId="164" applyNumberFormat="1"/>\
<xf numFmtId="165" applyNumberFormat="1"/>\
<xf numFmtId="3" applyNumberFormat="1"/>\
<xf numFmtId="166" applyNumberFormat="1"/>\
<xf numFmtId="4" applyNumberFormat="1"/>\
<xf numFmtId="167" applyNumberFormat="1"/></cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""

_CORE: Final = (
    f'{_XML}<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{title}</dc:title>'
    '<dc:creator>{author}</dc:creator><dcterms:created xsi:type="dcterms:W3CDTF">{created}</dcterms:created>'
    "</cp:coreProperties>"
)
_APP: Final = (
    f'{_XML}<Properties xmlns="{_OFFICE}/extended-properties"><Application>Backroom</Application></Properties>'
)
_ROOT_RELATIONS: Final = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/relationships/officeDocument" Target="xl/workbook.xml"/>'
    f'<Relationship Id="rId2" Type="{_PACKAGE}/relationships/metadata/core-properties" Target="docProps/core.xml"/>'
    f'<Relationship Id="rId3" Type="{_OFFICE}/relationships/extended-properties" Target="docProps/app.xml"/>'
    "</Relationships>"
)
_CONTENT_TYPES: Final = (
    f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SPREADSHEET}.sheet.main+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_SPREADSHEET}.styles+xml"/>'
    '<Override PartName="/docProps/core.xml"'
    ' ContentType="application/vnd.openxmlformats-package.core-properties+xml"/>'
    '<Override PartName="/docProps/app.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.extended-properties+xml"/>'
    "{sheets}</Types>"
)
