from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, Sum

from shop.accounts.models import User
from shop.catalog.models import Product
from shop.orders.models import Customer, Order, OrderLine, Payment, PaymentState, State
from shop.orders.provinces import PROVINCES
from shop.orders.seeding import ShopNotEmpty, seed_shop
from tests.factories.catalog import ProductFactory
from tests.factories.orders import OrderLineFactory

pytestmark = pytest.mark.django_db

FIRST = date(2025, 1, 1)
UNTIL = datetime(2026, 3, 4, 13, 15, 30, tzinfo=UTC)


def seed(**changes):
    return seed_shop(**({"lines": 3000, "seed": 7, "first": FIRST, "until": UNTIL} | changes))


def shop_rows():
    return [
        list(model.objects.order_by("pk").values_list()) for model in (Product, Customer, Order, OrderLine, Payment)
    ]


def test_the_same_seed_makes_the_same_shop_and_another_seed_another():
    seed()
    first = shop_rows()
    seed(replace=True)
    assert shop_rows() == first
    seed(replace=True, seed=8)
    assert shop_rows() != first


def test_the_lines_asked_for_are_sold_and_what_comes_back_is_on_top():
    seeded = seed()
    assert OrderLine.objects.filter(quantity__gt=0).count() == 3000
    assert 0 < OrderLine.objects.filter(quantity__lt=0).count() == seeded.lines - 3000 < 300
    assert Product.objects.count() == seeded.products


def test_the_books_are_right():
    seed()
    totals = Order.objects.annotate(sold=Sum("lines__revenue"))
    assert not totals.exclude(sold=F("goods_total") - F("returned_total")).exists()
    assert not Order.objects.filter(state=State.CANCELLED).exclude(returned_total=F("goods_total")).exists()
    for order in Order.objects.exclude(state__in=[State.CANCELLED, State.RETURNED]).prefetch_related("payments"):
        [payment] = order.payments.all()
        assert payment.amount == order.total
        assert (payment.state == PaymentState.RECEIVED) == (order.paid_at is not None)
    given_back = Payment.objects.filter(state=PaymentState.REFUNDED, order__state=State.CANCELLED)
    assert given_back.exists()
    assert not given_back.exclude(amount=-F("order__total")).exists()


def test_nothing_is_dated_outside_the_story():
    seed()
    dates = [
        *Order.objects.values_list("placed_at", "paid_at", "cancelled_at"),
        *OrderLine.objects.values_list("placed_at"),
        *Payment.objects.values_list("created_at", "settled_at"),
    ]
    known = [time for row in dates for time in row if time]
    assert datetime(2024, 12, 31, 17, tzinfo=UTC) <= min(known)
    assert max(known) <= UNTIL
    assert Order.objects.filter(placed_at__gte=datetime(2026, 3, 3, 17, tzinfo=UTC)).exists()  # the last day too


def test_customers_live_in_today_s_provinces_and_can_be_reached_by_nobody():
    seed()
    names = {province.name for province in PROVINCES}
    assert set(Customer.objects.values_list("region", flat=True)) <= names
    assert set(Order.objects.values_list("region", flat=True)) <= names
    assert not Customer.objects.exclude(phone__regex="^04[0-9]{8}$").exists()
    assert not Customer.objects.exclude(email__endswith="@demo.backroom.test").exists()


def test_a_shop_that_has_anything_is_left_alone_unless_it_may_go():
    line = OrderLineFactory()
    with pytest.raises(ShopNotEmpty):
        seed()
    assert OrderLine.objects.get() == line
    seed(replace=True)
    assert not Order.objects.filter(code=line.order.code).exists()


def test_products_alone_are_something_too():
    ProductFactory()
    with pytest.raises(ShopNotEmpty):
        seed()


def test_indexes_and_constraints_are_as_they_were():
    def schema():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid::regclass::text LIKE 'orders%%' UNION ALL"
                " SELECT tablename, indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'orders%%'"
            )
            return set(cursor.fetchall())

    before = schema()
    seed()
    assert schema() == before
    assert len(before) > 30


def test_ids_go_on_where_the_seed_stopped():
    seed()
    assert OrderLineFactory().order_id > Order.objects.order_by("-pk")[1].pk


def test_the_command_makes_people_and_refuses_a_second_time(capsys):
    call_command("seed", "--lines", "200", "--year", "2025")
    assert f"{OrderLine.objects.count()} lines" in capsys.readouterr().out
    assert set(User.objects.values_list("username", flat=True)) >= {"owner", "operator", "finance"}
    assert set(Order.objects.values_list("placed_at__year", flat=True)) <= {2025}
    with pytest.raises(CommandError, match="--replace"):
        call_command("seed", "--lines", "200")
    call_command("seed", "--lines", "100", "--replace")
    assert OrderLine.objects.filter(quantity__gt=0).count() == 100


@pytest.mark.parametrize(
    ("options", "reason"), [(["--lines", "0"], "at least 1"), (["--year", "2999"], "--year must be")]
)
def test_the_command_refuses_what_cannot_be(options, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("seed", *options)
    assert not Order.objects.exists()


def test_a_site_for_the_public_gets_no_demo_people_and_no_demo_shop(settings):
    settings.SECURE_SSL_REDIRECT = True
    with pytest.raises(CommandError, match="public"):
        call_command("seed", "--lines", "100")
    assert not Order.objects.exists()
