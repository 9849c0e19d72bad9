"""What each kind of report holds, declared: its columns, where its rows come from, and the sums that prove it right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from django.db import models
from django.db.models import DateTimeField, F, Func, QuerySet, Value
from django.db.models.expressions import Combinable
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reports import rows
from reports.rows import Holds
from shop.orders import queries as orders
from shop.orders.models import State as OrderState
from shop.orders.queries import RevenueShare, RevenueTotal


class Kind(models.TextChoices):
    REVENUE = "revenue", _("Revenue, line by line")


class Format(models.TextChoices):
    XLSX = "xlsx", "Excel"
    PDF = "pdf", "PDF"
    CSV = "csv", "CSV"

    @property
    def content_type(self) -> str:
        return _CONTENT_TYPES[self]


_CONTENT_TYPES: Final = {
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PDF: "application/pdf",
    Format.CSV: "text/csv; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a report.

    Attributes:
        name: how forms and rows call it.
        path: where the query finds it, as ``values_list`` takes it.
        width: in characters.
        chosen: ticked in an empty form.
        required: always there, for without it the rows cannot be told apart or the sums not checked.
        labels: turns stored values into words.
        repeats: rows often share a value.
    """

    name: str
    title: Promise
    path: str
    holds: Holds = Holds.TEXT
    width: float = 14.0
    chosen: bool = True
    required: bool = False
    labels: type[models.TextChoices] | None = None
    repeats: bool = True

    def source(self, zone: tzinfo) -> Combinable:
        """What the query selects: instants as the clock in ``zone`` shows them."""
        if self.holds == Holds.MOMENT:
            return Func(Value(str(zone)), F(self.path), function="timezone", output_field=DateTimeField())
        return F(self.path)

    def written(self) -> rows.Column:
        """The column as writers know it, in the current language."""
        labels = None if self.labels is None else {value: str(label) for value, label in self.labels.choices}
        return rows.Column(str(self.title), self.width, self.holds, labels, self.repeats)


@dataclass(frozen=True, slots=True)
class Spec:
    """One kind of report.

    Attributes:
        covers: which rows are in it, in a sentence.
        rows: the rows with start <= time < end, in an order that no two rows share.
        totals: the same span added up, by a query of its own: one total for each currency.
        shares: the same span by month, channel and category, for the charts.
        currency, decimals: paths of the row's currency and of the decimals of its amounts.
        key, sums: names of the columns by which a finished file is added up, and of those added up there.
    """

    title: Promise
    covers: Promise
    columns: tuple[Column, ...]
    rows: Callable[..., QuerySet[Any]]
    totals: Callable[..., Sequence[RevenueTotal]]
    shares: Callable[..., Sequence[RevenueShare]]
    currency: str
    decimals: str
    key: str
    sums: tuple[str, str]

    def selected(self, names: Sequence[str]) -> list[Column]:
        """The required columns and those named, in the report's own order. Raises UnknownColumn."""
        unknown = set(names) - {column.name for column in self.columns}
        if unknown:
            raise UnknownColumn(", ".join(sorted(unknown)))
        return [column for column in self.columns if column.required or column.name in names]

    def count(self, *, start: datetime, end: datetime) -> int:
        return self.rows(start=start, end=end).order_by().count()


class UnknownColumn(ValueError):
    """A column that this kind of report does not have."""


SPECS: Final = {
    Kind.REVENUE: Spec(
        title=_("Revenue"),
        covers=_("Every order line of the period on all channels: what was sold, and what was taken back as a minus."),
        columns=(
            Column("time", _("Time"), "placed_at", Holds.MOMENT, 19, required=True),
            Column("order", _("Order"), "order__code", width=26, required=True, repeats=False),
            Column("number", _("Number at the channel"), "order__number", width=16, chosen=False, repeats=False),
            Column("channel", _("Channel"), "order__channel__name"),
            Column("state", _("State of the order"), "order__state", labels=OrderState, chosen=False),
            Column("region", _("Province or city"), "order__region", width=20),
            Column("customer", _("Customer"), "order__customer__name", width=24, chosen=False, repeats=False),
            Column("phone", _("Phone"), "order__customer__phone", chosen=False, repeats=False),
            Column("sku", _("SKU"), "sku"),
            Column("product", _("Product"), "name", width=40),
            Column("category", _("Category"), "product__category__name", width=20, chosen=False),
            Column("quantity", _("Quantity"), "quantity", Holds.NUMBER, 10, required=True),
            Column("unit_price", _("Unit price"), "unit_price", Holds.MONEY),
            Column("discount", _("Discount"), "discount", Holds.MONEY),
            Column("revenue", _("Revenue"), "revenue", Holds.MONEY, 16, required=True),
            Column("currency", _("Currency"), "currency", width=9, required=True),
        ),
        rows=orders.lines_between,
        totals=orders.revenue_totals,
        shares=orders.revenue_shares,
        currency="currency",
        decimals="decimals",
        key="currency",
        sums=("quantity", "revenue"),
    )
}
