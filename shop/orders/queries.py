"""Reads about sales that more than one page or report needs. Days are the shop's days; instants are UTC."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from shop.catalog.models import Product, StockMovement
from shop.money import Money, totals
from shop.orders.models import Channel, Order, OrderLine, Payment, PaymentMethod, PaymentState


@dataclass(frozen=True, slots=True)
class ChannelSales:
    """What one channel sold in some days.

    Attributes:
        orders: orders placed.
        revenue: sum of the lines, what was taken back included; one Money for each currency.
    """

    channel: Channel
    orders: int
    revenue: list[Money]


@dataclass(frozen=True, slots=True)
class Sales:
    """What the shop sold from ``first`` to ``last``, both included; channels with the most orders first."""

    first: date
    last: date
    channels: list[ChannelSales]

    @property
    def orders(self) -> int:
        return sum(channel.orders for channel in self.channels)

    @property
    def revenue(self) -> list[Money]:
        return totals(money for channel in self.channels for money in channel.revenue)


@dataclass(frozen=True, slots=True)
class RecentSales:
    """The owner's home: today so far, yesterday, and the seven days that end today, also one by one (oldest first)."""

    today: Sales
    yesterday: Sales
    week: Sales
    days: list[Sales]


def day_start(day: date) -> datetime:
    """The instant at which ``day`` begins in the shop."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())


def recent_sales(*, now: datetime) -> RecentSales:
    """Today's numbers. Reads eight days of two indexes at most, however old the shop is."""
    today = timezone.localdate(now, timezone.get_default_timezone())
    first = today - timedelta(days=6)
    window = {"placed_at__gte": day_start(first), "placed_at__lt": day_start(today + timedelta(days=1))}
    shop_day = TruncDate("placed_at", tzinfo=timezone.get_default_timezone())
    channels = Channel.objects.in_bulk()

    orders: dict[tuple[date, int], int] = {
        (row["day"], row["channel_id"]): row["orders"]
        for row in Order.objects.filter(**window).values("channel_id", day=shop_day).annotate(orders=Count("id"))
    }
    revenue: dict[tuple[date, int], list[Money]] = {}
    for row in (
        OrderLine.objects.filter(**window)
        .values("order__channel_id", "currency", "decimals", day=shop_day)
        .annotate(amount=Sum("revenue"))
    ):
        amount = Money(int(row["amount"]), row["currency"], row["decimals"])
        revenue.setdefault((row["day"], row["order__channel_id"]), []).append(amount)

    def sales(days: Iterable[date]) -> Sales:
        wanted = sorted(days)
        found = []
        for pk, channel in channels.items():
            count = sum(orders.get((day, pk), 0) for day in wanted)
            amounts = totals(money for day in wanted for money in revenue.get((day, pk), []))
            if count or amounts:
                found.append(ChannelSales(channel, count, amounts))
        found.sort(key=lambda one: (-one.orders, one.channel.name))
        return Sales(wanted[0], wanted[-1], found)

    week = [first + timedelta(days=n) for n in range(7)]
    days = [sales([day]) for day in week]
    return RecentSales(today=days[-1], yesterday=days[-2], week=sales(week), days=days)


def years_sold() -> tuple[int, int] | None:
    """The shop's first and last year (of its own calendar) with a line; None before the first sale. Reads two rows."""
    times = OrderLine.objects.order_by("placed_at", "id").values_list("placed_at", flat=True)
    first, last = times.first(), times.last()
    if first is None or last is None:
        return None
    zone = timezone.get_default_timezone()
    return timezone.localdate(first, zone).year, timezone.localdate(last, zone).year


def stock_at(product: Product, at: datetime) -> int:
    """Pieces of ``product`` in the store right before ``at``.

    What came in and what was lost, less what was sold and not taken back. Below zero where more was sold than anybody
    has written down as received.
    """
    moved = StockMovement.objects.filter(product=product, at__lt=at).aggregate(pieces=Sum("quantity", default=0))
    sold = OrderLine.objects.filter(product=product, placed_at__lt=at).aggregate(pieces=Sum("quantity", default=0))
    return int(moved["pieces"] - sold["pieces"])


def orders() -> QuerySet[Order]:
    """All orders with their channel and customer."""
    return Order.objects.select_related("channel", "customer")


def search(found: QuerySet[Order], text: str, channels: Iterable[Channel]) -> QuerySet[Order]:
    """The orders with this code, in any case, or with this number at one of ``channels``: both are read by index."""
    return found.filter(Q(code=text) | Q(code=text.upper()) | Q(channel__in=list(channels), number=text))


@dataclass(frozen=True, slots=True)
class Happening:
    """Something in the life of an order, as the site's timeline shows it."""

    at: datetime
    tone: str
    title: str
    actor: str = ""
    detail: str = ""
    attempt: int = 0


def history(order: Order, lines: Iterable[OrderLine], payments: Iterable[Payment]) -> list[Happening]:
    """What happened to an order with these lines and payments, newest first."""
    found = [Happening(order.placed_at, "neutral", _("Placed on %(channel)s") % {"channel": order.channel.name})]
    for payment in payments:
        state = PaymentState(payment.state)
        found.append(
            Happening(
                payment.settled_at or payment.created_at,
                state.tone,
                _("%(method)s: %(amount)s, %(state)s")
                % {
                    "method": PaymentMethod(payment.method).label,
                    "amount": order.money(payment.amount).show(language=get_language() or "vi"),
                    "state": str(state.label).lower(),
                },
            )
        )
    back: dict[datetime, int] = {}
    for line in lines:
        if line.quantity < 0:
            back[line.placed_at] = back.get(line.placed_at, 0) - line.quantity
    for at, pieces in back.items():
        title = ngettext("%(pieces)d piece taken back", "%(pieces)d pieces taken back", pieces) % {"pieces": pieces}
        found.append(Happening(at, "warning", title))
    if order.cancelled_at:
        found.append(Happening(order.cancelled_at, "neutral", _("Cancelled")))
    found.sort(key=lambda one: one.at)
    return found[::-1]
