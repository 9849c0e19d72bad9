"""For each format: who writes a report's file, and who reads it back."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Final

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from reports import csv
from reports.breakdown import breakdowns
from reports.models import Report
from reports.pdf import cover as covers
from reports.pdf import readback as pdf_readback
from reports.pdf.cover import Cover
from reports.pdf.document import Document
from reports.pdf.notation import Notation
from reports.pdf.table import Sums, Table, Words
from reports.rows import Column, Holds
from reports.selection import Share, Total
from reports.specs import CURRENCY, Format
from reports.writers import ROWS_A_PART, About, Contents, Writer
from reports.xlsx import readback as xlsx_readback
from reports.xlsx.cells import column_letters
from reports.xlsx.workbook import Chart, Summary, Value, Workbook

_NOTATIONS: Final = {
    "vi": Notation(".", ",", "{day}/{month}/{year}", "{month}/{year}"),
    "en": Notation(",", ".", "{day}/{month}/{year}", "{month}/{year}"),
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a report's file is to hold, as the database counts it at ``as_of``."""

    as_of: datetime
    rows: int
    totals: list[Total]
    shares: list[Share]


def writer(report: Report, content: Content) -> Writer:
    """Writes the report's file in the current language."""
    write: dict[str, Callable[[Report, Content, Sequence[Column]], Writer]] = {
        Format.XLSX: _workbook,
        Format.PDF: _document,
        Format.CSV: lambda _report, _content, columns: csv.Writer(columns, rows_a_part=ROWS_A_PART),
    }
    return write[report.format](report, content, _columns(report))


def read(report: Report, file: IO[bytes], *, checkpoint: Callable[[], object]) -> Contents:
    """Counts and adds up what the finished ``file`` holds. Raises Unreadable."""
    places = _places(report)
    key, numbers = places[CURRENCY], [places[column.name] for column in report.selection.sums]
    if report.format == Format.CSV:
        return csv.read_table(file, key=key, numbers=numbers, checkpoint=checkpoint)
    if report.format == Format.PDF:
        return pdf_readback.read_table(
            file,
            columns=len(places),
            key=key,
            numbers=numbers,
            notation=_NOTATIONS[report.language],
            checkpoint=checkpoint,
        )
    return xlsx_readback.read_table(
        file,
        table=str(report.spec.title),
        key=column_letters(key),
        numbers=[column_letters(place) for place in numbers],
        checkpoint=checkpoint,
    )


def _columns(report: Report) -> list[Column]:
    return [column.written() for column in report.choice.selected]


def _places(report: Report) -> dict[str, int]:
    return {column.name: place for place, column in enumerate(report.choice.selected)}


def _title(report: Report) -> str:
    return f"{report.spec.title} {_days(report)}"


def _about(report: Report, content: Content) -> About:
    return About(_title(report), report.owner.shown_name, content.as_of, report.language)


def _days(report: Report) -> str:
    return f"{date_format(report.first_day, 'SHORT_DATE_FORMAT')} – {date_format(report.last_day, 'SHORT_DATE_FORMAT')}"


def _facts(report: Report, content: Content) -> Iterator[tuple[str, Value]]:
    zone = timezone.get_default_timezone()
    yield _("Report"), str(report.spec.title)
    yield _("First day"), report.first_day
    yield _("Last day"), report.last_day
    yield _("Time zone"), str(zone)
    yield _("What is in it"), str(report.spec.covers)
    for title, words in report.filters_in_words:
        yield title, _("only %(values)s") % {"values": words}
    if report.order:
        yield _("In order of"), report.order_in_words
    yield _("Data as of"), content.as_of.astimezone(zone).replace(tzinfo=None, microsecond=0)
    yield _("Made for"), report.owner.shown_name
    yield _("Lookup code"), report.shown_code
    yield _("Rows"), content.rows


def _sums(report: Report, content: Content) -> Iterator[tuple[str, Value]]:
    for total in content.totals:
        for column in report.selection.sums:
            words = {"what": column.title, "currency": total.currency}
            yield _("%(what)s in %(currency)s") % words, total.value(column)


def _workbook(report: Report, content: Content, columns: Sequence[Column]) -> Workbook:
    return Workbook(
        about=_about(report, content),
        summary=Summary(
            _("Summary"),
            _title(report),
            [*_facts(report, content), *_sums(report, content)],
            [Chart(one.title, one.labels, one.amounts) for one in breakdowns(report.spec.charts, content.shares)],
        ),
        table=str(report.spec.title),
        columns=columns,
        rows=content.rows,
        compression=settings.REPORT_COMPRESSION,
        rows_a_part=ROWS_A_PART,
    )


def _document(report: Report, content: Content, columns: Sequence[Column]) -> Document:
    notation, places, spec = _NOTATIONS[report.language], _places(report), report.spec
    moments = [place for place, column in enumerate(columns) if column.holds == Holds.MOMENT]
    table = Table(
        title=str(spec.title),
        period=_days(report),
        columns=columns,
        sums=Sums(
            places[CURRENCY],
            [places[column.name] for column in report.selection.sums],
            [total.currency for total in content.totals],
        ),
        months=None if report.order or not moments else moments[0],
        note=f"{_('Lookup code')} {report.shown_code}",
        notation=notation,
        words=Words(
            so_far=_("So far"),
            total=_("Total"),
            nothing=_("There is nothing in these days."),
            page=_("Page {page}"),
            of_pages=_(" of {pages}"),
        ),
    )
    return Document(
        table,
        cover=covers.draw(_cover(report, content, notation)),
        cover_label=_("Summary"),
        about=_about(report, content),
        compression=settings.REPORT_COMPRESSION,
        rows_a_part=ROWS_A_PART,
    )


def _cover(report: Report, content: Content, notation: Notation) -> Cover:
    facts = [(name, _in_words(value, notation)) for name, value in _facts(report, content)]
    sums = report.selection.sums
    heads = [_("Currency"), *(str(column.title) for column in sums)]
    totals = [
        [total.currency, *(_in_words(total.value(column), notation) for column in sums)] for total in content.totals
    ]
    return Cover(
        title=str(report.spec.title),
        period=_days(report),
        facts=facts,
        facts_title=_("About this report"),
        sums_title=_("Totals"),
        sums=[heads, *totals] if totals else [],
        charts=[
            covers.Chart(one.title, one.labels, one.amounts, upright=one.in_order)
            for one in breakdowns(report.spec.charts, content.shares)
        ],
        notation=notation,
    )


def _in_words(value: Value, notation: Notation) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return notation.moment(value.isoformat(" "))
    if isinstance(value, date):
        return notation.day(value.isoformat())
    return notation.number(f"{value:f}" if isinstance(value, Decimal) else f"{value}")
