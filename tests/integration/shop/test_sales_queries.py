from datetime import UTC, date, datetime, timedelta

import pytest

from shop.money import Money
from shop.orders import queries
from shop.orders.models import OrderLine, PaymentState
from tests.factories.orders import (
    EVENING,
    ChannelFactory,
    CustomerFactory,
    OrderFactory,
    OrderLineFactory,
    PaymentFactory,
)

pytestmark = pytest.mark.django_db

MIDNIGHT = datetime(2026, 11, 24, 17, tzinfo=UTC)  # when the 25th begins in the shop


def sell(at, price=100_000, **values):
    order = values.pop("order", None) or OrderFactory(placed_at=at)
    return OrderLineFactory(order=order, placed_at=at, unit_price=price, **values)


def test_a_day_is_the_shop_s_day():
    sell(MIDNIGHT - timedelta(microseconds=1), 1)
    sell(MIDNIGHT, 20)
    sell(MIDNIGHT + timedelta(hours=24) - timedelta(microseconds=1), 300)
    sell(MIDNIGHT + timedelta(hours=24), 4000)
    found = queries.recent_sales(now=EVENING)
    assert (found.today.orders, found.today.revenue) == (2, [Money(320, "VND", 0)])
    assert (found.yesterday.orders, found.yesterday.revenue) == (1, [Money(1, "VND", 0)])
    assert found.today.first == date(2026, 11, 25)


def test_the_week_is_its_seven_days():
    for days in range(9):
        sell(EVENING - timedelta(days=days), 10**days)
    found = queries.recent_sales(now=EVENING)
    assert found.week.revenue == [Money(1_111_111, "VND", 0)]
    assert [day.revenue[0].amount for day in found.days] == [10**n for n in reversed(range(7))]
    assert (found.week.first, found.week.last) == (date(2026, 11, 19), date(2026, 11, 25))


def test_what_is_taken_back_counts_against_its_own_day():
    line = sell(EVENING - timedelta(days=1), 100, quantity=3)
    sell(EVENING, 100, quantity=-3, order=line.order, product=line.product)
    found = queries.recent_sales(now=EVENING)
    assert found.yesterday.revenue == [Money(300, "VND", 0)]
    assert (found.today.orders, found.today.revenue) == (0, [Money(-300, "VND", 0)])
    assert found.week.revenue == [Money(0, "VND", 0)]


def test_each_channel_and_currency_has_its_own_sum():
    shopee, site = ChannelFactory(name="Shopee"), ChannelFactory(name="Website")
    for channel in (shopee, shopee, site):
        sell(EVENING, 100, order=OrderFactory(channel=channel, placed_at=EVENING))
    abroad = OrderFactory(channel=site, placed_at=EVENING, currency="GBP", decimals=3)
    sell(EVENING, 1, order=abroad)
    sell(EVENING, 250, order=OrderFactory(channel=site, placed_at=EVENING, currency="GBP", decimals=2))
    today = queries.recent_sales(now=EVENING).today
    assert [(one.channel, one.orders) for one in today.channels] == [(site, 3), (shopee, 2)]
    assert today.channels[0].revenue == [Money(2501, "GBP", 3), Money(100, "VND", 0)]
    assert today.revenue == [Money(2501, "GBP", 3), Money(300, "VND", 0)]


def test_a_shop_without_sales_has_a_home_too():
    found = queries.recent_sales(now=EVENING)
    assert (found.today.orders, found.today.revenue, len(found.days)) == (0, [], 7)


def test_todays_numbers_cost_three_queries(django_assert_num_queries):
    for _ in range(5):
        sell(EVENING)
    with django_assert_num_queries(3):
        queries.recent_sales(now=EVENING)


def test_an_order_is_found_by_its_code_in_any_case_or_by_its_channel_s_number():
    order = OrderFactory(channel=ChannelFactory(code="shopee"), number="261125ABC")
    OrderFactory()
    channels = [order.channel]
    for text in ("SHOPEE-261125ABC", "shopee-261125abc", "261125ABC"):
        assert queries.search(queries.orders(), text, channels).get() == order
    assert not queries.search(queries.orders(), "261125", channels).exists()


def test_the_history_of_an_order_is_newest_first():
    order = OrderFactory(
        customer=CustomerFactory(), state="cancelled", cancelled_at=EVENING + timedelta(hours=2), placed_at=EVENING
    )
    line = OrderLineFactory(order=order, quantity=2)
    OrderLineFactory(order=order, product=line.product, quantity=-2, placed_at=order.cancelled_at)
    PaymentFactory(
        order=order, state=PaymentState.RECEIVED, settled_at=EVENING + timedelta(hours=1), created_at=EVENING
    )
    lines = list(OrderLine.objects.filter(order=order))
    entries = queries.history(order, lines, order.payments.all())
    assert [entry.tone for entry in entries] == ["neutral", "warning", "good", "neutral"]
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
