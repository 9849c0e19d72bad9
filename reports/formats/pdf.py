from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Final

from django.conf import settings
from django.utils.translation import gettext as _

from jobs.task import Permanent
from reports.breakdown import breakdowns
from reports.formats import Content
from reports.formats.about import Value, about, columns, days, facts, key_and_sums
from reports.models import Report
from reports.pdf import cover as covers
from reports.pdf import readback
from reports.pdf.cover import Cover
from reports.pdf.document import Document
from reports.pdf.notation import Notation
from reports.pdf.table import MOST_KEYS, Sums, Table, Words
from reports.rows import Holds
from reports.writers import Contents, Writer

_NOTATIONS: Final = {
    "vi": Notation(".", ",", "{day}/{month}/{year}", "{month}/{year}", "{number}%"),
    "en": Notation(",", ".", "{day}/{month}/{year}", "{month}/{year}", "{number}%"),
}


def writer(report: Report, content: Content, *, rows_a_part: int) -> Writer:
    """Raises Permanent for more currencies than a page has room for."""
    if len(content.totals) > MOST_KEYS:
        raise Permanent(
            _("A PDF file has room for the sums of %(most)d currencies, and here are more. Choose Excel or CSV.")
            % {"most": MOST_KEYS}
        )
    notation, shown = _NOTATIONS[report.language], columns(report)
    key, numbers = key_and_sums(report)
    moments = [place for place, column in enumerate(shown) if column.holds == Holds.MOMENT]
    table = Table(
        title=str(report.spec.title),
        period=days(report),
        columns=shown,
        sums=Sums(key, numbers, [total.currency for total in content.totals]),
        # Bookmarks of months need rows in the order of time.
        months=moments[0] if moments and not report.order and not report.spec.of_groups else None,
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
        about=about(report, content),
        compression=settings.REPORT_COMPRESSION,
        rows_a_part=rows_a_part,
    )


def read(report: Report, file: IO[bytes], *, checkpoint: Callable[[], object]) -> Contents:
    key, numbers = key_and_sums(report)
    return readback.read_table(
        file,
        columns=len(report.choice.selected),
        key=key,
        numbers=numbers,
        notation=_NOTATIONS[report.language],
        checkpoint=checkpoint,
    )


def _cover(report: Report, content: Content, notation: Notation) -> Cover:
    sums = report.selection.sums
    heads = [_("Currency"), *(str(column.title) for column in sums)]
    totals = [
        [total.currency, *(_in_words(total.value(column), notation) for column in sums)] for total in content.totals
    ]
    return Cover(
        title=str(report.spec.title),
        period=days(report),
        facts=[(name, _in_words(value, notation)) for name, value in facts(report, content)],
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
