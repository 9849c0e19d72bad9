from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
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
    currency = models.CharField(_("currency"), max_length=3, default="VND", db_default="VND")
    is_active = models.BooleanField(_("for sale"), default=True, db_default=True)
    created_at = models.DateTimeField(_("added"), db_default=Now())

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex="^[A-Z]{3}$"), name="product_currency_is_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.name}"

    @property
    def price_money(self) -> Money:
        return Money.of(self.price, self.currency)
