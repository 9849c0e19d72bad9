from datetime import datetime
from typing import Any

from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from reports.kinds.sales import TOP_CATEGORY, WHOLE
from reports.rows import Holds
from reports.specs import CURRENCY, Chart, Column, Spec
from shop.catalog.models import MovementKind
from shop.money import EXPONENTS
from shop.orders.models import StockChange


def _source(start: datetime, end: datetime) -> QuerySet[Any]:
    """Everything that ever moved the stock until ``end``; what came before ``start`` makes the opening stock."""
    inside = Q(at__gte=start)
    return StockChange.objects.filter(at__lt=end).annotate(
        opening=Case(When(at__lt=start, then=F("quantity")), default=0),
        **{
            name: Case(When(inside & Q(kind=kind), then=F("quantity")), default=0)
            for name, kind in (
                ("received", MovementKind.RECEIVED),
                ("counted", MovementKind.COUNTED),
                ("damaged", MovementKind.DAMAGED),
                ("sold", StockChange.SOLD),
                ("taken_back", StockChange.TAKEN_BACK),
            )
        },
    )


SPEC = Spec(
    name="stock",
    title=_("Stock movement"),
    covers=_(
        "Every product that the shop has ever had in stock: how many pieces there were when the period began, what came"
        " in and went out, how many there were at its end, and what those cost today."
    ),
    columns=(
        Column("sku", _("SKU"), "product__sku", required=True, groups=True),
        Column("product", _("Product"), "product__name", width=40, groups=True, repeats=False),
        Column("category", _("Category"), "product__category__name", width=20, groups=True),
        Column(CURRENCY, _("Currency"), "product__currency", width=9, required=True, groups=True),
        Column("opening", _("At the beginning"), "opening", Holds.NUMBER, 11, required=True, adds_up=True),
        Column("received", _("Came in"), "received", Holds.NUMBER, 11, required=True, adds_up=True),
        Column("sold", _("Sold"), "sold", Holds.NUMBER, 11, required=True, adds_up=True),
        Column("taken_back", _("Taken back"), "taken_back", Holds.NUMBER, 11, required=True, adds_up=True),
        Column("counted", _("Found in counts"), "counted", Holds.NUMBER, 11, required=True, adds_up=True),
        Column("damaged", _("Written off"), "damaged", Holds.NUMBER, 11, required=True, adds_up=True),
        Column("closing", _("At the end"), "quantity", Holds.NUMBER, 11, required=True, adds_up=True),
        Column("cost", _("Cost of one piece"), "product__cost", Holds.MONEY, groups=True, chosen=False),
        Column(
            "value",
            _("Cost of what is there"),
            Cast("quantity", WHOLE) * F("product__cost"),
            Holds.MONEY,
            18,
            adds_up=True,
        ),
    ),
    source=_source,
    unique=("product",),
    headline="closing",
    decimals=Case(
        *(When(product__currency=currency, then=Value(places)) for currency, places in EXPONENTS.items()),
        default=0,
        output_field=IntegerField(),
    ),
    charts=(Chart(_("Pieces at the end by category"), TOP_CATEGORY, blank=_("Without a category")),),
)
