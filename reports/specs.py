"""The words in which ``reports.kinds`` declares what a kind of report holds: columns, sums, filters, charts.

A kind says no more than this. How its rows are counted, added up, put in order and read is ``reports.selection``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from django.db import models
from django.db.models import DateField, DateTimeField, F, Func, Q, QuerySet, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, TruncMonth
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from reports import rows
from reports.rows import Holds

#: The column by which every kind is added up.
CURRENCY: Final = "currency"


class Format(models.TextChoices):
    XLSX = "xlsx", "Excel"
    PDF = "pdf", "PDF"
    CSV = "csv", "CSV"
    PARQUET = "parquet", "Parquet"

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES[self]


_CONTENT_TYPES: Final = {
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PDF: "application/pdf",
    Format.CSV: "text/csv; charset=utf-8",
    Format.PARQUET: "application/vnd.apache.parquet",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a report.

    Attributes:
        name: how forms and rows call it.
        value: where the rows of the spec's source have it: a path as ``values_list`` takes it, or an expression.
        width: in characters.
        chosen: ticked in an empty form.
        required: always there, for without it the rows cannot be told apart or say nothing.
        groups: one row for each of its values (with those of the other such columns).
        adds_up: a number whose sum means something. It is added up by SQL, shown as a total, and the finished file is
            checked by it. In a kind of groups, ``value`` is that of the single row, and cells hold sums.
        personal: says something about a customer, so it takes a permission.
        labels: turns stored values into words.
        repeats: rows often share a value.
    """

    name: str
    title: Promise
    value: str | Combinable
    holds: Holds = Holds.TEXT
    width: float = 14.0
    chosen: bool = True
    required: bool = False
    groups: bool = False
    adds_up: bool = False
    personal: bool = False
    labels: type[models.TextChoices] | None = None
    repeats: bool = True

    def source(self, zone: tzinfo) -> Any:
        """The expression of its value in a single row: times as the clock in ``zone`` shows them."""
        value: Any = F(self.value) if isinstance(self.value, str) else self.value
        if self.holds == Holds.MOMENT:
            return Func(Value(str(zone)), value, function="timezone", output_field=DateTimeField())
        if self.holds == Holds.MONTH:
            return Cast(TruncMonth(value, tzinfo=zone), DateField())
        return value

    @property
    def sum(self) -> Sum:
        return Sum(self.value)

    @property
    def orders(self) -> dict[str, str | Promise]:
        """How rows can be put in order of it, with the words: texts by the alphabet, all else both ways."""
        if self.holds == Holds.TEXT:
            return {self.name: self.title}
        is_time = self.holds in {Holds.MOMENT, Holds.DATE, Holds.MONTH}
        up, down = (_("earliest first"), _("latest first")) if is_time else (_("smallest first"), _("largest first"))
        return {
            self.name: format_lazy("{}, {}", self.title, up),
            f"-{self.name}": format_lazy("{}, {}", self.title, down),
        }

    @property
    def is_number(self) -> bool:
        return self.holds in {Holds.NUMBER, Holds.MONEY, Holds.PERCENT}

    def written(self) -> rows.Column:
        """The column as writers know it, in the current language."""
        labels = None if self.labels is None else {value: str(label) for value, label in self.labels.choices}
        return rows.Column(str(self.title), self.width, self.holds, labels, self.repeats)


@dataclass(frozen=True, slots=True)
class Filter:
    """Something by which rows can be left out.

    Attributes:
        choices: the values that can be chosen, as texts, with their words.
        keeps: the condition that keeps the rows of these values.
    """

    name: str
    title: Promise
    choices: Callable[[], Sequence[tuple[str, str | Promise]]]
    keeps: Callable[[Sequence[str]], Q]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of the spec's headline by another value.

    Attributes:
        title: with ``%(currency)s``.
        years: the title where the value is a month and there are too many of them.
        blank: stands for rows without the value.
    """

    title: Promise
    value: str | Combinable
    holds: Holds = Holds.TEXT
    years: Promise | None = None
    blank: Promise | None = None
    labels: type[models.TextChoices] | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """One kind of report.

    Attributes:
        name: how addresses and rows call it, for ever.
        title: short: sheets and files are called by it.
        covers: which rows are in it, in a sentence.
        source: the rows with start <= time < end, in no order.
        unique: paths that tell rows (of groups: groups) apart, in the order in which rows come unless asked otherwise.
        headline: the column whose totals stand for the whole.
        decimals: the path or expression of how many decimals a row's amounts have.
        personal: takes the permission, whatever its columns.
    """

    name: str
    title: str | Promise
    covers: Promise
    columns: tuple[Column, ...]
    source: Callable[[datetime, datetime], QuerySet[Any]]
    unique: tuple[str, ...]
    headline: str
    decimals: str | Combinable = "decimals"
    filters: tuple[Filter, ...] = ()
    charts: tuple[Chart, ...] = ()
    personal: bool = False

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def column(self, name: str) -> Column:
        """Raises UnknownChoice."""
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownChoice(name)

    @property
    def of_groups(self) -> bool:
        return any(column.groups for column in self.columns)

    def known(self, names: Sequence[str]) -> list[Column]:
        """The columns among those named that there are, for what an older or newer release has made."""
        return [column for column in self.columns if column.name in names]

    def selected(self, names: Sequence[str]) -> list[Column]:
        """The required columns and those named, in the report's own order. Raises UnknownChoice."""
        unknown = set(names) - {column.name for column in self.columns}
        if unknown:
            raise UnknownChoice(", ".join(sorted(unknown)))
        return [column for column in self.columns if column.required or column.name in names]


class UnknownChoice(ValueError):
    """A column, filter, value or order that this kind of report does not have."""
