from django.db.models import Case, Count, F, Max, Sum, When
from django.db.models.functions import Cast, NullIf, Round
from django.utils.translation import gettext_lazy as _

from reports.kinds import sales
from reports.rows import Holds
from reports.specs import CURRENCY, Chart, Column, Spec

_MARGIN = sales.NET - sales.COST
_NET_OF_KNOWN_COST = Case(When(unit_cost__isnull=False, then=sales.NET))

SPEC = Spec(
    name="margins",
    title=_("Products and margins"),
    covers=_(
        "Every product sold in the period: revenue without VAT, what the goods cost when they were sold, and what is"
        " left. Pieces of unknown cost have no margin, and are counted."
    ),
    columns=(
        Column("sku", _("SKU"), "sku", required=True, groups=True),
        Column("product", _("Product"), Max("name"), width=40, repeats=False),
        Column("category", _("Category"), Max("product__category__name"), width=20),
        Column(CURRENCY, _("Currency"), "currency", width=9, required=True, groups=True),
        Column("orders", _("Orders"), Count("order", distinct=True), Holds.NUMBER, 10, chosen=False),
        Column("quantity", _("Quantity"), "quantity", Holds.NUMBER, 10, adds_up=True),
        Column("revenue", _("Revenue"), "revenue", Holds.MONEY, 16, adds_up=True),
        Column("net", _("Without VAT"), sales.NET, Holds.MONEY, 16, adds_up=True),
        Column("cost", _("Cost of goods"), sales.COST, Holds.MONEY, 16, adds_up=True),
        Column("margin", _("Margin"), _MARGIN, Holds.MONEY, 16, required=True, adds_up=True),
        Column(
            "margin_percent",
            _("Margin in %"),
            Cast(Round(Sum(_MARGIN) * 10_000 / NullIf(Sum(_NET_OF_KNOWN_COST), 0)), sales.WHOLE),
            Holds.PERCENT,
            10,
        ),
        Column(
            "unknown",
            _("Pieces of unknown cost"),
            Case(When(unit_cost__isnull=True, then=F("quantity")), default=0),
            Holds.NUMBER,
            12,
            adds_up=True,
        ),
    ),
    source=sales.lines,
    unique=(),
    headline="margin",
    filters=(sales.CHANNELS, sales.CATEGORIES),
    charts=(
        Chart(_("Margin by month, %(currency)s"), "placed_at", Holds.MONTH, years=_("Margin by year, %(currency)s")),
        Chart(_("Margin by channel, %(currency)s"), "order__channel__name"),
        Chart(_("Margin by category, %(currency)s"), sales.TOP_CATEGORY, blank=_("Without a category")),
    ),
)
