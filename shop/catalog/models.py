from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop.money import Money


class Category(models.Model):
    """A shelf of the shop, or a part of one: a tree of two levels."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("web address"), max_length=100, unique=True)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("part of")
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")), name="category_not_its_own_parent"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.parent is None:
            return
        if self.parent.parent_id is not None:
            raise ValidationError({"parent": _("“%s” is itself part of a category; choose a top one.") % self.parent})
        if self.pk and self.children.exists():
            raise ValidationError({"parent": _("This category has parts of its own, so it must stay a top one.")})


class Product(models.Model):
    """Something the shop sells. What an order once said about it is kept in the order's own lines."""

    sku = models.CharField("SKU", max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=255)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, null=True, blank=True, related_name="products", verbose_name=_("category")
    )
    #: In the currency's minor unit.
    price = models.BigIntegerField(_("price"))
    #: What one piece costs the shop today, in the currency's minor unit. None: unknown.
    cost = models.BigIntegerField(
        _("cost"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Of one piece, without VAT. Empty: unknown."),
    )
    vat_rate = models.PositiveSmallIntegerField(
        _("VAT (%)"),
        default=8,
        db_default=8,
        validators=[MaxValueValidator(100)],
        help_text=_("The price includes it."),
    )
    currency = models.CharField(_("currency"), max_length=3, default="VND", db_default="VND")
    is_active = models.BooleanField(_("for sale"), default=True, db_default=True)
    created_at = models.DateTimeField(_("added"), db_default=Now())

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="product_cost_not_negative"),
            models.CheckConstraint(condition=Q(vat_rate__gte=0, vat_rate__lte=100), name="product_vat_in_range"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="product_currency_is_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"

    @property
    def price_money(self) -> Money:
        return Money.of(self.price, self.currency)

    @property
    def cost_money(self) -> Money | None:
        return None if self.cost is None else Money.of(self.cost, self.currency)


class MovementKind(models.TextChoices):
    RECEIVED = "received", _("Goods received")
    COUNTED = "counted", _("Correction after a count")
    DAMAGED = "damaged", _("Damaged, written off")


class StockMovement(models.Model):
    """Pieces of a product that came or went other than by a sale: those are order lines. Added, never changed."""

    product = models.ForeignKey(
        Product, on_delete=models.PROTECT, db_index=False, related_name="movements", verbose_name=_("product")
    )
    at = models.DateTimeField(_("time"), default=timezone.now)
    kind = models.CharField(_("kind"), max_length=10, choices=MovementKind.choices, default=MovementKind.RECEIVED)
    #: More is positive, less negative.
    quantity = models.IntegerField(
        _("pieces"), help_text=_("As a difference: 20 for twenty more, -2 for two that are gone.")
    )
    note = models.CharField(_("note"), max_length=200, default="", db_default="", blank=True)

    class Meta:
        verbose_name = _("stock movement")
        verbose_name_plural = _("stock movements")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=MovementKind.values), name="movement_kind_known"),
            models.CheckConstraint(
                condition=~Q(quantity=0),
                name="movement_moves_something",
                violation_error_message=_("A movement of no pieces is none."),
            ),
            models.CheckConstraint(
                condition=~Q(kind=MovementKind.RECEIVED) | Q(quantity__gt=0),
                name="movement_received_is_more",
                violation_error_message=_("Goods that came in are a number above zero."),
            ),
            models.CheckConstraint(
                condition=~Q(kind=MovementKind.DAMAGED) | Q(quantity__lt=0),
                name="movement_damaged_is_less",
                violation_error_message=_("Goods that are written off are a number below zero."),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["product", "at"], name="movement_by_product"),
            models.Index(fields=["at", "id"], name="movement_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity:+} × {self.product}"
