"""The few numbers that a report's first page shows as bars: its headline by month, by channel, by category."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from reports.rows import Holds
from reports.selection import Share
from reports.specs import Chart

#: Bars of one chart; what is smaller is added up in the last one.
MOST_BARS: Final = 12
#: Months are shown however many a year has; of a longer span only their years.
_MOST_MONTHS: Final = 24


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Amounts of one currency by label. ``in_order``: of time, not of size."""

    title: str
    labels: Sequence[str]
    amounts: Sequence[Decimal]
    in_order: bool


def breakdowns(charts: Sequence[Chart], shares: Sequence[Share]) -> list[Breakdown]:
    """``charts`` of the currency with the most rows, in the current language; none where there are no rows."""
    rows: Counter[str] = Counter()
    for share in shares:
        rows[share.currency] += share.rows
    if not rows:
        return []
    currency = rows.most_common(1)[0][0]
    ours = [share for share in shares if share.currency == currency]
    return [_breakdown(chart, place, ours, currency) for place, chart in enumerate(charts)]


def _breakdown(chart: Chart, place: int, shares: Sequence[Share], currency: str) -> Breakdown:
    if chart.holds != Holds.MONTH:
        words = dict(chart.labels.choices) if chart.labels else {}
        found = _added_up(
            (_word(chart, words.get(share.values[place], share.values[place])), share) for share in shares
        )
        return _by_size(str(chart.title) % {"currency": currency}, found)
    of_years = len({share.values[place] for share in shares}) > _MOST_MONTHS
    title = chart.years if of_years and chart.years else chart.title
    found = _added_up(
        (f"{share.values[place].year}" if of_years else date_format(share.values[place], "m/Y"), share)
        for share in sorted(shares, key=lambda share: share.values[place])
    )
    return Breakdown(str(title) % {"currency": currency}, list(found), list(found.values()), in_order=True)


def _word(chart: Chart, value: object) -> str:
    return str(value or chart.blank or "–")


def _added_up(labelled: Iterable[tuple[str, Share]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for label, share in labelled:
        found[label] = found.get(label, Decimal(0)) + share.amount
    return found


def _by_size(title: str, amounts: dict[str, Decimal]) -> Breakdown:
    found = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    if len(found) > MOST_BARS:
        rest = sum((amount for _name, amount in found[MOST_BARS - 1 :]), Decimal(0))
        found = [*found[: MOST_BARS - 1], (_("All others"), rest)]
    return Breakdown(title, [name for name, _amount in found], [amount for _name, amount in found], in_order=False)
