"""Reads about the catalog."""

from django.db.models import Q, QuerySet

from shop.catalog.models import Category, Product


def products(*, search: str = "", category: Category | None = None) -> QuerySet[Product]:
    """Products with their categories; those whose name or SKU holds ``search``, in ``category`` or a part of it."""
    found = Product.objects.select_related("category__parent")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(sku__icontains=search))
    if category:
        found = found.filter(Q(category=category) | Q(category__parent=category))
    return found


def shelves() -> list[tuple[Category, list[Category]]]:
    """The top categories by name, each with its parts."""
    categories = list(Category.objects.order_by("name"))
    return [
        (top, [part for part in categories if part.parent_id == top.pk]) for top in categories if top.parent_id is None
    ]
