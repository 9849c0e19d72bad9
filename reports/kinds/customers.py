from datetime import datetime

from django.db.models import Count, Max, Min, QuerySet
from django.utils.translation import gettext_lazy as _

from reports.kinds import sales
from reports.rows import Holds
from reports.specs import CURRENCY, Chart, Column, Spec
from shop.orders.models import OrderLine


def _source(start: datetime, end: datetime) -> QuerySet[OrderLine]:
    return sales.lines(start, end).filter(order__customer__isnull=False)


SPEC = Spec(
    name="customers",
    title=_("Customers"),
    covers=_("Everybody known by name who bought in the period: how to reach them, how often, and for how much."),
    columns=(
        Column("number", _("Number at the channel"), "order__customer__number", width=18, required=True, groups=True),
        Column("channel", _("Channel"), "order__customer__channel__name", required=True, groups=True),
        Column("name", _("Customer"), "order__customer__name", width=26, groups=True, repeats=False),
        Column("phone", _("Phone"), "order__customer__phone", groups=True, repeats=False),
        Column("email", _("E-mail"), "order__customer__email", width=30, groups=True, repeats=False),
        Column("address", _("Address"), "order__customer__address", width=36, groups=True, chosen=False, repeats=False),
        Column("region", _("Province or city"), "order__customer__region", width=20, groups=True),
        Column(CURRENCY, _("Currency"), "currency", width=9, required=True, groups=True),
        Column("first", _("First order in the period"), Min("placed_at"), Holds.MOMENT, 19, chosen=False),
        Column("last", _("Last order in the period"), Max("placed_at"), Holds.MOMENT, 19),
        Column("orders", _("Orders"), Count("order", distinct=True), Holds.NUMBER, 10),
        Column("quantity", _("Quantity"), "quantity", Holds.NUMBER, 10, adds_up=True),
        Column("revenue", _("Revenue"), "revenue", Holds.MONEY, 16, required=True, adds_up=True),
    ),
    source=_source,
    unique=("order__customer",),
    headline="revenue",
    filters=(sales.CHANNELS, sales.CATEGORIES),
    charts=(sales.BY_CHANNEL, Chart(_("Revenue by province, %(currency)s"), "order__customer__region")),
    personal=True,
)
