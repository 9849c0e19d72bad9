"""The database itself refuses what cannot be true, whoever writes it."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from shop.orders.models import Order, OrderLine, PaymentState, State
from tests.factories.catalog import CategoryFactory, ProductFactory, StockMovementFactory
from tests.factories.orders import (
    EVENING,
    ChannelFactory,
    CustomerFactory,
    OrderFactory,
    OrderLineFactory,
    PaymentFactory,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("factory", "values", "constraint"),
    [
        (OrderFactory, {"state": "lost"}, "order_state_known"),
        (OrderFactory, {"state": State.CANCELLED}, "order_cancelled_has_its_time"),
        (OrderFactory, {"state": State.COMPLETED, "cancelled_at": EVENING}, "order_cancelled_has_its_time"),
        (OrderFactory, {"state": State.PAID, "paid_at": None}, "order_paid_has_its_time"),
        (OrderFactory, {"currency": "dong"[:3]}, "order_currency_is_a_code"),
        (OrderFactory, {"decimals": 7}, "order_decimals_in_range"),
        (OrderLineFactory, {"currency": ""}, "order_line_currency_is_a_code"),
        (OrderLineFactory, {"decimals": -1}, "order_line_decimals_in_range"),
        (ChannelFactory, {"kind": "fax"}, "channel_kind_known"),
        (ChannelFactory, {"code": "two-words"}, "channel_code_plain"),
        (ProductFactory, {"price": -1}, "product_price_not_negative"),
        (OrderLineFactory, {"unit_cost": -1}, "order_line_cost_not_negative"),
        (OrderLineFactory, {"vat_rate": -1}, "order_line_vat_in_range"),
        (OrderLineFactory, {"vat_rate": 101}, "order_line_vat_in_range"),
        (ProductFactory, {"currency": "₫"}, "product_currency_is_a_code"),
        (ProductFactory, {"cost": -1}, "product_cost_not_negative"),
        (ProductFactory, {"vat_rate": 101}, "product_vat_in_range"),
        (StockMovementFactory, {"kind": "lost"}, "movement_kind_known"),
        (StockMovementFactory, {"kind": "counted", "quantity": 0}, "movement_moves_something"),
        (StockMovementFactory, {"kind": "received", "quantity": -1}, "movement_received_is_more"),
        (StockMovementFactory, {"kind": "damaged", "quantity": 1}, "movement_damaged_is_less"),
        (PaymentFactory, {"amount": 100, "fee": 101}, "payment_fee_within_amount"),
        (PaymentFactory, {"amount": 100, "fee": -101}, "payment_fee_within_amount"),
        (
            PaymentFactory,
            {"state": PaymentState.REFUNDED, "settled_at": EVENING, "amount": -100, "fee": -101},
            "payment_fee_within_amount",
        ),
        (PaymentFactory, {"state": "lost", "settled_at": EVENING}, "payment_state_known"),
        (PaymentFactory, {"state": PaymentState.RECEIVED}, "payment_settled_has_its_time"),
        (PaymentFactory, {"settled_at": EVENING}, "payment_settled_has_its_time"),
        (PaymentFactory, {"amount": -1}, "payment_refund_is_negative"),
        (
            PaymentFactory,
            {"state": PaymentState.REFUNDED, "settled_at": EVENING, "amount": 1},
            "payment_refund_is_negative",
        ),
    ],
)
def test_a_row_that_cannot_be_true_is_refused(factory, values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        factory(**values)


def test_what_may_be_true_is_taken():
    PaymentFactory(amount=100, fee=100)
    PaymentFactory(amount=-100, fee=-100, state=PaymentState.REFUNDED, settled_at=EVENING)
    OrderLineFactory(unit_cost=0, vat_rate=0)
    OrderLineFactory(unit_cost=None, vat_rate=None)
    for kind, quantity in (("received", 1), ("counted", 1), ("counted", -1), ("damaged", -1)):
        StockMovementFactory(kind=kind, quantity=quantity)


def test_a_product_whose_stock_has_moved_stays():
    movement = StockMovementFactory()
    with pytest.raises(ProtectedError):
        movement.product.delete()


def test_revenue_is_quantity_times_price_less_discount_and_nobody_can_say_otherwise():
    line = OrderLineFactory(quantity=-3, unit_price=159_000, discount=-20_000)
    assert line.revenue == -457_000
    OrderLine.objects.filter(pk=line.pk).update(quantity=4, discount=1)
    line.refresh_from_db()
    assert line.revenue == 635_999


def test_an_order_s_total_is_its_goods_and_shipping():
    assert OrderFactory(goods_total=100_000, shipping_fee=22_000).total == 122_000


def test_a_number_is_used_once_in_a_channel_and_again_in_another():
    order = OrderFactory(number="1")
    OrderFactory(number="1")
    with pytest.raises(IntegrityError, match="order_number_once_per_channel"), transaction.atomic():
        OrderFactory(number="1", channel=order.channel, code="other")
    customer = CustomerFactory(number="1")
    CustomerFactory(number="1")
    with pytest.raises(IntegrityError, match="customer_number_once_per_channel"), transaction.atomic():
        CustomerFactory(number="1", channel=customer.channel)


def test_a_line_s_place_in_its_order_is_taken_once():
    line = OrderLineFactory(position=7)
    with pytest.raises(IntegrityError, match="order_line_position_once"), transaction.atomic():
        OrderLineFactory(order=line.order, position=7)


def test_a_provider_s_reference_is_one_payment():
    PaymentFactory(method="momo", provider_ref="M1")
    PaymentFactory(method="vnpay", provider_ref="M1")
    PaymentFactory(method="cod")
    PaymentFactory(method="cod")
    with pytest.raises(IntegrityError, match="payment_provider_ref_once"), transaction.atomic():
        PaymentFactory(method="momo", provider_ref="M1")


def test_what_an_order_said_stays_when_the_product_goes():
    line = OrderLineFactory()
    line.product.delete()
    line.refresh_from_db()
    assert line.product is None
    assert line.name


def test_categories_have_two_levels():
    top = CategoryFactory()
    part = CategoryFactory(parent=top)
    top.clean()
    part.clean()
    with pytest.raises(ValidationError):
        CategoryFactory.build(parent=part).clean()
    top.parent = CategoryFactory()
    with pytest.raises(ValidationError):
        top.clean()
    top.parent = top
    with pytest.raises(IntegrityError, match="category_not_its_own_parent"), transaction.atomic():
        top.save()


def test_every_move_leads_from_a_known_state_to_a_known_one():
    from shop.orders.models import MOVES

    assert set(MOVES) == set(State)
    assert all(targets <= set(State) and state not in targets for state, targets in MOVES.items())
    assert {state.tone for state in State} <= {"neutral", "progress", "good", "bad", "warning"}
    assert Order._meta.get_field("state").max_length >= max(map(len, State.values))
