from datetime import datetime
from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from jobs.admin import CappedPaginator, LookOnly
from shop.catalog.models import Category, Product, StockMovement

if TYPE_CHECKING:
    CategoryBase = admin.ModelAdmin[Category]
    ProductBase = admin.ModelAdmin[Product]
    MovementFormBase = forms.ModelForm[StockMovement]
else:
    CategoryBase = ProductBase = admin.ModelAdmin
    MovementFormBase = forms.ModelForm


@admin.register(Category)
class CategoryAdmin(CategoryBase):
    list_display = ("name", "parent")
    list_select_related = ("parent",)
    list_filter = (("parent", admin.RelatedOnlyFieldListFilter),)
    ordering = ("name",)
    prepopulated_fields = {"slug": ("name",)}  # noqa: RUF012 (Django's own convention)
    search_fields = ("name",)


@admin.register(Product)
class ProductAdmin(ProductBase):
    list_display = ("name", "sku", "category", "shown_price", "shown_cost", "vat_rate", "is_active")
    list_select_related = ("category",)
    list_filter = ("is_active", ("category__parent", admin.RelatedOnlyFieldListFilter))
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = None  # what was sold is taken off sale, not deleted
    ordering = ("name", "id")
    search_fields = ("sku", "name")
    autocomplete_fields = ("category",)
    readonly_fields = ("created_at",)

    @admin.display(description=_("price"), ordering="price")
    def shown_price(self, product: Product) -> str:
        return product.price_money.show(language=get_language() or "vi")

    @admin.display(description=_("cost"), ordering="cost")
    def shown_cost(self, product: Product) -> str:
        cost = product.cost_money
        return "–" if cost is None else cost.show(language=get_language() or "vi")


class MovementForm(MovementFormBase):
    """Names the product by its SKU, which is on the box and can be scanned."""

    sku = forms.CharField(label="SKU", max_length=60)

    def clean_sku(self) -> str:
        sku: str = self.cleaned_data["sku"]
        product = Product.objects.filter(sku=sku).first()
        if product is None:
            raise ValidationError(_("No product has this SKU."))
        self.instance.product = product
        return sku

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"]
        if at > timezone.now():
            raise ValidationError(_("Write it down when it has happened."))
        return at


@admin.register(StockMovement)
class StockMovementAdmin(LookOnly):
    """What came in, what a count found and what was damaged: people add it, and nobody changes it afterwards."""

    form = MovementForm
    list_display = ("product", "kind", "difference", "at", "note")
    list_select_related = ("product",)
    list_filter = ("kind",)
    list_per_page = 50
    paginator = CappedPaginator
    ordering = ("-at", "-id")
    sortable_by = ()
    search_fields = ("=product__sku",)
    search_help_text = _("A whole SKU.")

    def get_fields(self, request: HttpRequest, obj: StockMovement | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return "product" if obj else "sku", "at", "kind", "quantity", "note"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("catalog.add_stockmovement")

    @admin.display(description=_("pieces"))
    def difference(self, movement: StockMovement) -> str:
        return f"{movement.quantity:+}"
