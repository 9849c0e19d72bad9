from django.utils.translation import gettext_lazy as _

from reports.kinds import sales
from reports.rows import Holds
from reports.specs import CURRENCY, Column, Spec
from shop.orders.models import State

SPEC = Spec(
    name="revenue",
    title=_("Revenue"),
    covers=_("Every order line of the period on all channels: what was sold, and what was taken back as a minus."),
    columns=(
        Column("time", _("Time"), "placed_at", Holds.MOMENT, 19, required=True),
        Column("order", _("Order"), "order__code", width=26, required=True, repeats=False),
        Column("number", _("Number at the channel"), "order__number", width=16, chosen=False, repeats=False),
        Column("channel", _("Channel"), "order__channel__name"),
        Column("state", _("State of the order"), "order__state", labels=State, chosen=False),
        Column("region", _("Province or city"), "order__region", width=20),
        Column(
            "customer",
            _("Customer"),
            "order__customer__name",
            width=24,
            chosen=False,
            personal=True,
            repeats=False,
        ),
        Column("phone", _("Phone"), "order__customer__phone", chosen=False, personal=True, repeats=False),
        Column("sku", _("SKU"), "sku"),
        Column("product", _("Product"), "name", width=40),
        Column("category", _("Category"), "product__category__name", width=20, chosen=False),
        Column("quantity", _("Quantity"), "quantity", Holds.NUMBER, 10, required=True, adds_up=True),
        Column("unit_price", _("Unit price"), "unit_price", Holds.MONEY),
        Column("discount", _("Discount"), "discount", Holds.MONEY, adds_up=True),
        Column("revenue", _("Revenue"), "revenue", Holds.MONEY, 16, required=True, adds_up=True),
        Column(CURRENCY, _("Currency"), "currency", width=9, required=True),
    ),
    source=sales.lines,
    unique=("placed_at", "id"),
    headline="revenue",
    filters=(sales.CHANNELS, sales.CATEGORIES, sales.STATES),
    charts=(sales.BY_MONTH, sales.BY_CHANNEL, sales.BY_CATEGORY),
)
