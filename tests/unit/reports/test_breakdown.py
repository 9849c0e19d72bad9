from datetime import date
from decimal import Decimal

import pytest
from django.utils import translation

from reports.breakdown import MOST_BARS, breakdowns
from shop.money import Money
from shop.orders.queries import RevenueShare


def share(amount: int, *, month: int = 1, year: int = 2025, channel: str = "Shopee", category: str | None = "Áo",
          currency: str = "VND", lines: int = 1) -> RevenueShare:  # fmt: skip
    return RevenueShare(date(year, month, 1), channel, category, lines, Money.of(amount, currency))


@pytest.fixture(autouse=True)
def english():
    with translation.override("en"):
        yield


def test_every_chart_adds_up_to_the_same_revenue() -> None:
    shares = [share(100), share(50, month=2, channel="Lazada"), share(-30, month=2, category=None)]
    charts = breakdowns(shares)
    assert [sum(chart.amounts) for chart in charts] == [Decimal(120)] * 3
    assert [(chart.title, list(chart.labels)) for chart in charts] == [
        ("Revenue by month, VND", ["01/2025", "02/2025"]),
        ("Revenue by channel, VND", ["Shopee", "Lazada"]),
        ("Revenue by category, VND", ["Áo", "Without a category"]),
    ]


def test_amounts_of_other_currencies_are_not_mixed_in() -> None:
    shares = [share(100, lines=2), share(999, currency="GBP")]
    assert [list(chart.amounts) for chart in breakdowns(shares)] == [[Decimal(100)]] * 3


def test_small_ones_are_added_up_in_the_last_bar() -> None:
    shares = [share(1000 - number, channel=f"channel {number:02}") for number in range(MOST_BARS + 5)]
    by_channel = breakdowns(shares)[1]
    assert len(by_channel.labels) == MOST_BARS
    assert by_channel.labels[-1] == "All others"
    assert sum(by_channel.amounts) == sum(one.revenue.value for one in shares)


def test_a_long_span_is_shown_by_year() -> None:
    shares = [share(1, year=2020 + year, month=month) for year in range(4) for month in range(1, 13)]
    assert (breakdowns(shares)[0].title, list(breakdowns(shares)[0].labels)) == (
        "Revenue by year, VND",
        ["2020", "2021", "2022", "2023"],
    )


def test_nothing_sold_is_no_chart() -> None:
    assert breakdowns([]) == []
