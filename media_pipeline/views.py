"""A person's media: the list, and each asset's page. For everybody else an asset does not exist."""

from contextlib import suppress
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import paging
from jobs.adapters import storage
from jobs.services import NotAllowed
from jobs.trace import trace_id
from media_pipeline import queries, services, serving, showing
from media_pipeline.models import Asset
from media_pipeline.reasons import Missing
from shop.accounts.access import SignedIn, role_required
from shop.accounts.models import Role

PAGE_SIZE: Final = 24


@role_required(Role.SHOPPER, Role.OWNER)
@require_safe
@never_cache
def asset_list(request: SignedIn) -> HttpResponse:
    """The person's assets, newest first."""
    try:
        page = paging.page(
            queries.of_owner(request.user),
            older_than=request.GET.get("before", ""),
            newer_than=request.GET.get("after", ""),
            size=PAGE_SIZE,
        )
    except paging.BadCursor:
        raise BadRequest(_("This address is not one that the list has given out.")) from None
    now = timezone.now()
    thumbnails = showing.thumbnails(page.rows, now=now)
    rows = [(asset, thumbnails.get(asset.pk)) for asset in page.rows]
    return render(request, "media_pipeline/list.html", {"page": page, "rows": rows, "now": now})


@role_required(Role.SHOPPER, Role.OWNER)
@require_safe
@never_cache
def detail(request: SignedIn, pk: UUID) -> HttpResponse:
    asset = queries.by_id(pk, viewer=request.user)
    if asset is None:
        return _not_found(request)
    now = timezone.now()
    shown = showing.show(asset, now=now)
    context = {
        "asset": asset,
        "state": asset.state,
        "job": asset.job,
        "player": shown if isinstance(shown, showing.Player) else None,
        "picture": shown if isinstance(shown, showing.Picture) else None,
        "renditions": asset.renditions.order_by("kind", "-width", "name"),
        "missing": [Missing(one).label for one in asset.missing],
        "now": now,
    }
    return render(request, "media_pipeline/detail.html", context)


@require_safe
def file(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """What was made of an asset, for whoever has its address: a player's requests carry nothing else."""
    try:
        return serving.respond(request, serving.find(token, name, now=timezone.now()))
    except (serving.Gone, FileNotFoundError):
        return HttpResponse(status=404)
    except storage.Away:
        return HttpResponse(status=503, headers={"Retry-After": "10"})


@role_required(Role.SHOPPER, Role.OWNER)
@require_POST
@never_cache
def again(request: SignedIn, pk: UUID) -> HttpResponse:
    asset = queries.by_id(pk, viewer=request.user)
    if asset is None:
        return _not_found(request)
    try:
        services.make_again(asset=asset)
    except NotAllowed as error:
        messages.warning(request, str(error))
    return redirect(asset)


@role_required(Role.SHOPPER, Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete(request: SignedIn, pk: UUID) -> HttpResponse:
    asset = queries.by_id(pk, viewer=request.user)
    if asset is None:
        return _not_found(request)
    if request.method != "POST":
        return render(
            request,
            "web/confirm.html",
            {
                "question": _("Delete “%(name)s”?") % {"name": asset.name},
                "consequence": _consequence(asset),
                "button": _("Delete"),
                "tone": "danger-fill",
                "action": request.path,
                "back": asset.get_absolute_url(),
            },
        )
    with suppress(storage.Away):  # it is gone for everybody; its files go with the next sweep
        services.delete_asset(asset=asset, actor=request.user)
    messages.success(request, _("“%(name)s” is deleted.") % {"name": asset.name})
    return redirect("media:list")


def _consequence(asset: Asset) -> str:
    sentence = _("The file and everything that was made of it are deleted. This cannot be undone.")
    count = asset.product_media.count()
    if not count:
        return sentence
    products = ngettext(
        "%(count)d product is no longer shown with it.", "%(count)d products are no longer shown with it.", count
    )
    return f"{sentence} {products % {'count': count}}"


def _not_found(request: HttpRequest) -> HttpResponse:
    """The same page for an id that nobody has and for somebody else's."""
    context = {
        "heading": _("There is no such file"),
        "what": _("There is no picture or video of yours at this address. It may have been deleted."),
        "next_step": _("Look for it among your media."),
        "support_code": trace_id.get(),
    }
    return render(request, "web/error.html", context, status=404)
