"""A person's media: the list, and each asset's page. For everybody else an asset does not exist."""

import hashlib
from contextlib import suppress
from typing import Any, Final
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
from jobs.live import look
from jobs.models import State as JobState
from jobs.services import NotAllowed
from jobs.trace import trace_id
from media_pipeline import queries, services, serving, showing
from media_pipeline.models import Asset
from media_pipeline.reasons import Missing
from shop.accounts.access import SignedIn, role_required
from shop.accounts.models import Role

PAGE_SIZE: Final = 24
#: Seconds after which a page that may not have taken what it was sent asks again.
_AGAIN: Final = 3


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
    return render(request, "media_pipeline/detail.html", _context(asset))


@role_required(Role.SHOPPER, Role.OWNER)
@require_safe
@never_cache
def live(request: SignedIn, pk: UUID) -> HttpResponse:
    """What the asset's page says of it now, as a fragment; 204 where the page already says this ``v``.

    The player or picture comes along where the page shows another than ``shown``, and the questions about the job
    where that is another than ``job``. A page that is playing keeps its player, and goes on asking until it takes the
    new one.
    """
    asset = queries.by_id(pk, viewer=request.user)
    if asset is None:
        return _not_found(request)
    context = _context(asset, page_shows=request.GET.get("shown"))
    other_job = context["job"] is not None and request.GET.get("job") != context["job"].code
    if request.GET.get("v") == context["version"] and not context["other_shown"] and not other_job:
        return HttpResponse(status=204)
    return render(request, "media_pipeline/live.html", context | {"other_job": other_job})


def _context(asset: Asset, *, page_shows: str | None = None) -> dict[str, Any]:
    """``page_shows``: the ``shown`` of a page that is open, None for a new one."""
    now, state, job = timezone.now(), asset.state, asset.job
    shown, version = showing.show(asset, now=now), showing.version(asset)
    watched = look(job, now) if job is not None and job.state != JobState.SUCCEEDED else None
    other_shown = page_shows is not None and page_shows != version
    every = watched.every if watched else 0
    if other_shown and not every:
        every = _AGAIN
    says = f"{state} {watched.version if watched else ''} {version} {every}"
    return {
        "asset": asset,
        "state": state,
        "job": job,
        "live": watched,
        "every": every,
        "version": hashlib.sha256(says.encode()).hexdigest()[:16],
        "shown": version,
        "other_shown": other_shown,
        "player": shown if isinstance(shown, showing.Player) else None,
        "picture": shown if isinstance(shown, showing.Picture) else None,
        "renditions": asset.renditions.order_by("kind", "-width", "name"),
        # Where its job can still be tried again, that goes on from what there is.
        "can_be_made_again": bool(asset.original_key and (asset.outcome or job is None)),
        "to_come": ", ".join(queries.sizes_to_come(asset)) if watched else "",
        "missing": [Missing(one).label for one in asset.missing],
        "now": now,
    }


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
