"""The owner's products."""

from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from jobs import paging
from shop.accounts.access import SignedIn, role_required
from shop.accounts.models import Role
from shop.catalog import queries
from shop.catalog.models import Category

PAGE_SIZE: Final = 25


@role_required(Role.OWNER)
@require_safe
@never_cache
def product_list(request: SignedIn) -> HttpResponse:
    """Products, newest first. Filters: ``category`` (its slug), ``q`` (part of a name or SKU)."""
    slug, search = (request.GET.get(name, "").strip() for name in ("category", "q"))
    category = Category.objects.filter(slug=slug).first() if slug else None
    try:
        page = paging.page(
            queries.products(search=search, category=category),
            older_than=request.GET.get("before", ""),
            newer_than=request.GET.get("after", ""),
            size=PAGE_SIZE,
        )
    except paging.BadCursor:
        raise BadRequest(_("This address is not one that the list has given out.")) from None
    context = {
        "page": page,
        "rows": page.rows,
        "shelves": queries.shelves(),
        "category": category,
        "search": search,
        "filtered": bool(category or search),
    }
    return render(request, "catalog/list.html", context)
