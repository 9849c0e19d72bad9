"""Who may see a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from shop.accounts.models import User

Arguments = ParamSpec("Arguments")


class SignedIn(HttpRequest):
    """A request of somebody who has signed in: what ``login_required`` and ``role_required`` let through."""

    user: User


def role_required(
    *roles: str,
) -> Callable[[Callable[Concatenate[SignedIn, Arguments], HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Lets through people who hold one of ``roles``. Others get the page of error 403; who has not signed in is asked
    to."""

    def decorate(view: Callable[Concatenate[SignedIn, Arguments], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: SignedIn, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_role(*roles):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return login_required(guarded)

    return decorate


def source_of(request: HttpRequest) -> str:
    """The address that the request comes from: what our proxy says, where there is one that we trust."""
    if settings.TRUST_PROXY and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rpartition(",")[2].strip()
    return str(request.META.get("REMOTE_ADDR", ""))
