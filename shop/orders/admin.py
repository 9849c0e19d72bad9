"""Orders for operators to look at: they come from the channels, and what changes them goes through services."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from jobs.admin import CappedPaginator, LookOnly, badge
from shop.money import Money
from shop.orders import queries
from shop.orders.models import (
    Channel,
    Customer,
    Order,
    OrderImport,
    OrderLine,
    Payment,
    PaymentState,
    RejectedRow,
    State,
)

if TYPE_CHECKING:
    ChannelBase = admin.ModelAdmin[Channel]
    LineTable = admin.TabularInline[OrderLine, Order]
    PaymentTable = admin.TabularInline[Payment, Order]
else:
    ChannelBase = admin.ModelAdmin
    LineTable = PaymentTable = admin.TabularInline


def _shown(money: Money) -> str:
    return money.show(language=get_language() or "vi")


class _LookOnlyTable:
    """A table inside a page that people look at."""

    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


class LineInline(_LookOnlyTable, LineTable):
    model = OrderLine
    fields = readonly_fields = (
        "sku",
        "name",
        "quantity",
        "price",
        "line_discount",
        "amount",
        "cost",
        "vat_rate",
        "placed_at",
    )
    ordering = ("position",)

    @admin.display(description=_("unit price"))
    def price(self, line: OrderLine) -> str:
        return _shown(line.money(line.unit_price))

    @admin.display(description=_("discount"))
    def line_discount(self, line: OrderLine) -> str:
        return _shown(line.money(line.discount))

    @admin.display(description=_("revenue"))
    def amount(self, line: OrderLine) -> str:
        return _shown(line.money(line.revenue))

    @admin.display(description=_("unit cost"))
    def cost(self, line: OrderLine) -> str:
        return "–" if line.unit_cost is None else _shown(line.money(line.unit_cost))


class PaymentInline(_LookOnlyTable, PaymentTable):
    model = Payment
    fields = readonly_fields = (
        "method",
        "shown_amount",
        "shown_fee",
        "state_badge",
        "provider_ref",
        "created_at",
        "settled_at",
    )
    ordering = ("created_at", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        found: QuerySet[Payment] = super().get_queryset(request)
        return found.select_related("order")

    @admin.display(description=_("amount"))
    def shown_amount(self, payment: Payment) -> str:
        return _shown(payment.order.money(payment.amount))

    @admin.display(description=_("fee"))
    def shown_fee(self, payment: Payment) -> str:
        return _shown(payment.order.money(payment.fee))

    @admin.display(description=_("state"))
    def state_badge(self, payment: Payment) -> SafeString:
        return badge(PaymentState(payment.state))


@admin.register(Channel)
class ChannelAdmin(ChannelBase):
    list_display = ("name", "code", "kind")
    ordering = ("name",)

    def has_delete_permission(self, request: HttpRequest, obj: Channel | None = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Order)
class OrderAdmin(LookOnly):
    list_display = ("number", "state_badge", "channel", "customer", "shown_total", "placed_at")
    list_select_related = ("channel", "customer")
    list_filter = ("state", "channel")
    list_per_page = 50
    paginator = CappedPaginator
    ordering = ("-placed_at", "-id")
    sortable_by = ()
    view_on_site = False  # that page is its owner's
    search_fields = ("code",)
    search_help_text = _("A whole code, or the channel's own number.")
    fields = (
        ("code", "channel", "number"),
        ("state_badge", "customer", "region"),
        ("placed_at", "paid_at", "cancelled_at"),
        ("shown_goods", "shown_shipping", "shown_total", "shown_returned"),
        "source",
    )
    inlines = (LineInline, PaymentInline)

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Order],
        search_term: str,
    ) -> tuple[QuerySet[Order], bool]:
        text = search_term.strip()
        return (queries.search(queryset, text, Channel.objects.all()) if text else queryset), False

    @admin.display(description=_("state"))
    def state_badge(self, order: Order) -> SafeString:
        return badge(State(order.state))

    @admin.display(description=_("goods"))
    def shown_goods(self, order: Order) -> str:
        return _shown(order.money(order.goods_total))

    @admin.display(description=_("shipping"))
    def shown_shipping(self, order: Order) -> str:
        return _shown(order.money(order.shipping_fee))

    @admin.display(description=_("total"))
    def shown_total(self, order: Order) -> str:
        return _shown(order.total_money)

    @admin.display(description=_("taken back"))
    def shown_returned(self, order: Order) -> str:
        return _shown(order.money(order.returned_total))


@admin.register(Customer)
class CustomerAdmin(LookOnly):
    list_display = ("name", "number", "channel", "phone", "region")
    list_select_related = ("channel",)
    list_filter = ("channel",)
    list_per_page = 50
    paginator = CappedPaginator
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("=number", "=phone", "=email")
    search_help_text = _("A whole number, phone number or e-mail address.")


@admin.register(OrderImport)
class OrderImportAdmin(LookOnly):
    list_display = ("file_name", "channel", "imported", "rejected", "shown_revenue", "started_at", "finished_at")
    list_select_related = ("channel",)
    ordering = ("-started_at", "-id")
    sortable_by = ()

    @admin.display(description=_("revenue"))
    def shown_revenue(self, source: OrderImport) -> str:
        return _shown(source.revenue_money)


@admin.register(RejectedRow)
class RejectedRowAdmin(LookOnly):
    list_display = ("source", "line", "reason", "raw")
    list_select_related = ("source",)
    list_filter = ("source",)
    list_per_page = 50
    paginator = CappedPaginator
    ordering = ("source", "line")
    sortable_by = ()
