"""How cells look. openpyxl numbers the styles of a book in the order in which they are first used."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.worksheet import Worksheet

#: Letters of the format's usual size; tables are read more easily in one that is a little smaller.
_FONT: Final = "Calibri"


class Style(IntEnum):
    """Place in the book's table of styles."""

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
    MONTH = 11
    PERCENT = 12


@dataclass(frozen=True, slots=True)
class _Look:
    number_format: str
    font: Font | None = None
    fill: PatternFill | None = None
    guarded: bool = False
    wrapped: bool = False


_LOOKS: Final = {
    Style.TEXT: _Look("@"),
    Style.GUARDED_TEXT: _Look("@", guarded=True),
    Style.HEADING: _Look("@", Font(_FONT, 11, bold=True), PatternFill("solid", "FFEEF1F5"), wrapped=True),
    Style.TITLE: _Look("@", Font(_FONT, 14, bold=True)),
    Style.DATE: _Look("yyyy\\-mm\\-dd"),
    Style.MOMENT: _Look("yyyy\\-mm\\-dd\\ hh:mm:ss"),
    Style.WHOLE: _Look("#,##0"),
    Style.DECIMALS_1: _Look("#,##0.0"),
    Style.DECIMALS_2: _Look("#,##0.00"),
    Style.DECIMALS_MORE: _Look("#,##0.00####"),
    Style.MONTH: _Look("mm\\/yyyy"),
    Style.PERCENT: _Look("0.00%"),
}


def register(sheet: Worksheet) -> None:
    """Gives every style its number in the book of ``sheet``, which must not have used any."""
    for style in _LOOKS:
        cell = sheet.cell(1, 1)
        dress(cell, style)
        assert cell.style_id == style, f"{style!r} has become {cell.style_id}."
        sheet.delete_rows(1)


def dress(cell: Cell | Any, style: Style) -> None:
    look = _LOOKS[style]
    cell.style = "Normal"
    cell.number_format = look.number_format
    if look.font:
        cell.font = look.font
    if look.fill:
        cell.fill = look.fill
    if look.guarded:
        cell.quotePrefix = True
    if look.wrapped:
        cell.alignment = Alignment(vertical="top", wrap_text=True)
