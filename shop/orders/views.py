"""The owner's orders: the list and one order."""

from typing import Final

from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs import paging
from shop.accounts.access import SignedIn, role_required
from shop.accounts.models import Role
from shop.orders import queries
from shop.orders.models import Channel, State

PAGE_SIZE: Final = 25


@role_required(Role.OWNER)
@require_safe
@never_cache
def order_list(request: SignedIn) -> HttpResponse:
    """All orders, newest first. Filters: ``state``, ``channel``, ``q`` (a whole code, or the channel's own number)."""
    state, channel, search = (request.GET.get(name, "").strip() for name in ("state", "channel", "q"))
    channels = list(Channel.objects.order_by("name"))
    orders = queries.orders()
    if search:
        orders = queries.search(orders, search, channels)
        if len(found := list(orders[:2])) == 1:
            return redirect(found[0])
    if state in State.values:
        orders = orders.filter(state=state)
    if channel:
        orders = orders.filter(channel__code=channel)
    try:
        page = paging.page(
            orders,
            older_than=request.GET.get("before", ""),
            newer_than=request.GET.get("after", ""),
            size=PAGE_SIZE,
            by="placed_at",
        )
    except paging.BadCursor:
        raise BadRequest(_("This address is not one that the list has given out.")) from None
    context = {
        "page": page,
        "rows": [(order, State(order.state)) for order in page.rows],
        "state": state,
        "states": list(State),
        "channel": channel,
        "channels": channels,
        "search": search,
        "filtered": bool(state or channel or search),
    }
    return render(request, "orders/list.html", context)


@role_required(Role.OWNER)
@require_safe
@never_cache
def detail(request: SignedIn, code: str) -> HttpResponse:
    order = queries.orders().filter(code=code).first()
    if order is None:
        raise Http404
    lines = list(order.lines.order_by("position"))
    payments = list(order.payments.order_by("created_at", "id"))
    context = {
        "order": order,
        "state": State(order.state),
        "lines": [
            (line, line.money(line.unit_price), line.money(line.discount), line.money(line.revenue)) for line in lines
        ],
        "discounted": any(line.discount for line in lines),
        "goods": order.money(order.goods_total),
        "shipping": order.money(order.shipping_fee),
        "returned": order.money(-order.returned_total),
        "entries": queries.history(order, lines, payments),
    }
    return render(request, "orders/detail.html", context)
