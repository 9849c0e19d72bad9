"""Each kind of report of a year of the demo shop, with every filter and in every order, against SQL of our own."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, pairwise
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction

from reports.kinds import KINDS
from reports.periods import Period
from reports.rows import Holds
from reports.specs import Column, Spec
from shop.orders.seeding import seed_shop
from tests.integration.reports.kinds_in_sql import added_up, rows_by_sql
from tests.integration.reports.test_kinds import SHOP, YEAR, check_invariants, rows_of, selection, sums_of

pytestmark = pytest.mark.django_db

SPECS = list(KINDS.values())
OF_LINES = [name for name, spec in KINDS.items() if not spec.of_groups]

#: What the demo shop has none of: odd ends, two more currencies, and many lines of one instant.
_ODDITIES = """
    UPDATE orders_order SET customer_id = NULL WHERE id % 7 = 0;
    UPDATE orders_order SET currency = 'GBP', decimals = 2 + id % 2 WHERE id % 9 = 0;
    UPDATE orders_order SET currency = 'KWD', decimals = 3 WHERE id % 53 = 0;
    UPDATE orders_orderline l SET currency = o.currency, decimals = o.decimals FROM orders_order o WHERE o.id = order_id;
    UPDATE orders_orderline SET product_id = NULL, name = '' WHERE id % 11 = 0;
    UPDATE orders_orderline SET vat_rate = NULL WHERE id % 13 = 0;
    UPDATE orders_orderline SET unit_cost = NULL WHERE id % 17 = 0;
    UPDATE orders_orderline SET placed_at = date_trunc('week', placed_at, 'Asia/Ho_Chi_Minh') WHERE id % 3 = 0;
    UPDATE orders_orderline SET placed_at = date_trunc('month', placed_at, 'Asia/Ho_Chi_Minh') - interval '1 us'
     WHERE id % 19 = 0;
    UPDATE orders_payment SET settled_at = date_trunc('month', settled_at, 'Asia/Ho_Chi_Minh') WHERE id % 5 = 0;
    UPDATE catalog_product SET category_id = NULL WHERE id % 5 = 0;
    UPDATE catalog_product p SET category_id = c.parent_id FROM catalog_category c WHERE c.id = category_id AND p.id % 6 = 0;
    UPDATE catalog_product SET currency = 'GBP' WHERE id % 8 = 0;
    ANALYZE;
"""


@pytest.fixture(scope="module", autouse=True)
def _seeded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The shop, in a transaction that lasts for all tests of this module: they only read."""
    with django_db_blocker.unblock(), transaction.atomic():
        until = datetime(2026, 2, 3, 13, 15, 30, tzinfo=UTC)
        seed_shop(lines=2500, seed=7, first=date(2024, 12, 1), until=until)
        with connection.cursor() as cursor:
            cursor.execute(_ODDITIES)
        yield
        transaction.set_rollback(True)


def values_of(spec: Spec) -> dict[str, list[str]]:
    """The values that each filter can keep."""
    return {one.name: [value for value, _words in one.choices()] for one in spec.filters}


def of_all_specs() -> Any:
    return pytest.mark.parametrize("spec", SPECS, ids=list(KINDS))


def check_against_sql(spec: Spec, period: Period = YEAR, **filters: Sequence[str]) -> int:
    """Returns how many rows there are."""
    chosen = selection(spec.name, period, filters=filters)
    rows = rows_by_sql(spec.name, *period.instants(SHOP), filters)
    assert rows_of(chosen) == rows
    assert chosen.count() == len(rows)
    assert sums_of(chosen.totals(), chosen) == added_up(spec, rows)
    return len(rows)


@of_all_specs()
def test_a_year_is_as_sql_has_it(spec: Spec) -> None:
    assert check_against_sql(spec) > 5
    check_invariants(selection(spec.name))


@of_all_specs()
def test_the_shop_has_every_oddity_in_every_column(spec: Spec) -> None:
    """Else the others prove less than they seem to."""
    rows = rows_of(selection(spec.name))
    empty = {column.name for place, column in enumerate(spec.columns) if any(row[place] is None for row in rows)}
    assert (
        empty
        == {
            "revenue": {"customer", "phone", "category"},
            "revenue-by": {"category"},
            "margins": {"category", "cost", "margin", "margin_percent"},
            "payments": set(),
            "vat": {"rate"},
            "stock": {"category", "cost", "value"},
            "customers": set(),
        }[spec.name]
    )
    currency = [column.name for column in spec.columns].index("currency")
    assert {(row[currency], row[-1]) for row in rows} == (
        {("VND", 0), ("GBP", 2)} if spec.name == "stock" else {("VND", 0), ("GBP", 2), ("GBP", 3), ("KWD", 3)}
    )


@of_all_specs()
def test_every_value_of_every_filter_keeps_what_sql_keeps(spec: Spec) -> None:
    kept = {
        (name, value): check_against_sql(spec, **{name: [value]})
        for name, values in values_of(spec).items()
        for value in values
    }
    assert kept or spec.name == "stock"
    # A value that keeps nothing of this shop is one that says so in words: a state that no order is in.
    assert all(rows for (name, _value), rows in kept.items() if name in {"channel", "category"})


@of_all_specs()
def test_filters_together_keep_what_sql_keeps(spec: Spec) -> None:
    chance = Random(5)
    values = values_of(spec)
    sets = [names for size in (2, 3) for names in combinations(values, size)]
    rows = [
        check_against_sql(
            spec, **{name: chance.sample(values[name], chance.randint(1, len(values[name]))) for name in names}
        )
        for names in sets
        for _ in range(3)
    ]
    assert len(rows) >= 3 * (len(values) > 1)
    assert not rows or max(rows) > 0


@of_all_specs()
def test_of_any_columns_and_filters_rows_totals_and_shares_are_of_the_same_lines(spec: Spec) -> None:
    chance = Random(11)
    names, values = [column.name for column in spec.columns], values_of(spec)
    for _ in range(6):
        filters = {name: chance.sample(values[name], min(2, len(values[name]))) for name in values}
        columns = chance.sample(names, chance.randint(0, len(names)))
        check_invariants(selection(spec.name, columns=columns, filters=filters))


# --- order -----------------------------------------------------------------------------------------------------------


def ranks(texts: set[str]) -> dict[str, int]:
    """The places of texts in the order in which this database puts them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT one, rank() OVER (ORDER BY one) FROM unnest(%s::text[]) AS one", [sorted(texts)])
        return dict(cursor.fetchall())


def in_order(rows: Sequence[tuple[Any, ...]], place: int, column: Column, *, down: bool) -> list[tuple[Any, ...]]:
    """``rows`` by one column, empty cells last, rows that share a value in the order that they have."""
    there = [row for row in rows if row[place] is not None]
    if column.holds == Holds.TEXT:
        alphabet = ranks({row[place] for row in there})
        there.sort(key=lambda row: alphabet[row[place]], reverse=down)
    elif column.holds == Holds.MONEY:
        there.sort(key=lambda row: Decimal(row[place]).scaleb(-row[-1]), reverse=down)
    else:
        there.sort(key=lambda row: row[place], reverse=down)
    return there + [row for row in rows if row[place] is None]


@of_all_specs()
def test_in_order_of_any_column_up_and_down_with_ties_as_they_come_and_empty_cells_last(spec: Spec) -> None:
    as_they_come = rows_of(selection(spec.name))
    for place, column in enumerate(spec.columns):
        for down in (False, True):
            found = rows_of(selection(spec.name, order=f"{'-' if down else ''}{column.name}"))
            assert found == in_order(as_they_come, place, column, down=down), (column.name, down)


@of_all_specs()
def test_the_order_is_the_same_whichever_way_the_database_takes(spec: Spec) -> None:
    """Were two rows without an order between them, another plan would show them the other way round."""
    orders = ("", "currency", f"-{spec.headline}")
    found = [rows_of(selection(spec.name, columns=[], order=order)) for order in orders]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_hashagg = off; SET LOCAL enable_indexscan = off; SET LOCAL work_mem = '64kB'")
        assert [rows_of(selection(spec.name, columns=[], order=order)) for order in orders] == found
        transaction.set_rollback(True)


# --- periods ---------------------------------------------------------------------------------------------------------


def months() -> list[Period]:
    firsts = [date(2025, month, 1) for month in range(1, 13)] + [date(2026, 1, 1)]
    return [Period(first, following - timedelta(days=1)) for first, following in pairwise(firsts)]


def added(kind: str, periods: Sequence[Period]) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for period in periods:
        chosen = selection(kind, period)
        for currency, sums in sums_of(chosen.totals(), chosen).items():
            of_currency = found.setdefault(currency, dict.fromkeys(sums, Decimal(0)))
            for name, value in sums.items():
                of_currency[name] += value
    return found


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"stock"}))
def test_the_months_of_a_year_add_up_to_the_year(kind: str) -> None:
    assert added(kind, months()) == added(kind, [YEAR])


@pytest.mark.parametrize("kind", OF_LINES)
def test_the_rows_of_the_months_one_after_the_other_are_those_of_the_year(kind: str) -> None:
    assert [row for month in months() for row in rows_of(selection(kind, month))] == rows_of(selection(kind))


@pytest.mark.parametrize("kind", ["revenue-by", "vat"])
def test_a_month_has_the_same_rows_in_its_own_report_as_in_the_years(kind: str) -> None:
    of_year = rows_of(selection(kind))
    assert {row[0] for row in of_year} == {month.first for month in months()}
    for month in months():
        assert rows_of(selection(kind, month)) == [row for row in of_year if row[0] == month.first]


@pytest.mark.parametrize("last", ["2025-01-01", "2025-02-28", "2025-06-30", "2025-07-17", "2025-12-30"])
def test_what_there_was_and_what_moved_is_what_there_is_however_a_period_is_split(last: str) -> None:
    day = date.fromisoformat(last)
    moved = ["received", "sold", "taken_back", "counted", "damaged"]
    names = [column.name for column in KINDS["stock"].columns]

    def stock(period: Period) -> dict[str, dict[str, Any]]:
        return {row[0]: dict(zip(names, row, strict=False)) for row in rows_of(selection("stock", period))}

    year, sooner = stock(YEAR), stock(Period(YEAR.first, day))
    later = stock(Period(day + timedelta(days=1), YEAR.last))
    assert set(sooner) <= set(later) == set(year)
    for sku, row in later.items():
        before = sooner.get(sku) or dict.fromkeys(names, 0)
        assert row["opening"] == before["closing"]
        assert year[sku]["opening"] == before["opening"]
        assert year[sku]["closing"] == row["closing"] == year[sku]["opening"] + sum(year[sku][name] for name in moved)
        assert [year[sku][name] for name in moved] == [before[name] + row[name] for name in moved]
    assert any(row["damaged"] for row in year.values())
    assert any(row["taken_back"] for row in year.values())
