from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Exists, F, OuterRef, Sum

from shop.accounts.models import User
from shop.catalog.models import MovementKind, Product, StockMovement
from shop.orders.models import Customer, Order, OrderLine, Payment, PaymentMethod, PaymentState, State
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
        list(model.objects.order_by("pk").values_list())
        for model in (Product, StockMovement, Customer, Order, OrderLine, Payment)
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


def test_there_is_never_less_than_nothing_of_a_product_and_never_a_mountain():
    seed()
    with connection.cursor() as cursor:
        # What happens in one second is taken in its worst order: what goes, then what comes.
        cursor.execute(
            """
            WITH change AS (
                SELECT product_id, at, quantity FROM catalog_stockmovement
                UNION ALL SELECT product_id, placed_at, -quantity FROM orders_orderline
            ), stock AS (
                SELECT product_id, sum(quantity) OVER (PARTITION BY product_id ORDER BY at, quantity) AS pieces FROM change
            )
            SELECT count(DISTINCT product_id), min(pieces) FILTER (WHERE pieces < 0), max(pieces) FROM stock
            """
        )
        products, short, most = cursor.fetchone()
    assert products == Product.objects.count()
    assert short is None
    assert most < 200


def test_goods_come_in_before_they_are_sold_and_about_once_a_month():
    seed()
    assert set(StockMovement.objects.values_list("kind", flat=True)) == set(MovementKind)
    received = StockMovement.objects.filter(kind=MovementKind.RECEIVED)
    opening = datetime(2024, 12, 31, 17, tzinfo=UTC)
    assert received.filter(at__lt=opening).values("product").distinct().count() == Product.objects.count()
    assert not StockMovement.objects.filter(at__gt=UNTIL).exists()
    best = OrderLine.objects.values("product").annotate(pieces=Sum("quantity")).order_by("-pieces")[0]["product"]
    times = list(received.filter(product=best).order_by("at").values_list("at", flat=True))
    assert 12 <= len(times) <= 17
    assert {(later - sooner).days % 28 for sooner, later in pairwise(times)} == {0}


def test_a_line_says_what_the_goods_cost_then_and_the_vat_in_their_price():
    seed()
    unknown = Product.objects.filter(cost=None)
    assert 0 < unknown.count() < 30
    for product in Product.objects.exclude(pk__in=unknown):
        without_vat = product.price * 100 / (100 + product.vat_rate)
        assert 0.44 < product.cost / without_vat < 0.76
    assert set(Product.objects.values_list("vat_rate", flat=True)) == {5, 8, 10}

    lines = OrderLine.objects.all()
    assert not lines.exclude(vat_rate=F("product__vat_rate")).exists()
    assert not lines.filter(product__in=unknown).exclude(unit_cost=None).exists()
    this_year = lines.filter(order__placed_at__gte=datetime(2025, 12, 31, 17, tzinfo=UTC)).exclude(product__in=unknown)
    assert this_year.exists()
    assert not this_year.exclude(unit_cost=F("product__cost")).exists()
    last_year = lines.filter(order__placed_at__lt=datetime(2025, 12, 31, 17, tzinfo=UTC)).exclude(product__in=unknown)
    assert not last_year.filter(unit_cost__gt=F("product__cost")).exists()
    assert last_year.filter(unit_cost__lt=F("product__cost")).exists()


def test_what_is_taken_back_cost_what_it_did_when_it_was_sold():
    seed()
    back = OrderLine.objects.filter(quantity__lt=0)
    sold = OrderLine.objects.filter(
        order=OuterRef("order"), product=OuterRef("product"), quantity__gt=0, vat_rate=OuterRef("vat_rate")
    )
    known, unknown = back.exclude(unit_cost=None), back.filter(unit_cost=None)
    assert not known.exclude(Exists(sold.filter(unit_cost=OuterRef("unit_cost")))).exists()
    assert not unknown.exclude(Exists(sold.filter(unit_cost=None))).exists()
    # Sold in one year and sent back in the next, when the same goods cost more.
    new_year = datetime(2025, 12, 31, 17, tzinfo=UTC)
    assert known.filter(order__placed_at__lt=new_year, placed_at__gte=new_year).exists()


def test_marketplaces_keep_their_share_and_give_it_back_and_wallets_keep_theirs():
    seed(lines=6000)

    def fees(**which):
        found = Payment.objects.filter(**which).aggregate(fee=Sum("fee"), amount=Sum("amount"))
        return found["fee"] / found["amount"]

    came, went = PaymentState.RECEIVED, PaymentState.REFUNDED
    for channel, share in (("shopee", 0.132), ("tiktok", 0.114), ("lazada", 0.095)):
        for method in (PaymentMethod.MARKETPLACE, PaymentMethod.COD):
            for state in (came, went):
                assert fees(order__channel__code=channel, method=method, state=state) == pytest.approx(share, rel=1e-4)
    own = {"order__channel__code": "site"}
    for method, share in (("momo", 0.015), ("zalopay", 0.014), ("vnpay", 0.011), ("card", 0.025), ("transfer", 0)):
        assert fees(**own, method=method, state=came) == pytest.approx(share, rel=1e-4)
    assert set(Payment.objects.filter(**own, method="cod", state=came).values_list("fee", flat=True)) == {12_000}
    assert not Payment.objects.filter(order__channel__code__in=["site", "counter"], state=went).exclude(fee=0).exists()
    assert not Payment.objects.filter(state__in=[PaymentState.PENDING, PaymentState.FAILED]).exclude(fee=0).exists()
    assert not Payment.objects.filter(order__channel__code="counter").exclude(fee=0).exists()


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
                " WHERE conrelid::regclass::text ~ '^(orders|catalog)' UNION ALL"
                " SELECT tablename, indexname, indexdef FROM pg_indexes WHERE tablename ~ '^(orders|catalog)'"
            )
            return set(cursor.fetchall())

    before = schema()
    seed()
    assert schema() == before
    assert len(before) > 30


def test_the_shop_can_be_a_single_day_old():
    seed(lines=50, first=UNTIL.date())
    assert OrderLine.objects.filter(quantity__gt=0).count() == 50
    assert StockMovement.objects.filter(kind=MovementKind.RECEIVED).count() == Product.objects.count()


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
