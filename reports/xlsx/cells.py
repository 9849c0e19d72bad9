"""The cells of a sheet's rows, made from COPY's fields. ECMA-376-1:2016, 18.3.1.4 (c), 18.3.1.53 (is), 22.9.2.19.

A text stays that text: never a formula, never a number, with its leading zeros, line ends and odd characters. What XML
cannot hold is written as ``_xHHHH_``, which readers of the format turn back. A number that a double cannot hold (more
than 15 digits) is written as text rather than rounded.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from xml.sax.saxutils import escape

from reports.rows import FORMULA_START, Cell, Column, Encode, Holds, Rows, compile_rows, unescape
from reports.xlsx.styles import Style

#: UTF-16 code units that one cell holds.
MAX_TEXT: Final = 32_767
#: Digits that a number in a cell keeps.
MAX_DIGITS: Final = 15
#: Stands at the end of a text that was longer than a cell holds.
CUT_MARK: Final = " […]"

_TOO_LARGE: Final = 10**MAX_DIGITS
#: Day 0. The format counts a 29 February 1900 that never was, so its days are right from 1 March 1900 on.
_DAY_ZERO: Final = date(1899, 12, 30).toordinal()
_FIRST_RIGHT_DAY: Final = 61
_SECONDS_A_DAY: Final = 86_400
#: Rows written in one go.
ROWS_AT_ONCE: Final = 500


def compile_sheet_rows(columns: Sequence[Column]) -> Rows:
    """A function that writes rows of ``columns`` as a sheet's XML."""
    return compile_rows(
        [_cell(column, letters) for column, letters in zip(columns, all_letters(len(columns)), strict=True)],
        before='<row r="{row}">',
        after="</row>",
    )


def _cell(column: Column, letters: str) -> Cell:
    encoders: dict[Holds, Encode | Callable[[int], Encode]] = {
        Holds.TEXT: text if column.labels is None else _labelled(column.labels),
        Holds.NUMBER: whole,
        Holds.MONEY: amount,
        Holds.MOMENT: Moments().cell,
        Holds.DATE: day,
        Holds.MONTH: month,
        Holds.PERCENT: percent,
    }
    return Cell(
        encoders[column.holds],
        before=f'<c r="{letters}{{row}}"',
        null="/>",
        repeats=column.repeats and column.holds != Holds.MOMENT,
        money=column.holds == Holds.MONEY,
    )


def all_letters(count: int) -> list[str]:
    return [column_letters(place) for place in range(count)]


def column_letters(place: int) -> str:
    """``A`` for 0, ``Z`` for 25, ``AA`` for 26."""
    letters = ""
    place += 1
    while place:
        place, letter = divmod(place - 1, 26)
        letters = chr(65 + letter) + letters
    return letters


# --- text ------------------------------------------------------------------------------------------------------------
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
#: What XML 1.0 cannot hold, a carriage return (which XML readers turn into a line feed), and a literal that looks like
#: our own escape; LibreOffice takes fewer than four digits for one, too.
_UNREADABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{1,4}_)")
#: What a field can hold that needs a closer look: COPY's escapes, markup, what ``_UNREADABLE`` finds, an edge of white
#: space, the beginning of a formula.
_SPECIAL: Final = re.compile(
    rf"[\\&<>_\x00-\x1f\ud800-\udfff\ufffe\uffff]|^[\s{re.escape(''.join(FORMULA_START))}]|\s$"
)
#: Characters that are never more than ``MAX_TEXT`` units.
_SURELY_FITS: Final = MAX_TEXT // 2


def text(field: str) -> str:
    if len(field) <= _SURELY_FITS and (field.isalnum() or not _SPECIAL.search(field)):
        return f' s="{Style.TEXT:d}" t="inlineStr"><is><t>{field}</t></is></c>'
    return _odd_text(unescape(field))


def _odd_text(value: str) -> str:
    style = Style.GUARDED_TEXT if value.startswith(FORMULA_START) else Style.TEXT
    return f' s="{style:d}" t="inlineStr"><is><t xml:space="preserve">{escaped(value)}</t></is></c>'


def escaped(value: str) -> str:
    """``value`` as the content of a ``<t>`` element: cut (visibly) to what a cell holds, and escaped."""
    if len(value) > _SURELY_FITS:
        value = _cut(value)
    value = _SURROGATE.sub("\ufffd", value)
    return escape(_UNREADABLE.sub(lambda match: f"_x{ord(match[0]):04X}_", value))


def _cut(value: str) -> str:
    units = value.encode("utf-16-le", "surrogatepass")
    if len(units) // 2 <= MAX_TEXT:
        return value
    room = MAX_TEXT - len(CUT_MARK)
    return units[: room * 2].decode("utf-16-le", "ignore") + CUT_MARK


def _labelled(labels: Mapping[str, str]) -> Encode:
    return lambda field: _odd_text(labels.get(unescape(field), unescape(field)))


# --- numbers ---------------------------------------------------------------------------------------------------------


def whole(field: str) -> str:
    """An integer."""
    if len(field) <= MAX_DIGITS or -_TOO_LARGE < int(field) < _TOO_LARGE:
        return f' s="{Style.WHOLE:d}"><v>{field}</v></c>'
    return text(field)


def amount(decimals: int) -> Encode:
    """For integers that count units of 10**-``decimals``."""
    if decimals == 0:
        return whole
    style = {1: Style.DECIMALS_1, 2: Style.DECIMALS_2}.get(decimals, Style.DECIMALS_MORE)

    def encode(field: str) -> str:
        value = _shifted(field, decimals)
        return f' s="{style:d}"><v>{value}</v></c>' if _fits(value) else text(value)

    return encode


def percent(field: str) -> str:
    """An integer that counts hundredths of a percent: the cell holds the share, and shows it times a hundred."""
    value = _shifted(field, 4)
    return f' s="{Style.PERCENT:d}"><v>{value}</v></c>' if _fits(value) else text(f"{_shifted(field, 2)}%")


def _shifted(field: str, decimals: int) -> str:
    return f"{Decimal(f'{field}E-{decimals}'):f}"


def _fits(value: str) -> bool:
    """Whether a double holds it. Zeros that end a fraction are digits, too, but need no room there."""
    return -_TOO_LARGE < int(value.rstrip("0").replace(".", "")) < _TOO_LARGE


# --- times -----------------------------------------------------------------------------------------------------------


def day(field: str) -> str:
    """A date as ``YYYY-MM-DD``. One that the format does not know is written as text."""
    return _day(field, Style.DATE)


def month(field: str) -> str:
    """The first day of a month, which stands for it."""
    return _day(field, Style.MONTH)


def _day(field: str, style: Style) -> str:
    number = _day_number(field)
    return text(field) if number is None else f' s="{style:d}"><v>{number}</v></c>'


class Moments:
    """Times as ``YYYY-MM-DD HH:MM:SS`` with or without a fraction. Days and times of day are remembered apart, for
    together they hardly repeat."""

    def __init__(self) -> None:
        self._days: dict[str, int | None] = {}
        self._times: dict[str, str] = {}

    def cell(self, field: str) -> str:
        written_day, written_time = field[:10], field[11:]
        try:
            number = self._days[written_day]
        except KeyError:
            number = self._days[written_day] = _day_number(written_day)
        try:
            fraction = self._times[written_time]
        except KeyError:
            fraction = self._fraction(written_time)
        if number is None or not fraction:
            return text(field)
        return f' s="{Style.MOMENT:d}"><v>{number}{fraction}</v></c>'

    def _fraction(self, written: str) -> str:
        """The share of the day that has gone by, to the second that has begun: what stands behind the point, with it.
        Empty for what is no time."""
        try:
            at = datetime.fromisoformat(f"1970-01-01 {written}")
        except ValueError:
            return ""
        # Spreadsheets round what they show: half a second before midnight would be the next day.
        fraction = f"{(at.hour * 3600 + at.minute * 60 + at.second) / _SECONDS_A_DAY:.12f}"[1:]
        if len(self._times) >= _SECONDS_A_DAY:
            self._times.clear()
        self._times[written] = fraction
        return fraction


def _day_number(written: str) -> int | None:
    try:
        number = date.fromisoformat(written).toordinal() - _DAY_ZERO
    except ValueError:  # after the year 9999, before Christ, or for ever
        return None
    return number if number >= _FIRST_RIGHT_DAY else None
