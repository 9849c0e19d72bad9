from typing import TYPE_CHECKING

from django.contrib import admin
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from shop.catalog.models import Category, Product

if TYPE_CHECKING:
    CategoryBase = admin.ModelAdmin[Category]
    ProductBase = admin.ModelAdmin[Product]
else:
    CategoryBase = ProductBase = admin.ModelAdmin


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
    list_display = ("name", "sku", "category", "shown_price", "is_active")
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
