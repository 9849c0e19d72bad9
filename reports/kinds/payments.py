from collections.abc import Sequence
from datetime import datetime

from django.db.models import Case, F, Q, QuerySet, When
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from reports.kinds import sales
from reports.rows import Holds
from reports.specs import CURRENCY, Chart, Column, Filter, Spec
from shop.orders.models import Payment, PaymentMethod, PaymentState

_SETTLED = (PaymentState.RECEIVED, PaymentState.REFUNDED)


def _source(start: datetime, end: datetime) -> QuerySet[Payment]:
    return Payment.objects.filter(settled_at__gte=start, settled_at__lt=end, state__in=_SETTLED)


def _states() -> Sequence[tuple[str, str | Promise]]:
    return [(state.value, state.label) for state in _SETTLED]


SPEC = Spec(
    name="payments",
    title=_("Refunds and fees"),
    covers=_(
        "Every payment that came in or went back in the period, with the fee that the provider or the marketplace kept,"
        " and what is left of it."
    ),
    columns=(
        Column("time", _("Settled"), "settled_at", Holds.MOMENT, 19, required=True),
        Column("order", _("Order"), "order__code", width=26, required=True, repeats=False),
        Column("channel", _("Channel"), "order__channel__name"),
        Column("method", _("Paid by"), "method", width=18, labels=PaymentMethod),
        Column("state", _("State"), "state", labels=PaymentState),
        Column("reference", _("Provider's reference"), "provider_ref", width=22, repeats=False),
        Column(
            "received",
            _("Received"),
            Case(When(amount__gt=0, then=F("amount")), default=0),
            Holds.MONEY,
            16,
            adds_up=True,
        ),
        Column(
            "refunded",
            _("Refunded"),
            Case(When(amount__lt=0, then=F("amount")), default=0),
            Holds.MONEY,
            16,
            adds_up=True,
        ),
        Column("fee", _("Fee"), "fee", Holds.MONEY, adds_up=True),
        Column("net", _("Left"), F("amount") - F("fee"), Holds.MONEY, 16, required=True, adds_up=True),
        Column(CURRENCY, _("Currency"), "order__currency", width=9, required=True),
    ),
    source=_source,
    unique=("settled_at", "id"),
    headline="net",
    decimals="order__decimals",
    filters=(
        sales.CHANNELS,
        Filter("method", _("Paid by"), lambda: PaymentMethod.choices, lambda chosen: Q(method__in=chosen)),
        Filter("state", _("State"), _states, lambda chosen: Q(state__in=chosen)),
    ),
    charts=(
        Chart(_("Left by month, %(currency)s"), "settled_at", Holds.MONTH, years=_("Left by year, %(currency)s")),
        Chart(_("Left by channel, %(currency)s"), "order__channel__name"),
        Chart(_("Left by way of payment, %(currency)s"), "method", labels=PaymentMethod),
    ),
)
