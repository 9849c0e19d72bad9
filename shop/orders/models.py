"""Orders as they were sold, and the money that came in for them.

Lines are only ever added. What a cancellation or a return takes back is a line of its own, with a negative quantity,
at the time it happened. So the revenue of any period is the plain sum of its lines, and a period that is over does not
change: see docs/decisions/revenue-lines.md.
"""

from typing import ClassVar, Final

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Abs, Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from shop.catalog.models import Product
from shop.money import MOST_DECIMALS, Money

_IS_CURRENCY: Final = Q(currency__regex="^[A-Z]{3}$")
_HAS_DECIMALS: Final = Q(decimals__gte=0, decimals__lte=MOST_DECIMALS)


class ChannelKind(models.TextChoices):
    SITE = "site", _("Own site")
    SHOPEE = "shopee", "Shopee"
    LAZADA = "lazada", "Lazada"
    TIKTOK = "tiktok", "TikTok Shop"
    COUNTER = "counter", _("Shop counter")
    OTHER = "other", _("Other")


class Channel(models.Model):
    """Somewhere the shop sells: its own site, one account on a marketplace, the counter."""

    #: Begins the codes of the channel's orders, so it holds nothing that could run into their numbers.
    code = models.CharField(
        _("code"),
        max_length=20,
        unique=True,
        validators=[RegexValidator("^[a-z0-9]+$", _("Write small letters and digits only."))],
    )
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=10, choices=ChannelKind.choices, default=ChannelKind.OTHER)

    class Meta:
        verbose_name = _("channel")
        verbose_name_plural = _("channels")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="channel_kind_known"),
            models.CheckConstraint(condition=Q(code__regex="^[a-z0-9]+$"), name="channel_code_plain"),
        ]

    def __str__(self) -> str:
        return self.name


class Customer(models.Model):
    """Somebody who buys, as one channel knows them."""

    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, db_index=False, related_name="customers", verbose_name=_("channel")
    )
    number = models.CharField(_("number at the channel"), max_length=60)
    name = models.CharField(_("name"), max_length=200, default="", db_default="", blank=True)
    phone = models.CharField(_("phone"), max_length=20, default="", db_default="", blank=True)
    email = models.EmailField(_("e-mail"), default="", db_default="", blank=True)
    address = models.CharField(_("address"), max_length=255, default="", db_default="", blank=True)
    region = models.CharField(
        _("province or city"),
        max_length=60,
        default="",
        db_default="",
        blank=True,
        help_text=_("The country where it is not Vietnam."),
    )

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "number"], name="customer_number_once_per_channel")
        ]

    def __str__(self) -> str:
        return self.name or self.number


class OrderImport(models.Model):
    """One file of sales, and how far it has come in: ``line`` moves in the transaction that brings all before it."""

    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, db_index=False, related_name="imports", verbose_name=_("channel")
    )
    #: Of the text itself, so that a file and its .gz are the same file.
    sha256 = models.CharField(max_length=64)
    file_name = models.CharField(_("file"), max_length=255)
    layout = models.JSONField(_("layout"))
    #: The last line of the file that has been dealt with; the headings are line 1.
    line = models.BigIntegerField(_("line"), default=1, db_default=1)
    imported = models.BigIntegerField(_("rows imported"), default=0, db_default=0)
    rejected = models.BigIntegerField(_("rows rejected"), default=0, db_default=0)
    quantity = models.BigIntegerField(_("pieces"), default=0, db_default=0)
    revenue = models.BigIntegerField(_("revenue"), default=0, db_default=0)
    currency = models.CharField(_("currency"), max_length=3)
    decimals = models.SmallIntegerField()
    started_at = models.DateTimeField(_("started"), db_default=Now())
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["channel", "sha256"], name="import_file_once_per_channel")
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def revenue_money(self) -> Money:
        return Money(self.revenue, self.currency, self.decimals)


class RejectedRow(models.Model):
    """A row of a file that could not be taken in, and why."""

    source = models.ForeignKey(
        OrderImport, on_delete=models.CASCADE, db_index=False, related_name="rejects", verbose_name=_("import")
    )
    line = models.BigIntegerField(_("line"))
    reason = models.TextField(_("reason"))
    raw = models.TextField(_("row as it stands in the file"))

    class Meta:
        verbose_name = _("rejected row")
        verbose_name_plural = _("rejected rows")
        constraints: ClassVar = [models.UniqueConstraint(fields=["source", "line"], name="rejected_line_once")]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class State(models.TextChoices):
    PLACED = "placed", _("Placed")
    PAID = "paid", _("Paid")
    SHIPPED = "shipped", _("On its way")
    COMPLETED = "completed", _("Completed")
    CANCELLED = "cancelled", _("Cancelled")
    RETURNED = "returned", _("Returned")

    @property
    def tone(self) -> str:
        """The tone of the state's badge: neutral, progress, good, bad, warning."""
        return _TONES[self]


_TONES: Final = {
    State.PLACED: "neutral",
    State.PAID: "progress",
    State.SHIPPED: "progress",
    State.COMPLETED: "good",
    State.CANCELLED: "neutral",
    State.RETURNED: "warning",
}
#: Cash on delivery is shipped before it is paid.
MOVES: Final = {
    State.PLACED: frozenset({State.PAID, State.SHIPPED, State.CANCELLED}),
    State.PAID: frozenset({State.SHIPPED, State.COMPLETED, State.CANCELLED}),
    State.SHIPPED: frozenset({State.COMPLETED, State.RETURNED}),
    State.COMPLETED: frozenset({State.RETURNED}),
    State.CANCELLED: frozenset[State](),
    State.RETURNED: frozenset[State](),
}


class Order(models.Model):
    """What one customer bought at one time on one channel.

    Amounts, here and in the lines and payments, are integers with ``decimals`` decimals of ``currency``; that is the
    currency's minor unit unless the order came from a source with finer prices.
    """

    code = models.CharField(_("code"), max_length=64)
    channel = models.ForeignKey(
        Channel, on_delete=models.PROTECT, db_index=False, related_name="orders", verbose_name=_("channel")
    )
    number = models.CharField(_("number at the channel"), max_length=40)
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="orders",
        verbose_name=_("customer"),
    )
    source = models.ForeignKey(
        OrderImport,
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        related_name="orders",
        verbose_name=_("import"),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.PLACED, db_default=State.PLACED
    )
    currency = models.CharField(_("currency"), max_length=3, default="VND", db_default="VND")
    decimals = models.SmallIntegerField(default=0, db_default=0)
    #: The lines it was placed with.
    goods_total = models.BigIntegerField(_("goods"), default=0, db_default=0)
    shipping_fee = models.BigIntegerField(_("shipping"), default=0, db_default=0)
    #: What later lines took back.
    returned_total = models.BigIntegerField(_("taken back"), default=0, db_default=0)
    total = models.GeneratedField(
        expression=F("goods_total") + F("shipping_fee"), output_field=models.BigIntegerField(), db_persist=True
    )
    region = models.CharField(_("province or city"), max_length=60, default="", db_default="")
    placed_at = models.DateTimeField(_("placed"))
    paid_at = models.DateTimeField(_("paid"), null=True)
    cancelled_at = models.DateTimeField(_("cancelled"), null=True)

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code"], name="order_code_once"),
            models.UniqueConstraint(fields=["channel", "number"], name="order_number_once_per_channel"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="order_state_known"),
            models.CheckConstraint(
                condition=Q(state=State.CANCELLED, cancelled_at__isnull=False)
                | (~Q(state=State.CANCELLED) & Q(cancelled_at__isnull=True)),
                name="order_cancelled_has_its_time",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.PAID) | Q(paid_at__isnull=False), name="order_paid_has_its_time"
            ),
            models.CheckConstraint(condition=_IS_CURRENCY, name="order_currency_is_a_code"),
            models.CheckConstraint(condition=_HAS_DECIMALS, name="order_decimals_in_range"),
        ]
        indexes: ClassVar = [models.Index(fields=["placed_at", "id"], name="order_by_time")]

    def __str__(self) -> str:
        return self.code

    def get_absolute_url(self) -> str:
        return reverse("orders:detail", kwargs={"code": self.code})

    def money(self, amount: int) -> Money:
        """One of this order's amounts."""
        return Money(amount, self.currency, self.decimals)

    @property
    def total_money(self) -> Money:
        return self.money(self.total)


class OrderLine(models.Model):
    """One product of an order as it was sold; with a negative quantity, as it was taken back.

    Time, currency and decimals are the order's, kept here so that a year of reporting reads one range of one index. A
    source that dates its lines one by one, and what is taken back later, have their own time. Cost and VAT are kept as
    they were at the sale; a line that takes back has those of the line that sold.
    """

    order = models.ForeignKey(
        Order, on_delete=models.CASCADE, db_index=False, related_name="lines", verbose_name=_("order")
    )
    #: Place within the order; for an imported one its line in the file, so that no line can come in twice.
    position = models.IntegerField()
    product = models.ForeignKey(
        Product,
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        verbose_name=_("product"),
    )
    sku = models.CharField("SKU", max_length=60)
    name = models.CharField(_("name"), max_length=255, default="", db_default="")
    quantity = models.IntegerField(_("quantity"))
    unit_price = models.BigIntegerField(_("unit price"))
    #: Of the whole line, with the sign of its quantity.
    discount = models.BigIntegerField(_("discount"), default=0, db_default=0)
    #: What one piece cost the shop when it was sold, without VAT. None: unknown.
    unit_cost = models.BigIntegerField(_("unit cost"), null=True)
    #: Included in the price, when it was sold. None: the source does not say.
    vat_rate = models.SmallIntegerField(_("VAT (%)"), null=True)
    revenue = models.GeneratedField(
        expression=F("quantity") * F("unit_price") - F("discount"),
        output_field=models.BigIntegerField(),
        db_persist=True,
        verbose_name=_("revenue"),
    )
    currency = models.CharField(_("currency"), max_length=3, default="VND", db_default="VND")
    decimals = models.SmallIntegerField(default=0, db_default=0)
    placed_at = models.DateTimeField(_("time"))

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position_once"),
            models.CheckConstraint(condition=_IS_CURRENCY, name="order_line_currency_is_a_code"),
            models.CheckConstraint(condition=_HAS_DECIMALS, name="order_line_decimals_in_range"),
            models.CheckConstraint(condition=Q(unit_cost__gte=0), name="order_line_cost_not_negative"),
            models.CheckConstraint(condition=Q(vat_rate__gte=0, vat_rate__lte=100), name="order_line_vat_in_range"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["placed_at", "id"], name="order_line_by_time"),
            models.Index(fields=["product", "placed_at"], include=["quantity"], name="order_line_by_product"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku}"

    def money(self, amount: int) -> Money:
        """One of this line's amounts."""
        return Money(amount, self.currency, self.decimals)


class PaymentMethod(models.TextChoices):
    COD = "cod", _("Cash on delivery")
    TRANSFER = "transfer", _("Bank transfer")
    CARD = "card", _("Card")
    MOMO = "momo", "MoMo"
    ZALOPAY = "zalopay", "ZaloPay"
    VNPAY = "vnpay", "VNPAY"
    MARKETPLACE = "marketplace", _("Paid to the marketplace")
    CASH = "cash", _("Cash")


class PaymentState(models.TextChoices):
    PENDING = "pending", _("Awaited")
    RECEIVED = "received", _("Received")
    FAILED = "failed", _("Failed")
    REFUNDED = "refunded", _("Refunded")

    @property
    def tone(self) -> str:
        """The tone of the state's badge: neutral, good, bad, warning."""
        return _PAYMENT_TONES[self]


_PAYMENT_TONES: Final = {
    PaymentState.PENDING: "neutral",
    PaymentState.RECEIVED: "good",
    PaymentState.FAILED: "bad",
    PaymentState.REFUNDED: "warning",
}


class Payment(models.Model):
    """Money that came in for an order or, with a negative amount, went back. In the order's currency and decimals."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments", verbose_name=_("order"))
    amount = models.BigIntegerField(_("amount"))
    #: What the provider or the marketplace kept of it; negative where it gave a fee back.
    fee = models.BigIntegerField(_("fee"), default=0, db_default=0)
    method = models.CharField(_("method"), max_length=12, choices=PaymentMethod.choices)
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=PaymentState.choices,
        default=PaymentState.PENDING,
        db_default=PaymentState.PENDING,
    )
    provider_ref = models.CharField(_("provider's reference"), max_length=60, default="", db_default="", blank=True)
    created_at = models.DateTimeField(_("asked for"), db_default=Now())
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(state__in=PaymentState.values), name="payment_state_known"),
            models.CheckConstraint(
                condition=Q(state=PaymentState.PENDING, settled_at__isnull=True)
                | (~Q(state=PaymentState.PENDING) & Q(settled_at__isnull=False)),
                name="payment_settled_has_its_time",
            ),
            models.CheckConstraint(
                condition=(Q(state=PaymentState.REFUNDED) & Q(amount__lt=0))
                | (~Q(state=PaymentState.REFUNDED) & Q(amount__gte=0)),
                name="payment_refund_is_negative",
            ),
            models.CheckConstraint(
                condition=Q(fee__gte=-Abs("amount"), fee__lte=Abs("amount")), name="payment_fee_within_amount"
            ),
            models.UniqueConstraint(
                fields=["method", "provider_ref"],
                condition=~Q(provider_ref=""),
                name="payment_provider_ref_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.amount}"


class StockChange(models.Model):
    """Everything that changed what is in stock, in one list: goods that came or went otherwise, and order lines.

    A view of two tables that are only ever added to: see docs/decisions/stock-movements.md.
    """

    SOLD: Final = "sold"
    TAKEN_BACK: Final = "taken_back"

    id = models.TextField(primary_key=True)
    product = models.ForeignKey(Product, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    at = models.DateTimeField(_("time"))
    #: One of ``catalog.models.MovementKind`` or the two above.
    kind = models.CharField(_("kind"), max_length=10)
    #: More is positive, less negative.
    quantity = models.IntegerField(_("pieces"))

    class Meta:
        managed = False
        verbose_name = _("stock change")
        verbose_name_plural = _("stock changes")

    def __str__(self) -> str:
        return f"{self.quantity:+} {self.kind}"
