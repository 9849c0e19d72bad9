"""What each kind of report holds: of a small shop whose numbers are known, and of any small shop, by SQL of our own.

A year of the demo shop, with every filter and every order, is in ``test_kinds_of_a_seeded_shop``.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import kinds
from reports.kinds import KINDS
from reports.periods import Period
from reports.selection import Selection, Total
from shop.catalog.models import Category, MovementKind, Product, StockMovement
from shop.orders.models import Channel, Customer, Order, OrderLine, Payment, PaymentMethod, PaymentState, State
from tests.factories.catalog import CategoryFactory, ProductFactory, StockMovementFactory
from tests.factories.orders import ChannelFactory, CustomerFactory, OrderFactory, OrderLineFactory, PaymentFactory
from tests.integration.reports.kinds_in_sql import added_up, rows_by_sql

pytestmark = pytest.mark.django_db

SHOP = ZoneInfo("Asia/Ho_Chi_Minh")
YEAR = Period.year(2025)
ALL = sorted(KINDS)


def at(text: str) -> datetime:
    """A time on the shop's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=SHOP)


def selection(
    kind: str,
    period: Period = YEAR,
    *,
    columns: Sequence[str] | None = None,
    filters: Mapping[str, Sequence[str]] | None = None,
    order: str = "",
) -> Selection:
    """With all columns unless it is said which."""
    spec = kinds.get(kind)
    chosen = spec.selected([column.name for column in spec.columns] if columns is None else columns)
    return Selection(spec, *period.instants(SHOP), chosen, filters or {}, order, SHOP)


def rows_of(selected: Selection) -> list[tuple[Any, ...]]:
    """The rows, times on the shop's clock."""
    return [
        tuple(cell.replace(tzinfo=None) if isinstance(cell, datetime) else cell for cell in row)
        for row in selected.rows()
    ]


def sums_of(totals: Sequence[Total], selected: Selection) -> dict[str, dict[str, Decimal]]:
    return {total.currency: {column.name: Decimal(total.value(column)) for column in selected.sums} for total in totals}


def check_invariants(selected: Selection) -> None:
    """What holds of every kind, whatever is chosen: rows, totals and shares are of the same lines."""
    rows, totals = rows_of(selected), sums_of(selected.totals(), selected)
    assert selected.count() == len(rows)
    places = {column.name: place for place, column in enumerate(selected.columns)}
    added = {currency: dict.fromkeys(sums, Decimal(0)) for currency, sums in totals.items()}
    for row in rows:
        for column in selected.sums:
            value = Decimal(row[places[column.name]] or 0)
            added[row[places["currency"]]][column.name] += value.scaleb(-row[-1] if column.holds.name == "MONEY" else 0)
    assert added == totals
    shares = dict.fromkeys(totals, Decimal(0))
    for share in selected.shares():
        shares[share.currency] += share.amount
    assert shares == {currency: sums[selected.spec.headline] for currency, sums in totals.items()}


# --- a small shop whose numbers are known ----------------------------------------------------------------------------

OPENS, LAST = at("2025-01-01 00:00:00"), at("2025-12-31 23:59:59.999999")
BEFORE, AFTER = OPENS - timedelta(microseconds=1), LAST + timedelta(microseconds=1)
JANUARY_ENDS = at("2025-01-31 23:59:59.999999")
FEBRUARY = at("2025-02-01 00:00:00")


@dataclass
class Shop:
    website: Channel
    shopee: Channel
    clothes: Category
    books: Category


@pytest.fixture
def shop() -> Shop:
    return small_shop()


def small_shop() -> Shop:
    """Sells in 2025, and a piece right before and right after it. What is in its reports: ``KNOWN``."""
    website, shopee = ChannelFactory(code="site", name="Website"), ChannelFactory(code="shopee", name="Shopee")
    clothes, books = CategoryFactory(name="Clothes"), CategoryFactory(name="Books")
    shirts = CategoryFactory(name="Shirts", parent=clothes)
    shirt = ProductFactory(sku="AO-1", name="Áo sơ mi", category=shirts, cost=60_000)
    book = ProductFactory(sku="SACH-1", name="Sách", category=books, cost=None)
    ruler = ProductFactory(sku="KHAC-1", name="Thước kẻ", category=None, cost=700)
    tea = ProductFactory(sku="TEA-1", name="Earl Grey", category=clothes, cost=250, currency="GBP")
    _goods(shirt, book, ruler, tea)
    huong = CustomerFactory(
        channel=shopee,
        number="KH1",
        name="Hương",
        phone="0412345678",
        email="h@x.test",
        address="1 Lê Lợi",
        region="Huế",
    )
    an = CustomerFactory(channel=website, number="7", name="An", region="Huế")

    first = OrderFactory(
        channel=shopee, customer=huong, code="SP-1", number="1", region="Hà Nội", placed_at=OPENS, goods_total=216_003
    )
    _sell(first, shirt, 2, 108_000, cost=60_000, vat=8)
    _sell(first, ruler, 1, 5, discount=2, cost=1, vat=20)
    guest = OrderFactory(
        channel=website, customer=None, code="W-1", number="2", region="", currency="GBP", decimals=3,
        placed_at=JANUARY_ENDS, state=State.PAID,
    )  # fmt: skip
    _sell(guest, tea, 6, 2_550, cost=1_000, vat=20)
    _sell(guest, None, 1, 3, vat=20, sku="OLD-9", name="")
    cancelled = OrderFactory(
        channel=website, customer=an, code="W-2", number="3", region="Huế", placed_at=FEBRUARY, cancelled=True
    )
    _sell(cancelled, book, 3, 50_000, discount=10_000, vat=5)
    _sell(cancelled, book, -3, 50_000, discount=-10_000, vat=5, placed_at=LAST)
    _sell(cancelled, shirt, 1, 100_001, cost=60_000)
    pence = OrderFactory(
        channel=website, customer=an, code="W-3", number="4", region="Huế", currency="GBP", decimals=2, placed_at=LAST
    )
    _sell(pence, tea, -1, 255, cost=100, vat=20)
    _sell(pence, tea, 2, 255, cost=100, vat=20)
    for moment in (BEFORE, AFTER):
        outside = OrderFactory(channel=shopee, customer=huong, placed_at=moment)
        _sell(outside, shirt, 1, 108_000, cost=60_000, vat=8)
        _pay(outside, 108_000, moment)

    _pay(first, 216_003, OPENS, fee=28_512, method=PaymentMethod.MARKETPLACE, ref="R-1")
    _pay(guest, 15_303, JANUARY_ENDS, fee=153, method=PaymentMethod.CARD)
    _pay(cancelled, 240_001, FEBRUARY, fee=3_600, method=PaymentMethod.MOMO, ref="R-2")
    _pay(cancelled, -140_000, LAST, fee=-2_100, method=PaymentMethod.MOMO, state=PaymentState.REFUNDED)
    _pay(pence, 255, LAST, method=PaymentMethod.CASH)
    _pay(first, 9, FEBRUARY, state=PaymentState.FAILED)
    PaymentFactory(order=first, amount=5)
    return Shop(website, shopee, clothes, books)


def _goods(shirt: Product, book: Product, ruler: Product, tea: Product) -> None:
    for product, moment, kind, quantity in (
        (shirt, BEFORE, MovementKind.RECEIVED, 20),
        (shirt, OPENS, MovementKind.RECEIVED, 10),
        (shirt, FEBRUARY, MovementKind.COUNTED, -2),
        (shirt, LAST, MovementKind.DAMAGED, -1),
        (shirt, AFTER, MovementKind.RECEIVED, 99),
        (book, OPENS, MovementKind.RECEIVED, 5),
        (ruler, at("2024-06-01 12:00:00"), MovementKind.COUNTED, 4),
        (tea, OPENS, MovementKind.RECEIVED, 8),
        (ProductFactory(sku="LATER-1", category=None), AFTER, MovementKind.RECEIVED, 1),
    ):
        StockMovementFactory(product=product, at=moment, kind=kind, quantity=quantity)
    ProductFactory(sku="NEVER-1", category=None)


def _sell(
    order: Order,
    product: Product | None,
    quantity: int,
    price: int,
    *,
    cost: int | None = None,
    vat: int | None = None,
    **more: Any,
) -> None:
    OrderLineFactory(
        order=order, product=product, quantity=quantity, unit_price=price, unit_cost=cost, vat_rate=vat, **more
    )


def _pay(
    order: Order,
    amount: int,
    moment: datetime,
    *,
    fee: int = 0,
    method: str = PaymentMethod.COD,
    state: str = PaymentState.RECEIVED,
    ref: str = "",
) -> None:
    PaymentFactory(order=order, amount=amount, fee=fee, method=method, state=state, settled_at=moment, provider_ref=ref)


def clock(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


JANUARY, DECEMBER = date(2025, 1, 1), date(2025, 12, 1)
IN_FEBRUARY = date(2025, 2, 1)
KNOWN: dict[str, list[tuple[Any, ...]]] = {
    "revenue": [
        (clock(OPENS), "SP-1", "1", "Shopee", "completed", "Hà Nội", "Hương", "0412345678", "AO-1", "Áo sơ mi", "Shirts",
         2, 108_000, 0, 216_000, "VND", 0),
        (clock(OPENS), "SP-1", "1", "Shopee", "completed", "Hà Nội", "Hương", "0412345678", "KHAC-1", "Thước kẻ", None,
         1, 5, 2, 3, "VND", 0),
        (clock(JANUARY_ENDS), "W-1", "2", "Website", "paid", "", None, None, "TEA-1", "Earl Grey", "Clothes",
         6, 2_550, 0, 15_300, "GBP", 3),
        (clock(JANUARY_ENDS), "W-1", "2", "Website", "paid", "", None, None, "OLD-9", "", None, 1, 3, 0, 3, "GBP", 3),
        (clock(FEBRUARY), "W-2", "3", "Website", "cancelled", "Huế", "An", "", "SACH-1", "Sách", "Books",
         3, 50_000, 10_000, 140_000, "VND", 0),
        (clock(FEBRUARY), "W-2", "3", "Website", "cancelled", "Huế", "An", "", "AO-1", "Áo sơ mi", "Shirts",
         1, 100_001, 0, 100_001, "VND", 0),
        (clock(LAST), "W-2", "3", "Website", "cancelled", "Huế", "An", "", "SACH-1", "Sách", "Books",
         -3, 50_000, -10_000, -140_000, "VND", 0),
        (clock(LAST), "W-3", "4", "Website", "completed", "Huế", "An", "", "TEA-1", "Earl Grey", "Clothes",
         -1, 255, 0, -255, "GBP", 2),
        (clock(LAST), "W-3", "4", "Website", "completed", "Huế", "An", "", "TEA-1", "Earl Grey", "Clothes",
         2, 255, 0, 510, "GBP", 2),
    ],
    "revenue-by": [
        (JANUARY, "Shopee", "Clothes", "Hà Nội", "VND", 1, 2, 0, 216_000, 0, 216_000, 0),
        (JANUARY, "Shopee", None, "Hà Nội", "VND", 1, 1, 2, 3, 0, 3, 0),
        (JANUARY, "Website", "Clothes", "", "GBP", 1, 6, 0, 15_300, 0, 15_300, 3),
        (JANUARY, "Website", None, "", "GBP", 1, 1, 0, 3, 0, 3, 3),
        (IN_FEBRUARY, "Website", "Books", "Huế", "VND", 1, 3, 10_000, 140_000, 0, 140_000, 0),
        (IN_FEBRUARY, "Website", "Clothes", "Huế", "VND", 1, 1, 0, 100_001, 0, 100_001, 0),
        (DECEMBER, "Website", "Books", "Huế", "VND", 1, -3, -10_000, 0, -140_000, -140_000, 0),
        (DECEMBER, "Website", "Clothes", "Huế", "GBP", 1, 1, 0, 510, -255, 255, 2),
    ],
    "margins": [
        ("AO-1", "Áo sơ mi", "Shirts", "VND", 2, 3, 316_001, 300_001, 180_000, 120_001, 4_000, 0, 0),
        ("KHAC-1", "Thước kẻ", None, "VND", 1, 1, 3, 2, 1, 1, 5_000, 0, 0),
        ("OLD-9", "", None, "GBP", 1, 1, 3, 2, None, None, None, 1, 3),
        ("SACH-1", "Sách", "Books", "VND", 1, 0, 0, 0, None, None, None, 0, 0),
        ("TEA-1", "Earl Grey", "Clothes", "GBP", 1, 1, 255, 213, 100, 113, 5_305, 0, 2),
        ("TEA-1", "Earl Grey", "Clothes", "GBP", 1, 6, 15_300, 12_750, 6_000, 6_750, 5_294, 0, 3),
    ],
    "payments": [
        (clock(OPENS), "SP-1", "Shopee", "marketplace", "received", "R-1", 216_003, 0, 28_512, 187_491, "VND", 0),
        (clock(JANUARY_ENDS), "W-1", "Website", "card", "received", "", 15_303, 0, 153, 15_150, "GBP", 3),
        (clock(FEBRUARY), "W-2", "Website", "momo", "received", "R-2", 240_001, 0, 3_600, 236_401, "VND", 0),
        (clock(LAST), "W-2", "Website", "momo", "refunded", "", 0, -140_000, -2_100, -137_900, "VND", 0),
        (clock(LAST), "W-3", "Website", "cash", "received", "", 255, 0, 0, 255, "GBP", 2),
    ],
    "vat": [
        (JANUARY, 8, "Shopee", "VND", 1, 216_000, 200_000, 16_000, 0),
        (JANUARY, 20, "Shopee", "VND", 1, 3, 2, 1, 0),
        (JANUARY, 20, "Website", "GBP", 2, 15_303, 12_752, 2_551, 3),
        (IN_FEBRUARY, 5, "Website", "VND", 1, 140_000, 133_333, 6_667, 0),
        (IN_FEBRUARY, None, "Website", "VND", 1, 100_001, 100_001, 0, 0),
        (DECEMBER, 5, "Website", "VND", 1, -140_000, -133_333, -6_667, 0),
        (DECEMBER, 20, "Website", "GBP", 2, 255, 213, 42, 2),
    ],
    "stock": [
        ("AO-1", "Áo sơ mi", "Shirts", "VND", 19, 10, -3, 0, -2, -1, 23, 60_000, 1_380_000, 0),
        ("KHAC-1", "Thước kẻ", None, "VND", 4, 0, -1, 0, 0, 0, 3, 700, 2_100, 0),
        ("SACH-1", "Sách", "Books", "VND", 0, 5, -3, 3, 0, 0, 5, None, None, 0),
        ("TEA-1", "Earl Grey", "Clothes", "GBP", 0, 8, -8, 1, 0, 0, 1, 250, 250, 2),
    ],
    "customers": [
        ("7", "Website", "An", "", "", "", "Huế", "GBP", clock(LAST), clock(LAST), 1, 1, 255, 2),
        ("7", "Website", "An", "", "", "", "Huế", "VND", clock(FEBRUARY), clock(LAST), 1, 1, 100_001, 0),
        ("KH1", "Shopee", "Hương", "0412345678", "h@x.test", "1 Lê Lợi", "Huế", "VND", clock(OPENS), clock(OPENS),
         1, 3, 216_003, 0),
    ],
}  # fmt: skip
KNOWN_TOTALS: dict[str, dict[str, dict[str, str]]] = {
    "revenue": {
        "GBP": {"quantity": "8", "discount": "0", "revenue": "17.853"},
        "VND": {"quantity": "4", "discount": "2", "revenue": "316004"},
    },
    "revenue-by": {
        "GBP": {"quantity": "8", "discount": "0", "sold": "20.403", "taken_back": "-2.55", "revenue": "17.853"},
        "VND": {"quantity": "4", "discount": "2", "sold": "456004", "taken_back": "-140000", "revenue": "316004"},
    },
    "margins": {
        "GBP": {"quantity": "8", "revenue": "17.853", "net": "14.882", "cost": "7", "margin": "7.88", "unknown": "1"},
        "VND": {"quantity": "4", "revenue": "316004", "net": "300003", "cost": "180001", "margin": "120002", "unknown": "0"},
    },
    "payments": {
        "GBP": {"received": "17.853", "refunded": "0", "fee": "0.153", "net": "17.7"},
        "VND": {"received": "456004", "refunded": "-140000", "fee": "30012", "net": "285992"},
    },
    "vat": {
        "GBP": {"revenue": "17.853", "net": "14.882", "vat": "2.971"},
        "VND": {"revenue": "316004", "net": "300003", "vat": "16001"},
    },
    "stock": {
        "GBP": {"opening": "0", "received": "8", "sold": "-8", "taken_back": "1", "counted": "0", "damaged": "0",
                "closing": "1", "value": "2.5"},
        "VND": {"opening": "23", "received": "15", "sold": "-7", "taken_back": "3", "counted": "-2", "damaged": "-1",
                "closing": "31", "value": "1382100"},
    },
    "customers": {
        "GBP": {"quantity": "1", "revenue": "2.55"},
        "VND": {"quantity": "4", "revenue": "316004"},
    },
}  # fmt: skip


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("kind", ALL)
class TestOfASmallShop:
    def test_every_column_of_every_row_is_known(self, kind: str) -> None:
        assert rows_of(selection(kind)) == KNOWN[kind]
        assert rows_by_sql(kind, *YEAR.instants(SHOP)) == KNOWN[kind]

    def test_the_totals_are_known(self, kind: str) -> None:
        chosen = selection(kind)
        assert sums_of(chosen.totals(), chosen) == {
            currency: {name: Decimal(value) for name, value in sums.items()}
            for currency, sums in KNOWN_TOTALS[kind].items()
        }

    def test_amounts_of_one_currency_are_added_up_with_the_most_decimals_of_any(self, kind: str) -> None:
        fine = 3 if any(row[-1] == 3 for row in KNOWN[kind]) else 2
        assert [(total.currency, total.decimals) for total in selection(kind).totals()] == [("GBP", fine), ("VND", 0)]

    def test_rows_totals_and_shares_are_of_the_same_lines(self, kind: str) -> None:
        check_invariants(selection(kind))
        check_invariants(selection(kind, columns=[]))

    def test_the_days_around_it_hold_what_is_just_outside_and_no_more(self, kind: str) -> None:
        days = {0: Period(date(2024, 12, 31), date(2024, 12, 31)), 1: Period(date(2026, 1, 1), date(2026, 1, 1))}
        for day in days.values():
            chosen = selection(kind, day)
            assert rows_of(chosen) == rows_by_sql(kind, *day.instants(SHOP))
            if kind != "stock":
                assert chosen.count() == 1

    def test_nothing_in_the_period_is_no_rows_and_no_totals(self, kind: str) -> None:
        long_ago = selection(kind, Period.year(2001))
        assert (rows_of(long_ago), long_ago.count(), long_ago.totals(), long_ago.shares()) == ([], 0, [], [])


def skus(shop: Shop, **filters: Sequence[Any]) -> set[str]:
    chosen = {name: [str(getattr(value, "pk", value)) for value in values] for name, values in filters.items()}
    return {row[0] for row in rows_of(selection("revenue", columns=["sku"], filters=chosen)) for row in [row[2:]]}


def test_filters_keep_what_they_say(shop: Shop) -> None:
    assert skus(shop) == {"AO-1", "KHAC-1", "TEA-1", "OLD-9", "SACH-1"}
    assert skus(shop, channel=[shop.shopee]) == {"AO-1", "KHAC-1"}
    # A shelf holds what lies on it and on its parts; what lies on none is left out.
    assert skus(shop, category=[shop.clothes]) == {"AO-1", "TEA-1"}
    assert skus(shop, category=[shop.clothes, shop.books]) == {"AO-1", "TEA-1", "SACH-1"}
    assert skus(shop, state=["cancelled"]) == {"SACH-1", "AO-1"}
    assert skus(shop, state=["cancelled", "paid"]) == {"SACH-1", "AO-1", "TEA-1", "OLD-9"}
    assert skus(shop, channel=[shop.website], category=[shop.clothes], state=["cancelled"]) == {"AO-1"}
    assert skus(shop, channel=[shop.shopee], category=[shop.books]) == set()


def test_a_filter_of_payments_keeps_what_it_says(shop: Shop) -> None:
    def codes(**filters: Sequence[str]) -> list[tuple[str, int]]:
        rows = rows_of(selection("payments", columns=[], filters=filters))
        return [(row[1], row[2]) for row in rows]

    assert codes(method=["momo"]) == [("W-2", 236_401), ("W-2", -137_900)]
    assert codes(state=["refunded"]) == [("W-2", -137_900)]
    assert codes(method=["cash", "card"], channel=[str(shop.website.pk)]) == [("W-1", 15_150), ("W-3", 255)]


@pytest.mark.usefixtures("shop")
def test_revenue_is_grouped_by_what_is_chosen_and_by_nothing_else() -> None:
    def groups(*columns: str) -> list[tuple[Any, ...]]:
        return [row[:-1] for row in rows_of(selection("revenue-by", columns=columns))]

    assert groups() == [("GBP", 255), ("GBP", 15_303), ("VND", 316_004)]  # of two decimals and of three
    assert groups("category") == [
        ("Books", "VND", 0),
        ("Clothes", "GBP", 255),
        ("Clothes", "GBP", 15_300),
        ("Clothes", "VND", 316_001),
        (None, "GBP", 3),
        (None, "VND", 3),
    ]
    # An order that lies in two groups is counted in both.
    assert [row[-2] for row in groups("category", "orders")] == [1, 1, 1, 2, 1, 1]
    assert [row[-2] for row in groups("orders")] == [1, 1, 2]


def test_a_line_of_no_pieces_with_a_discount_is_in_what_was_sold() -> None:
    OrderLineFactory(order=OrderFactory(placed_at=FEBRUARY), quantity=0, unit_price=5, discount=-70)
    (row,) = rows_of(selection("revenue-by", columns=["sold", "taken_back"]))
    assert row == ("VND", 70, 0, 70, 0)


def test_money_is_in_order_of_its_value_however_many_decimals_it_has() -> None:
    for decimals, price in ((0, 20), (2, 1_999), (3, 20_001), (6, 19_999_999)):
        order = OrderFactory(placed_at=FEBRUARY, currency="GBP", decimals=decimals)
        OrderLineFactory(order=order, unit_price=price, sku=f"{decimals}")
    for kind in ("revenue", "margins", "revenue-by", "customers"):
        for way, expected in (("", [2, 6, 0, 3]), ("-", [3, 0, 6, 2])):
            rows = rows_of(selection(kind, order=f"{way}revenue"))
            assert [row[-1] for row in rows] == expected, kind


def test_amounts_that_no_float_can_tell_apart_are_in_order() -> None:
    order = OrderFactory(placed_at=FEBRUARY)
    for offset in (2, 0, 3, 1):
        OrderLineFactory(order=order, unit_price=2**60 + offset)
    assert [row[-3] - 2**60 for row in rows_of(selection("revenue", order="revenue"))] == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ALL)
def test_totals_and_groups_beyond_a_bigint_are_exact(kind: str) -> None:
    customer = CustomerFactory()
    order = OrderFactory(placed_at=FEBRUARY, customer=customer, channel=customer.channel)
    product = ProductFactory(sku="X", cost=2**61)
    for _ in range(6):
        OrderLineFactory(order=order, product=product, quantity=-1, unit_price=-(2**61), unit_cost=2**61, vat_rate=100)
        PaymentFactory(order=order, amount=2**62, state=PaymentState.RECEIVED, settled_at=FEBRUARY)
    chosen = selection(kind)
    assert rows_of(chosen) == rows_by_sql(kind, *YEAR.instants(SHOP))
    check_invariants(chosen)
    money = {name: int(value) for sums in sums_of(chosen.totals(), chosen).values() for name, value in sums.items()}
    assert money[{"stock": "value", "payments": "net", "margins": "net"}.get(kind, "revenue")] == {
        "margins": 6 * 2**60,
        "payments": 6 * 2**62,
    }.get(kind, 6 * 2**61)


@pytest.mark.parametrize("kind", ["margins", "stock"])
def test_a_line_whose_cost_is_beyond_a_bigint_is_in_the_report(kind: str) -> None:
    product = ProductFactory(sku="X", cost=2**62)
    OrderLineFactory(
        order=OrderFactory(placed_at=FEBRUARY), product=product, quantity=10, unit_price=1, unit_cost=2**62
    )
    chosen = selection(kind)
    assert rows_of(chosen) == rows_by_sql(kind, *YEAR.instants(SHOP))
    check_invariants(chosen)


@pytest.mark.parametrize("rate", [None, 0, 5, 8, 10, 20, 60, 100])
def test_vat_is_rounded_line_by_line_half_away_from_zero_and_minus_mirrors_plus(rate: int | None) -> None:
    order = OrderFactory(placed_at=FEBRUARY)
    amounts = [*range(24), 999_999_999_999_999_999, 10**15 + 1]
    for amount in amounts:
        for sign in (1, -1):
            OrderLineFactory(order=order, quantity=sign, unit_price=amount, vat_rate=rate, sku=f"{amount}", unit_cost=0)

    def vat(amount: int) -> int:
        exact = Decimal(amount) * (rate or 0) / (100 + (rate or 0))
        return int(exact.quantize(Decimal(1), ROUND_HALF_UP))

    ours = {(int(row[0]), row[-2]) for row in rows_of(selection("margins", columns=["net"]))}
    assert ours == {(amount, 0) for amount in amounts}  # what was taken back undoes what was sold, to the last đồng
    OrderLine.objects.filter(quantity=-1).delete()
    assert {(int(row[0]), row[2]) for row in rows_of(selection("margins", columns=["net"]))} == {
        (amount, amount - vat(amount)) for amount in amounts
    }
    ((_month, shown, _currency, revenue, net, total, _decimals),) = rows_of(selection("vat", columns=[]))
    assert (shown, revenue, net, total) == (rate, sum(amounts), sum(amounts) - total, sum(map(vat, amounts)))


def test_the_margin_of_what_has_no_net_price_is_no_percentage() -> None:
    order = OrderFactory(placed_at=FEBRUARY)
    OrderLineFactory(order=order, sku="gift", unit_price=0, unit_cost=5, vat_rate=8)
    OrderLineFactory(order=order, sku="loss", unit_price=100, unit_cost=150, vat_rate=0)
    OrderLineFactory(order=order, sku="back", unit_price=100, quantity=-1, unit_cost=40, vat_rate=0)
    found = {row[0]: row[2:4] for row in rows_of(selection("margins", columns=["margin_percent"]))}
    assert found == {"gift": (-5, None), "loss": (-50, -5_000), "back": (-60, 6_000)}


def test_a_margin_of_more_per_cent_than_a_bigint_holds_is_in_the_report() -> None:
    OrderLineFactory(order=OrderFactory(placed_at=FEBRUARY), unit_price=1, unit_cost=2**62, vat_rate=0)
    ((_sku, _currency, margin, percent, _decimals),) = rows_of(selection("margins", columns=["margin_percent"]))
    assert (margin, percent) == (1 - 2**62, (1 - 2**62) * 10_000)


# --- any small shop --------------------------------------------------------------------------------------------------

#: Times around the edges of days, months and the year.
TIMES = [BEFORE, OPENS, JANUARY_ENDS, FEBRUARY, at("2025-06-15 12:00:00"), LAST, AFTER]
AMOUNTS = st.sampled_from([0, 1, 3, 5, 250, 99_999, 10**12 + 1]) | st.integers(-50, 2_000)
LINE = st.tuples(
    st.integers(0, 3),  # the order
    st.sampled_from([None, 0, 1, 2, 3]),  # the product
    st.sampled_from(["A", "a", "Á", "b-1"]),  # its SKU at the time
    st.integers(-3, 3),
    AMOUNTS,
    st.integers(-20, 20),  # the discount
    st.none() | st.integers(0, 2_000),  # the cost
    st.none() | st.integers(0, 100),  # the VAT rate
    st.sampled_from(TIMES),
)
PAYMENT = st.tuples(st.integers(0, 3), st.integers(-500, 500), st.integers(-100, 100), st.sampled_from(TIMES))
MOVEMENT = st.tuples(st.integers(0, 3), st.sampled_from(list(MovementKind)), st.integers(1, 9), st.sampled_from(TIMES))


@st.composite
def any_choice(draw: st.DrawFn) -> dict[str, Any]:
    """Of a kind that is looked up only when it is drawn, with some of its columns, in some order."""
    spec = draw(st.sampled_from(list(KINDS.values())))
    columns = [column.name for column in spec.columns]
    chosen = draw(st.lists(st.sampled_from(columns), unique=True))
    order = draw(st.sampled_from(["", *(column.name for column in spec.selected(chosen))]))
    return {"kind": spec.name, "columns": chosen, "order": order and draw(st.sampled_from(["", "-"])) + order}


@settings(max_examples=15, deadline=None)
@given(
    st.lists(LINE, max_size=12),
    st.lists(PAYMENT, max_size=5),
    st.lists(MOVEMENT, max_size=6),
    st.lists(any_choice(), min_size=4, max_size=4),
)
def test_of_any_shop_rows_totals_and_shares_are_of_the_same_lines_and_as_sql_has_them(
    lines: list[tuple[Any, ...]],
    payments: list[tuple[Any, ...]],
    movements: list[tuple[Any, ...]],
    choices: list[dict[str, Any]],
) -> None:
    with _thrown_away():
        _fill(lines, payments, movements)
        for kind, spec in KINDS.items():
            chosen = selection(kind)
            rows = rows_by_sql(kind, *YEAR.instants(SHOP))
            assert rows_of(chosen) == rows
            assert sums_of(chosen.totals(), chosen) == added_up(spec, rows)
            check_invariants(chosen)
        for choice in choices:
            check_invariants(selection(**choice))


@contextmanager
def _thrown_away() -> Iterator[None]:
    """What is written inside is gone afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _fill(lines: Sequence[Any], payments: Sequence[Any], movements: Sequence[Any]) -> None:
    channels = [Channel.objects.create(code=f"c{n}", name=name) for n, name in enumerate(["Same", "Same"])]
    top = Category.objects.create(name="Top", slug="top")
    shelves = [top, Category.objects.create(name="Part", slug="part", parent=top), None, None]
    products = [
        Product.objects.create(sku=f"P{n}", name="Same", category=shelf, price=1, cost=cost, currency=currency)
        for n, (shelf, cost, currency) in enumerate(
            zip(shelves, [None, 7, 0, 250], ["VND", "GBP", "KWD", "VND"], strict=True)
        )
    ]
    customers = [
        Customer.objects.create(channel=channel, number="1", name=name)
        for channel, name in zip(channels, ["", "An"], strict=True)
    ]
    orders = [
        Order.objects.create(
            code=f"o{n}", number=f"{n}", channel=channels[n % 2], customer=customer, placed_at=OPENS, currency=currency,
            decimals=decimals,
        )
        for n, (customer, currency, decimals) in enumerate(
            zip([None, *customers, customers[0]], ["VND", "GBP", "GBP", "KWD"], [0, 2, 3, 6], strict=True)
        )
    ]  # fmt: skip
    OrderLine.objects.bulk_create(
        OrderLine(
            order=orders[order], position=n, product=None if product is None else products[product], sku=sku,
            quantity=quantity, unit_price=price, discount=discount, unit_cost=cost, vat_rate=vat, placed_at=moment,
            currency=orders[order].currency, decimals=orders[order].decimals,
        )
        for n, (order, product, sku, quantity, price, discount, cost, vat, moment) in enumerate(lines)
    )  # fmt: skip
    Payment.objects.bulk_create(
        Payment(
            order=orders[order], amount=amount, fee=max(-abs(amount), min(abs(amount), fee)), method="cod",
            settled_at=moment, state=PaymentState.REFUNDED if amount < 0 else PaymentState.RECEIVED,
        )
        for order, amount, fee, moment in payments
    )  # fmt: skip
    StockMovement.objects.bulk_create(
        StockMovement(
            product=products[product], kind=kind, at=moment,
            quantity=-quantity if kind == MovementKind.DAMAGED else quantity,
        )
        for product, kind, quantity, moment in movements
    )  # fmt: skip
