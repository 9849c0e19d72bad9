"""The rows that one report is made of, and what they add up to: a kind's declaration made into queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Final

from django.db.models import Count, DecimalField, F, QuerySet, Sum, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Power

from reports.rows import Holds
from reports.specs import CURRENCY, Chart, Column, Spec
from shop.money import MOST_DECIMALS, Money

#: Stands before the names that queries give to columns, so that they are none of the table's own.
_ALIAS: Final = "column_"
_CURRENCY, _DECIMALS = "of_currency", "of_decimals"
#: Its powers are exact, where those of an integer would be floats.
_TEN: Final = Cast(Value(10), DecimalField(max_digits=2, decimal_places=0))


@dataclass(frozen=True, slots=True)
class Total:
    """What all rows of one currency add up to. ``sums``: by the name of the column; amounts have ``decimals``."""

    currency: str
    decimals: int
    sums: Mapping[str, int]

    def value(self, column: Column) -> int | Decimal:
        """The exact sum of a column, amounts in whole currency."""
        if column.holds == Holds.MONEY:
            return Money(self.sums[column.name], self.currency, self.decimals).value
        return self.sums[column.name]


@dataclass(frozen=True, slots=True)
class Share:
    """What the rows with these ``values`` of the charts, in their order, add up to. ``rows``: how many they are."""

    values: tuple[Any, ...]
    currency: str
    rows: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Selection:
    """What one report holds.

    Attributes:
        start, end: the half-open span of time.
        filters: the values that are kept, by the filter's name.
        order: the name of the column that rows are ordered by, after a minus for the other way round; "" for the kind's
            own order.
        zone: whose clock it is by.
    """

    spec: Spec
    start: datetime
    end: datetime
    columns: Sequence[Column]
    filters: Mapping[str, Sequence[str]]
    order: str
    zone: tzinfo

    @property
    def sums(self) -> list[Column]:
        """The columns that are added up."""
        return [column for column in self.columns if column.adds_up]

    def rows(self) -> QuerySet[Any, Any]:
        """A tuple of all columns and the number of decimals of each row's amounts, in an order that no two share."""
        if not self.spec.of_groups:
            values = [*(column.source(self.zone) for column in self.columns), self._decimals]
            return self._source().order_by(*self._order(), *self.spec.unique).values_list(*values)
        cells = {
            f"{_ALIAS}{column.name}": column.sum if column.adds_up else column.source(self.zone)
            for column in self.columns
            if not column.groups
        }
        names = [f"{_ALIAS}{column.name}" for column in self.columns]
        keys = [f"{_ALIAS}{column.name}" for column in self.columns if column.groups]
        found: QuerySet[Any, Any] = (
            self._groups().annotate(**cells).order_by(*self._order(), *keys, *self.spec.unique, _DECIMALS)
        )
        rows: QuerySet[Any, Any] = found.values_list(*names, _DECIMALS)
        return rows

    def count(self) -> int:
        return (self._groups().distinct() if self.spec.of_groups else self._source()).count()

    def totals(self) -> list[Total]:
        """The sums of all columns that add up, by a query of their own: one total for each currency, by its code."""
        sums = {f"{_ALIAS}{column.name}": column.sum for column in self.sums}
        found: dict[str, Total] = {}
        for row in self._by_currency().annotate(**sums).order_by(_CURRENCY, _DECIMALS):
            total = Total(
                row[_CURRENCY],
                row[_DECIMALS],
                {column.name: int(row[f"{_ALIAS}{column.name}"] or 0) for column in self.sums},
            )
            so_far = found.get(total.currency)
            found[total.currency] = self._added(so_far, total) if so_far else total
        return list(found.values())

    def shares(self) -> list[Share]:
        """The headline by the values of all the kind's charts at once, so that one query serves them all."""
        headline = self.spec.column(self.spec.headline)
        values = {f"chart_{place}": self._chart_value(chart) for place, chart in enumerate(self.spec.charts)}
        if not values:
            return []
        rows = (
            self._by_currency(**values)
            .annotate(rows=Count("*"), amount=Sum(headline.value))
            .order_by(*values, _CURRENCY, _DECIMALS)
        )
        return [
            Share(
                tuple(row[name] for name in values),
                row[_CURRENCY],
                row["rows"],
                Decimal(row["amount"] or 0).scaleb(-row[_DECIMALS] if headline.holds == Holds.MONEY else 0),
            )
            for row in rows
        ]

    def _source(self) -> QuerySet[Any]:
        found = self.spec.source(self.start, self.end)
        for one in self.spec.filters:
            chosen = self.filters.get(one.name)
            if chosen:
                found = found.filter(one.keeps(chosen))
        return found

    def _groups(self) -> QuerySet[Any, dict[str, Any]]:
        keys = {f"{_ALIAS}{column.name}": column.source(self.zone) for column in self.columns if column.groups}
        return self._source().values(*self.spec.unique, **keys, **{_DECIMALS: self._decimals})

    def _by_currency(self, **values: Any) -> QuerySet[Any, dict[str, Any]]:
        return self._source().values(
            **values, **{_CURRENCY: self.spec.column(CURRENCY).source(self.zone), _DECIMALS: self._decimals}
        )

    @property
    def _decimals(self) -> Combinable:
        decimals = self.spec.decimals
        return F(decimals) if isinstance(decimals, str) else decimals

    def _order(self) -> list[Any]:
        if not self.order:
            return []
        column = self.spec.column(self.order.removeprefix("-"))
        value: Any = F(f"{_ALIAS}{column.name}") if self.spec.of_groups else _expression(column.value)
        if column.holds == Holds.MONEY:  # by what it is worth, for rows may have different decimals
            value *= Power(_TEN, MOST_DECIMALS - (F(_DECIMALS) if self.spec.of_groups else self._decimals))
        return [value.desc(nulls_last=True) if self.order.startswith("-") else value.asc(nulls_last=True)]

    def _chart_value(self, chart: Chart) -> Any:
        return Column("", chart.title, chart.value, chart.holds).source(self.zone)

    def _added(self, one: Total, other: Total) -> Total:
        """Totals of one currency whose amounts may have different decimals."""
        sums: dict[str, int] = {}
        decimals = max(one.decimals, other.decimals)
        for column in self.sums:
            a, b = one.sums[column.name], other.sums[column.name]
            if column.holds == Holds.MONEY:
                a, b = a * 10 ** (decimals - one.decimals), b * 10 ** (decimals - other.decimals)
            sums[column.name] = a + b
        return Total(one.currency, decimals, sums)


def _expression(value: str | Combinable) -> Any:
    return F(value) if isinstance(value, str) else value
