"""What the kinds of report that are about order lines have in common."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db.models import BigIntegerField, DecimalField, F, Q, QuerySet
from django.db.models.functions import Cast, Coalesce, Round
from django.utils.translation import gettext_lazy as _

from reports.rows import Holds
from reports.specs import Chart, Filter
from shop.catalog.models import Category
from shop.orders.models import Channel, OrderLine, State


def lines(start: datetime, end: datetime) -> QuerySet[OrderLine]:
    return OrderLine.objects.filter(placed_at__gte=start, placed_at__lt=end)


# --- what can be left out --------------------------------------------------------------------------------------------


def _channels() -> Sequence[tuple[str, str]]:
    return [(f"{pk}", name) for pk, name in Channel.objects.order_by("name", "id").values_list("id", "name")]


def _categories() -> Sequence[tuple[str, str]]:
    tops = Category.objects.filter(parent=None).order_by("name", "id")
    return [(f"{pk}", name) for pk, name in tops.values_list("id", "name")]


CHANNELS: Final = Filter("channel", _("Channels"), _channels, lambda chosen: Q(order__channel__in=chosen))
CATEGORIES: Final = Filter(
    "category",
    _("Categories"),
    _categories,
    lambda chosen: Q(product__category__in=chosen) | Q(product__category__parent__in=chosen),
)
STATES: Final = Filter(
    "state", _("States of the order"), lambda: State.choices, lambda chosen: Q(order__state__in=chosen)
)

# --- charts ----------------------------------------------------------------------------------------------------------

TOP_CATEGORY: Final = Coalesce("product__category__parent__name", "product__category__name")
BY_MONTH: Final = Chart(
    _("Revenue by month, %(currency)s"), "placed_at", Holds.MONTH, years=_("Revenue by year, %(currency)s")
)
BY_CHANNEL: Final = Chart(_("Revenue by channel, %(currency)s"), "order__channel__name")
BY_CATEGORY: Final = Chart(_("Revenue by category, %(currency)s"), TOP_CATEGORY, blank=_("Without a category"))

# --- amounts of a line -----------------------------------------------------------------------------------------------

_EXACT: Final = DecimalField(max_digits=38, decimal_places=6)
#: For products of whole numbers, which a bigint may be too small for.
WHOLE: Final = DecimalField(max_digits=38, decimal_places=0)
#: What of the revenue is VAT, which prices include: rounded line by line, as invoices are, half away from zero. None of
#: it where the rate is not known.
VAT: Final = Coalesce(
    Cast(Round(Cast("revenue", _EXACT) * F("vat_rate") / (100 + F("vat_rate"))), BigIntegerField()),
    0,
    output_field=BigIntegerField(),
)
NET: Final = F("revenue") - VAT
#: NULL where the cost is not known.
COST: Final = Cast("quantity", WHOLE) * F("unit_cost")
