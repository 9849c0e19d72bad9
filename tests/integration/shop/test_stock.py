from datetime import date, timedelta

import pytest
from django.db import connection

from shop.catalog.models import MovementKind, Product
from shop.orders.queries import stock_at
from shop.orders.seeding import seed_shop
from tests.factories.catalog import ProductFactory, StockMovementFactory
from tests.factories.orders import EVENING, OrderFactory, OrderLineFactory

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_stock_is_what_came_in_less_what_was_lost_and_sold_and_not_taken_back():
    product = ProductFactory()
    order = OrderFactory()
    StockMovementFactory(product=product, at=EVENING, quantity=20)
    OrderLineFactory(product=product, order=order, placed_at=EVENING + HOUR, quantity=3)
    OrderLineFactory(product=product, order=order, placed_at=EVENING + 2 * HOUR, quantity=-1)
    StockMovementFactory(product=product, at=EVENING + 3 * HOUR, quantity=-5, kind=MovementKind.DAMAGED)
    StockMovementFactory(product=product, at=EVENING + 4 * HOUR, quantity=2, kind=MovementKind.COUNTED)
    found = [stock_at(product, EVENING + hours * HOUR + HOUR / 2) for hours in range(-1, 5)]
    assert found == [0, 20, 17, 18, 13, 15]


def test_what_happens_at_the_instant_asked_about_has_not_happened_yet():
    product = ProductFactory()
    StockMovementFactory(product=product, at=EVENING, quantity=20)
    OrderLineFactory(product=product, placed_at=EVENING + HOUR, quantity=3)
    assert stock_at(product, EVENING) == 0
    assert stock_at(product, EVENING + HOUR) == 20


def test_other_products_and_lines_of_no_product_do_not_count():
    product = ProductFactory()
    StockMovementFactory(at=EVENING)
    OrderLineFactory(placed_at=EVENING)
    OrderLineFactory(placed_at=EVENING, product=None, sku="X", name="X", unit_price=1)
    assert stock_at(product, EVENING + HOUR) == 0


def test_more_may_have_been_sold_than_was_ever_written_down():
    line = OrderLineFactory(placed_at=EVENING, quantity=4)
    assert stock_at(line.product, EVENING + HOUR) == -4


def test_a_product_s_stock_is_read_from_two_indexes(django_assert_num_queries):
    seed_shop(lines=3000, seed=7, first=date(2025, 1, 1), until=EVENING)
    with django_assert_num_queries(2) as asked:
        assert stock_at(Product(pk=17), EVENING) >= 0
    plans = []
    with connection.cursor() as cursor:
        for query in asked.captured_queries:
            cursor.execute(f"EXPLAIN {query['sql']}")
            plans.append(" ".join(row[0] for row in cursor.fetchall()))
    assert "movement_by_product" in plans[0]
    assert "Index Only Scan using order_line_by_product" in plans[1]
