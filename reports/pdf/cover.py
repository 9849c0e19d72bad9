"""The pages in front of a table: what the report is, its control sums, and charts, drawn by ReportLab.

The same input makes the same bytes. A chart's bars have one dark colour and their values written beside them, so it can
be read on grey paper and needs neither a scale nor a legend.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from typing import Final

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from reports.pdf.font import Style, face
from reports.pdf.notation import Notation
from reports.pdf.table import HEIGHT, WIDTH
from reports.pdf.text import fit, printable, visible

#: Bars that one chart can have.
MOST_BARS: Final = 24

_FONTS: Final = {style: f"Cover-{style.name}" for style in Style}
_INK, _GREY, _LINE, _BAR = HexColor(0x1A1A1A), HexColor(0x595959), HexColor(0xCFCFCF), HexColor(0x2F4B6E)
#: Sizes of type, and from line to line, in those.
_SMALL, _PLAIN, _HEADING, _PERIOD, _TITLE = 8.0, 10.0, 11.0, 14.0, 30.0
_LEADING: Final = 1.35

#: All further lengths are in points.
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, WIDTH - 60.0, HEIGHT - 64.0, 44.0
_BETWEEN: Final = 52.0
_HALF: Final = (_RIGHT - _LEFT - _BETWEEN) / 2
#: Base line of what stands under the title, and from there from row to row.
_BODY, _ROW = _TOP - 120.0, 23.0
_FACT_NAMES: Final = 112.0
_FACT_LINES: Final = 4
#: Height of upright bars, and of a lying one with the space to the next.
_UPRIGHT, _LYING = 110.0, 15.0
#: Widths of labels beside lying bars, and of the space around texts at bars.
_LABELS, _AIR = 112.0, 5.0
#: Height of a chart's heading, and between charts.
_CHART_HEADING, _BETWEEN_CHARTS = 26.0, 40.0


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar for each of ``labels``. Bars stand ``upright`` side by side, as months do, if their values have room there;
    or they lie one below the other, as names do."""

    title: str
    labels: Sequence[str]
    amounts: Sequence[Decimal]
    upright: bool = False

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.amounts) or not 0 < len(self.labels) <= MOST_BARS:
            raise ValueError(f"A chart has 1 to {MOST_BARS} bars and a label for each, not {len(self.labels)}.")


@dataclass(frozen=True, slots=True)
class Cover:
    """What a report says about itself.

    Attributes:
        shop: whose report it is.
        facts: names and values, like rows and their number.
        sums: the control sums, as a table whose first row is its head; all but the first column hold numbers.
    """

    title: str
    period: str
    facts: Sequence[tuple[str, str]]
    shop: str = ""
    facts_title: str = ""
    sums_title: str = ""
    sums: Sequence[Sequence[str]] = ()
    charts: Sequence[Chart] = ()
    notation: Notation = field(default_factory=Notation)


def draw(cover: Cover) -> bytes:
    """A PDF file of the cover's pages: one, and those that the charts take."""
    for style, name in _FONTS.items():
        pdfmetrics.registerFont(TTFont(name, str(face(style).path)))
    file = io.BytesIO()
    pen = _Pen(Canvas(file, pagesize=(WIDTH, HEIGHT), invariant=1))
    _draw_title(pen, cover)
    lowest = min(_draw_sums(pen, cover), _draw_facts(pen, cover))
    _draw_charts(pen, cover, lowest - _BETWEEN_CHARTS)
    pen.canvas.save()
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class _Pen:
    canvas: Canvas

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = _PLAIN,
        *,
        style: Style = Style.REGULAR,
        colour: Color = _INK,
        anchor: float = 0,
        room: float = _RIGHT - _LEFT,
        lines: int = 1,
    ) -> int:
        """Writes ``text`` on at most so many ``lines`` from ``y`` down; returns how many there are. ``anchor`` is the
        part of each line that is left of ``x``: 0, 0.5 or 1."""
        self.canvas.setFont(_FONTS[style], size)
        self.canvas.setFillColor(colour)
        fitted = fit(printable(text), int(room / size * 1000), face(style), lines)
        for place, line in enumerate(fitted):
            left = x - anchor * face(style).width(visible(line)) * size / 1000
            self.canvas.drawString(left, y - place * size * _LEADING, line)
        return len(fitted)

    def line(
        self, start: tuple[float, float], end: tuple[float, float], colour: Color = _LINE, width: float = 0.5
    ) -> None:
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(width)
        self.canvas.line(*start, *end)

    def bar(self, x: float, y: float, width: float, height: float) -> None:
        self.canvas.setFillColor(_BAR)
        self.canvas.rect(x, y, width, height, stroke=0, fill=1)


def _draw_title(pen: _Pen, cover: Cover) -> None:
    pen.text(_LEFT, _TOP + 8, cover.shop, colour=_GREY)
    pen.text(_LEFT, _TOP - 34, cover.title, _TITLE, style=Style.BOLD)
    pen.text(_LEFT, _TOP - 62, cover.period, _PERIOD, colour=_GREY)
    pen.line((_LEFT, _TOP - 84), (_RIGHT, _TOP - 84), _INK, 1.5)


def _draw_sums(pen: _Pen, cover: Cover) -> float:
    """Returns the last base line."""
    left, y = _RIGHT - _HALF, _BODY
    pen.text(left, y, cover.sums_title, _HEADING, style=Style.BOLD, room=_HALF)
    rows = list(cover.sums)
    if _needed(rows) > _HALF:
        rows = list(map(list, zip(*rows, strict=True)))  # many sums of few keys stand better one below the other
    shrunk = min(1.0, _HALF / max(_needed(rows), 1.0))
    widths = [width * shrunk for width in _widths(rows)]
    # Columns share what is left between them.
    spare = (_HALF - sum(widths)) / max(len(widths) - 1, 1)
    rights = [left + room + place * spare for place, room in enumerate(accumulate(widths))]
    for nth, row in enumerate(rows):
        y -= _ROW
        size, colour = (_PLAIN * shrunk, _INK) if nth else (_SMALL * shrunk, _GREY)
        pen.text(left, y, row[0], size, colour=colour)
        for right, text in zip(rights[1:], row[1:], strict=True):
            pen.text(right, y, text, size, colour=colour, anchor=1)
        pen.line((left, y - 7), (_RIGHT, y - 7))
    return y


def _widths(rows: Sequence[Sequence[str]]) -> list[float]:
    return [max(_width(text, _PLAIN) for text in column) for column in zip(*rows, strict=True)]


def _needed(rows: Sequence[Sequence[str]]) -> float:
    """Width of a table with some air between its columns."""
    widths = _widths(rows)
    return sum(widths) + 2 * _AIR * max(len(widths) - 1, 0)


def _draw_facts(pen: _Pen, cover: Cover) -> float:
    """They may take further pages. Returns the last base line."""
    pen.text(_LEFT, _BODY, cover.facts_title, _HEADING, style=Style.BOLD, room=_HALF)
    y = _BODY
    for name, value in cover.facts:
        y -= _ROW
        if y < _BOTTOM:
            pen.canvas.showPage()
            y = _TOP
        pen.text(_LEFT, y, name, _SMALL, colour=_GREY, room=_FACT_NAMES - _AIR)
        lines = pen.text(_LEFT + _FACT_NAMES, y, value, room=_HALF - _FACT_NAMES, lines=_FACT_LINES)
        y -= (lines - 1) * _PLAIN * _LEADING
        pen.line((_LEFT, y - 7), (_LEFT + _HALF, y - 7))
    return y


def _draw_charts(pen: _Pen, cover: Cover, y: float) -> None:
    """From ``y`` down, and on further pages."""
    for charts in _rows(cover):
        height = max(bars.height for bars in charts)
        if y - height < _BOTTOM:
            pen.canvas.showPage()
            y = _TOP
        for nth, bars in enumerate(charts):
            if bars.upright:
                bars.draw_upright(pen, y)
            else:
                bars.draw_lying(pen, _LEFT + nth * (_HALF + _BETWEEN), y)
        y -= height + _BETWEEN_CHARTS


def _rows(cover: Cover) -> list[list["_Bars"]]:
    """Charts that stand side by side: upright bars take the whole width, lying ones half of it."""
    rows: list[list[_Bars]] = []
    for chart in cover.charts:
        bars = _Bars(chart, [cover.notation.number(f"{amount:f}") for amount in chart.amounts])
        if rows and len(rows[-1]) == 1 and not bars.upright and not rows[-1][0].upright:
            rows[-1].append(bars)
        else:
            rows.append([bars])
    return rows


@dataclass(frozen=True, slots=True)
class _Bars:
    """A chart, and its amounts as they are written."""

    chart: Chart
    shown: Sequence[str]

    @property
    def upright(self) -> bool:
        room = (_RIGHT - _LEFT) / len(self.shown) - _AIR
        return self.chart.upright and max(map(_width, [*self.shown, *self.chart.labels])) <= room

    @property
    def height(self) -> float:
        return _CHART_HEADING + (_UPRIGHT + 2 * _LYING if self.upright else _LYING * len(self.shown))

    @property
    def _least(self) -> Decimal:
        return min(Decimal(0), *self.chart.amounts)

    def _lengths(self, room: float) -> list[float]:
        """Of the bars, where all of them with those below zero have ``room``."""
        span = max(Decimal(0), *self.chart.amounts) - self._least
        return [float(amount / (span or 1)) * room for amount in self.chart.amounts]

    def draw_upright(self, pen: _Pen, y: float) -> None:
        pen.text(_LEFT, y, self.chart.title, _HEADING, style=Style.BOLD)
        bottom = y - self.height + _LYING
        lengths = self._lengths(_UPRIGHT)
        zero = bottom - min(0, *lengths)
        step = (_RIGHT - _LEFT) / len(lengths)
        for place, (label, shown, length) in enumerate(zip(self.chart.labels, self.shown, lengths, strict=True)):
            middle = _LEFT + (place + 0.5) * step
            pen.bar(middle - step * 0.3, zero, step * 0.6, length)
            pen.text(middle, zero + (length + 4 if length >= 0 else length - 9), shown, _SMALL, anchor=0.5)
            pen.text(middle, bottom - 12, label, _SMALL, colour=_GREY, anchor=0.5)
        pen.line((_LEFT, zero), (_RIGHT, zero), _INK)

    def draw_lying(self, pen: _Pen, left: float, y: float) -> None:
        pen.text(left, y, self.chart.title, _HEADING, style=Style.BOLD, room=_HALF)
        # Amounts have room on both sides of bars if some are below zero.
        widest = max(map(_width, self.shown)) + _AIR
        first = left + _LABELS + (widest if self._least < 0 else 0)
        lengths = self._lengths(left + _HALF - widest - first)
        zero = first - min(0, *lengths)
        top = y - _CHART_HEADING + _LYING
        for place, (label, shown, length) in enumerate(zip(self.chart.labels, self.shown, lengths, strict=True)):
            line = top - (place + 1) * _LYING
            pen.text(left, line, label, _SMALL, colour=_GREY, room=_LABELS - _AIR)
            pen.bar(zero, line - 2, length, _LYING * 0.6)
            side = _AIR if length >= 0 else -_AIR
            pen.text(zero + length + side, line, shown, _SMALL, anchor=0 if length >= 0 else 1)
        pen.line((zero, top - 3), (zero, top - 3 - len(lengths) * _LYING), _INK)


def _width(text: str, size: float = _SMALL) -> float:
    return face(Style.REGULAR).width(printable(text)) * size / 1000
