from datetime import UTC, datetime

import factory

from shop.orders.models import Channel, ChannelKind, Customer, Order, OrderLine, Payment, PaymentMethod, State
from shop.orders.services import order_code
from tests.factories.catalog import ProductFactory

#: A Wednesday evening in the shop, 20:15 in Hồ Chí Minh City.
EVENING = datetime(2026, 11, 25, 13, 15, tzinfo=UTC)


class ChannelFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Channel

    code = factory.Sequence("channel{}".format)
    name = factory.Sequence("Kênh {}".format)
    kind = ChannelKind.SHOPEE


class CustomerFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Customer

    channel = factory.SubFactory(ChannelFactory)
    number = factory.Sequence("KH{:05d}".format)
    name = "Nguyễn Thị Hương"
    region = "Hà Nội"


class OrderFactory(factory.django.DjangoModelFactory):
    """A completed order without lines; ``OrderLineFactory`` adds them and ``goods_total`` is the test's to say."""

    class Meta:
        model = Order

    class Params:
        cancelled = factory.Trait(state=State.CANCELLED, cancelled_at=factory.SelfAttribute("placed_at"))

    channel = factory.SubFactory(ChannelFactory)
    number = factory.Sequence("DH{:06d}".format)
    code = factory.LazyAttribute(lambda order: order_code(order.channel, order.number))
    customer = factory.SubFactory(CustomerFactory, channel=factory.SelfAttribute("..channel"))
    state = State.COMPLETED
    region = "Hà Nội"
    placed_at = EVENING
    paid_at = factory.SelfAttribute("placed_at")


class OrderLineFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = OrderLine

    order = factory.SubFactory(OrderFactory)
    position = factory.Sequence(lambda n: n + 1)
    product = factory.SubFactory(ProductFactory)
    sku = factory.SelfAttribute("product.sku")
    name = factory.SelfAttribute("product.name")
    quantity = 1
    unit_price = factory.SelfAttribute("product.price")
    currency = factory.SelfAttribute("order.currency")
    decimals = factory.SelfAttribute("order.decimals")
    placed_at = factory.SelfAttribute("order.placed_at")


class PaymentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Payment

    order = factory.SubFactory(OrderFactory)
    amount = 159_000
    method = PaymentMethod.COD
