from django.db.models import Count
from django.utils.translation import gettext_lazy as _

from reports.kinds import sales
from reports.rows import Holds
from reports.specs import CURRENCY, Chart, Column, Spec

SPEC = Spec(
    name="vat",
    title=_("VAT summary"),
    covers=_(
        "The revenue of the period by month and rate of VAT, and the VAT in it, rounded line by line. Lines whose rate"
        " is not known have a row without one, and no VAT."
    ),
    columns=(
        Column("month", _("Month"), "placed_at", Holds.MONTH, 10, required=True, groups=True),
        Column("rate", _("VAT rate in %"), "vat_rate", Holds.NUMBER, 10, required=True, groups=True),
        Column("channel", _("Channel"), "order__channel__name", width=20, groups=True, chosen=False),
        Column(CURRENCY, _("Currency"), "currency", width=9, required=True, groups=True),
        Column("lines", _("Lines"), Count("id"), Holds.NUMBER, 10),
        Column("revenue", _("Revenue"), "revenue", Holds.MONEY, 18, required=True, adds_up=True),
        Column("net", _("Without VAT"), sales.NET, Holds.MONEY, 18, required=True, adds_up=True),
        Column("vat", _("VAT"), sales.VAT, Holds.MONEY, 18, required=True, adds_up=True),
    ),
    source=sales.lines,
    unique=(),
    headline="vat",
    filters=(sales.CHANNELS, sales.CATEGORIES),
    charts=(
        Chart(_("VAT by month, %(currency)s"), "placed_at", Holds.MONTH, years=_("VAT by year, %(currency)s")),
        Chart(_("VAT by channel, %(currency)s"), "order__channel__name"),
    ),
)
