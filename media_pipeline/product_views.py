"""The owners' pages about what products are shown with: the products, each one's pictures and videos, and choosing some
that are here already. Uploading one is ``upload_views``' matter."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import paging
from jobs.live import Live, look
from jobs.services import NotAllowed
from jobs.trace import trace_id
from media_pipeline import products, queries, showing
from media_pipeline.models import Asset, ProductMedia, State
from shop.accounts.access import SignedIn, role_required
from shop.accounts.models import Role, User
from shop.catalog import queries as catalog
from shop.catalog.models import Product

PAGE_SIZE: Final = 25
#: Assets on one page to choose from.
CHOICES: Final = 24


def of_product(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Gives a view the product of its address; whoever asks for one that is not there gets a page that says so."""

    @wraps(view)
    def answer(request: SignedIn, pk: int, **rest: UUID) -> HttpResponse:
        found = queries.product_by_id(pk)
        return not_found(request) if found is None else view(request, found, **rest)

    return answer


@dataclass(frozen=True, slots=True)
class Item:
    """One picture or video on its product's page. ``live``: how far it is, until something has come of it."""

    media: ProductMedia
    state: State
    thumbnail: showing.Thumbnail | None
    live: Live | None
    is_mine: bool

    @property
    def asset(self) -> Asset:
        return self.media.asset


@role_required(Role.OWNER)
@require_safe
@never_cache
def product_list(request: SignedIn) -> HttpResponse:
    """Products with their first pictures, newest first. Filter: ``q`` (part of a name or SKU)."""
    search = "".join(letter for letter in request.GET.get("q", "") if letter.isprintable()).strip()
    try:
        page = paging.page(
            catalog.products(search=search),
            older_than=request.GET.get("before", ""),
            newer_than=request.GET.get("after", ""),
            size=PAGE_SIZE,
        )
    except paging.BadCursor:
        raise BadRequest(_("This address is not one that the list has given out.")) from None
    first = queries.first_of_products(page.rows)
    thumbnails = showing.thumbnails((media.asset for media in first.values()), now=timezone.now())
    counts = queries.counts_of_products(page.rows)
    rows = [
        (
            product,
            counts.get(product.pk, 0),
            first[product.pk].asset if product.pk in first else None,
            thumbnails.get(first[product.pk].asset_id) if product.pk in first else None,
        )
        for product in page.rows
    ]
    return render(request, "media_pipeline/products.html", {"page": page, "rows": rows, "search": search})


@role_required(Role.OWNER)
@require_safe
@never_cache
@of_product
def product(request: SignedIn, found: Product) -> HttpResponse:
    """What the product is shown with, in order."""
    now = timezone.now()
    items = _items(queries.of_product(found), request.user, now)
    context = {
        "product": found,
        "items": items,
        "most": products.MOST,
        "most_letters": products.MOST_LETTERS,
        "is_full": len(items) >= products.MOST,
        "now": now,
        **_pending(found, items),
    }
    return render(request, "media_pipeline/product.html", context)


@role_required(Role.OWNER)
@require_safe
@never_cache
@of_product
def live(request: SignedIn, found: Product) -> HttpResponse:
    """How far those are now that the page asks about (``of``): parts of the page, to be put in their places."""
    asked = queries.of_product(found).filter(asset__in=_ids(request.GET.getlist("of")))
    now = timezone.now()
    items = _items(asked, request.user, now)
    context = {"product": found, "items": items, "now": now, "comes_along": True, **_pending(found, items)}
    return render(request, "media_pipeline/product_live.html", context)


def _items(media: Iterable[ProductMedia], person: User, now: datetime) -> list[Item]:
    media = list(media)
    thumbnails = showing.thumbnails((one.asset for one in media), now=now)
    return [
        Item(
            media=one,
            state=one.asset.state,
            thumbnail=thumbnails.get(one.asset_id),
            live=_live(one.asset, now),
            is_mine=one.asset.owner_id == person.pk,
        )
        for one in media
    ]


def _live(asset: Asset, now: datetime) -> Live | None:
    return look(asset.job, now) if not asset.outcome and asset.job is not None and asset.job.is_active else None


def _pending(product: Product, items: Sequence[Item]) -> dict[str, object]:
    """How many are still being processed, and the address at which the page asks about them."""
    pending = [item.asset.pk for item in items if item.live]
    address = reverse("media:product-live", args=[product.pk])
    return {"pending": len(pending), "ask": f"{address}?{urlencode({'of': pending}, doseq=True)}"}


@role_required(Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@of_product
def choose(request: SignedIn, found: Product) -> HttpResponse:
    """The person's own pictures and videos that the product has not; a POST adds the ticked ones (``assets``)."""
    if request.method == "POST":
        return _add(request, found)
    try:
        page = paging.page(
            queries.choosable(request.user, found),
            older_than=request.GET.get("before", ""),
            newer_than=request.GET.get("after", ""),
            size=CHOICES,
        )
    except paging.BadCursor:
        raise BadRequest(_("This address is not one that the list has given out.")) from None
    thumbnails = showing.thumbnails(page.rows, now=timezone.now())
    rows = [(asset, thumbnails.get(asset.pk)) for asset in page.rows]
    return render(request, "media_pipeline/choose.html", {"product": found, "page": page, "rows": rows})


def _add(request: SignedIn, product: Product) -> HttpResponse:
    chosen = _ids(request.POST.getlist("assets"))
    if not chosen:
        messages.warning(request, _("Tick at least one."))
        return redirect(request.get_full_path())
    try:
        count = products.add(product=product, assets=chosen, actor=request.user)
    except NotAllowed as error:
        messages.warning(request, str(error))
        return redirect(request.get_full_path())
    messages.success(request, ngettext("%(count)d is added.", "%(count)d are added.", count) % {"count": count})
    return redirect("media:product", product.pk)


def _ids(given: Sequence[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in given]
    except ValueError:
        raise BadRequest(_("This address is not one that the list has given out.")) from None


@role_required(Role.OWNER)
@require_POST
@never_cache
@of_product
def move(request: SignedIn, found: Product, asset: UUID) -> HttpResponse:
    """One place earlier or later (``to``)."""
    by = {"earlier": -1, "later": 1}.get(request.POST.get("to", ""), 0)
    try:
        products.move(product=found, asset=asset, by=by)
    except NotAllowed as error:
        messages.warning(request, str(error))
    return _back(found, asset)


@role_required(Role.OWNER)
@require_POST
@never_cache
@of_product
def describe(request: SignedIn, found: Product, asset: UUID) -> HttpResponse:
    """Says in words what is to be seen (``alt``)."""
    try:
        products.describe(product=found, asset=asset, alt=request.POST.get("alt", ""))
    except NotAllowed as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, _("Saved."))
    return _back(found, asset)


@role_required(Role.OWNER)
@require_POST
@never_cache
@of_product
def remove(request: SignedIn, found: Product, asset: UUID) -> HttpResponse:
    products.remove(product=found, asset=asset)
    messages.success(request, _("It is no longer shown with this product. The file itself is not deleted."))
    return redirect("media:product", found.pk)


def _back(product: Product, asset: UUID) -> HttpResponse:
    """To the place on the page that the person came from."""
    return redirect(f"{reverse('media:product', args=[product.pk])}#media-{asset}")


def not_found(request: HttpRequest) -> HttpResponse:
    context = {
        "heading": _("There is no such product"),
        "what": _("There is no product at this address. It may have been deleted."),
        "next_step": _("Look for it among the products."),
        "support_code": trace_id.get(),
    }
    return render(request, "web/error.html", context, status=404)
