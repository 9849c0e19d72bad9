"""What a file says about itself, whatever its format."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from reports.formats import Content
from reports.models import Report
from reports.rows import Column
from reports.specs import CURRENCY
from reports.writers import About

#: A fact. A datetime is wall-clock time.
Value = str | int | Decimal | datetime | date


def about(report: Report, content: Content) -> About:
    return About(title(report), report.owner.shown_name, content.as_of, report.language)


def title(report: Report) -> str:
    return f"{report.spec.title} {days(report)}"


def days(report: Report) -> str:
    return f"{date_format(report.first_day, 'SHORT_DATE_FORMAT')} – {date_format(report.last_day, 'SHORT_DATE_FORMAT')}"


def columns(report: Report) -> list[Column]:
    """The columns of the table, in the current language."""
    return [column.written() for column in report.choice.selected]


def key_and_sums(report: Report) -> tuple[int, list[int]]:
    """The places of the column that the table is added up by, and of those that are added up."""
    places = {column.name: place for place, column in enumerate(report.choice.selected)}
    return places[CURRENCY], [places[column.name] for column in report.selection.sums]


def facts(report: Report, content: Content) -> Iterator[tuple[str, Value]]:
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


def sums(report: Report, content: Content) -> Iterator[tuple[str, Value]]:
    for total in content.totals:
        for column in report.selection.sums:
            words = {"what": column.title, "currency": total.currency}
            yield _("%(what)s in %(currency)s") % words, total.value(column)
