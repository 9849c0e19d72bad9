from django.db.models import Case, Count, F, When
from django.utils.translation import gettext_lazy as _

from reports.kinds import sales
from reports.rows import Holds
from reports.specs import CURRENCY, Column, Spec

SPEC = Spec(
    name="revenue-by",
    title=_("Revenue by …"),
    covers=_(
        "The revenue of the period by month, channel, category and province, or by as many of them as you choose: a row"
        " for each combination that has sales."
    ),
    columns=(
        Column("month", _("Month"), "placed_at", Holds.MONTH, 10, groups=True),
        Column("channel", _("Channel"), "order__channel__name", width=20, groups=True),
        Column("category", _("Category"), sales.TOP_CATEGORY, width=24, groups=True, chosen=False),
        Column("region", _("Province or city"), "order__region", width=24, groups=True, chosen=False),
        Column(CURRENCY, _("Currency"), "currency", width=9, required=True, groups=True),
        Column("orders", _("Orders"), Count("order", distinct=True), Holds.NUMBER, 10),
        Column("quantity", _("Quantity"), "quantity", Holds.NUMBER, 10, adds_up=True),
        Column("discount", _("Discount"), "discount", Holds.MONEY, 16, adds_up=True, chosen=False),
        Column(
            "sold",
            _("Sold"),
            Case(When(quantity__gte=0, then=F("revenue")), default=0),
            Holds.MONEY,
            18,
            adds_up=True,
        ),
        Column(
            "taken_back",
            _("Taken back"),
            Case(When(quantity__lt=0, then=F("revenue")), default=0),
            Holds.MONEY,
            16,
            adds_up=True,
        ),
        Column("revenue", _("Revenue"), "revenue", Holds.MONEY, 18, required=True, adds_up=True),
    ),
    source=sales.lines,
    unique=(),
    headline="revenue",
    filters=(sales.CHANNELS, sales.CATEGORIES, sales.STATES),
    charts=(sales.BY_MONTH, sales.BY_CHANNEL, sales.BY_CATEGORY),
)
