from datetime import date
from decimal import Decimal

import pytest
from django.utils import translation

from reports.breakdown import MOST_BARS, Breakdown, breakdowns
from reports.kinds import KINDS
from reports.selection import Share
from shop.orders.models import PaymentMethod


def share(amount: int, *, month: int = 1, year: int = 2025, channel: str = "Shopee", category: str | None = "Áo",
          currency: str = "VND", rows: int = 1) -> Share:  # fmt: skip
    return Share((date(year, month, 1), channel, category), currency, rows, Decimal(amount))


def charts(shares: list[Share]) -> list[Breakdown]:
    return breakdowns(KINDS["revenue"].charts, shares)


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


def test_every_chart_adds_up_to_the_same_revenue() -> None:
    found = charts([share(100), share(50, month=2, channel="Lazada"), share(-30, month=2, category=None)])
    assert [sum(chart.amounts) for chart in found] == [Decimal(120)] * 3
    assert [(chart.title, list(chart.labels)) for chart in found] == [
        ("Revenue by month, VND", ["01/2025", "02/2025"]),
        ("Revenue by channel, VND", ["Shopee", "Lazada"]),
        ("Revenue by category, VND", ["Áo", "Without a category"]),
    ]


def test_months_are_in_order_of_time_and_the_rest_of_size() -> None:
    found = charts([share(10, month=3), share(30, month=1, channel="Lazada"), share(20, month=2)])
    assert [list(chart.amounts) for chart in found[:2]] == [[30, 20, 10], [30, 30]]
    assert [chart.in_order for chart in found] == [True, False, False]


def test_amounts_of_other_currencies_are_not_mixed_in() -> None:
    found = charts([share(100, rows=2), share(999, currency="GBP")])
    assert [list(chart.amounts) for chart in found] == [[Decimal(100)]] * 3


def test_small_ones_are_added_up_in_the_last_bar() -> None:
    shares = [share(1000 - number, channel=f"channel {number:02}") for number in range(MOST_BARS + 5)]
    by_channel = charts(shares)[1]
    assert len(by_channel.labels) == MOST_BARS
    assert by_channel.labels[-1] == "All others"
    assert sum(by_channel.amounts) == sum(one.amount for one in shares)


def test_a_long_span_is_shown_by_year() -> None:
    by_month = charts([share(1, year=2020 + year, month=month) for year in range(4) for month in range(1, 13)])[0]
    assert (by_month.title, list(by_month.labels)) == ("Revenue by year, VND", ["2020", "2021", "2022", "2023"])


def test_stored_values_are_shown_as_words() -> None:
    shares = [Share((date(2025, 1, 1), "Website", PaymentMethod.COD), "VND", 1, Decimal(1))]
    assert list(breakdowns(KINDS["payments"].charts, shares)[2].labels) == ["Cash on delivery"]


def test_nothing_sold_is_no_chart() -> None:
    assert charts([]) == []
