"""The few numbers that a report's first page shows as bars: revenue by month, by channel, by category."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from shop.money import Money, totals
from shop.orders.queries import RevenueShare

#: Bars of one chart; what is smaller is added up in the last one.
MOST_BARS: Final = 12
#: Months are shown however many a year has; of a longer span only their years.
_MOST_MONTHS: Final = 24


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Amounts of one currency by label."""

    title: str
    labels: Sequence[str]
    amounts: Sequence[Decimal]


def breakdowns(shares: Sequence[RevenueShare]) -> list[Breakdown]:
    """Charts of the currency with the most lines, in the current language; none where nothing was sold."""
    lines: Counter[str] = Counter()
    for share in shares:
        lines[share.revenue.currency] += share.lines
    if not lines:
        return []
    currency = lines.most_common(1)[0][0]
    ours = [share for share in shares if share.revenue.currency == currency]
    words = {"currency": currency}
    months = len({share.month for share in ours}) <= _MOST_MONTHS
    return [
        _in_order(
            _("Revenue by month, %(currency)s") % words if months else _("Revenue by year, %(currency)s") % words,
            ours,
            (lambda share: date_format(share.month, "m/Y")) if months else (lambda share: f"{share.month.year}"),
        ),
        _by_size(_("Revenue by channel, %(currency)s") % words, ours, lambda share: share.channel),
        _by_size(
            _("Revenue by category, %(currency)s") % words,
            ours,
            lambda share: share.category or _("Without a category"),
        ),
    ]


_Label = Callable[[RevenueShare], str]


def _added_up(shares: Iterable[RevenueShare], label: _Label) -> dict[str, Decimal]:
    by_label: dict[str, list[Money]] = {}
    for share in shares:
        by_label.setdefault(label(share), []).append(share.revenue)
    return {name: totals(amounts)[0].value for name, amounts in by_label.items()}


def _in_order(title: str, shares: Sequence[RevenueShare], label: _Label) -> Breakdown:
    found = _added_up(shares, label)
    return Breakdown(title, list(found), list(found.values()))


def _by_size(title: str, shares: Sequence[RevenueShare], label: _Label) -> Breakdown:
    found = sorted(_added_up(shares, label).items(), key=lambda item: (-item[1], item[0]))
    if len(found) > MOST_BARS:
        rest = sum((amount for _name, amount in found[MOST_BARS - 1 :]), Decimal(0))
        found = [*found[: MOST_BARS - 1], (_("All others"), rest)]
    return Breakdown(title, [name for name, _amount in found], [amount for _name, amount in found])
