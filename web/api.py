"""The API as a whole: who may call it, how often, how it says no, and its page of documentation."""

import time
from typing import Any, Final

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.openapi.docs import DocsBase
from ninja.security import SessionAuth
from ninja.throttling import BaseThrottle

from jobs import problems
from jobs.api import router as jobs_router
from jobs.problems import Problem

#: Requests a minute for one person. A page that follows a job asks once a second.
REQUESTS_A_MINUTE: Final = 600
_MINUTE: Final = 60


class SignedIn(SessionAuth):
    """The site's own session. What changes something also needs the CSRF token."""

    def __call__(self, request: HttpRequest) -> Any | None:
        if not request.user.is_authenticated:
            return None
        try:
            return super().__call__(request)
        except HttpError:
            detail = _("The CSRF token is missing or wrong: send the cookie's value as X-CSRFToken.")
            raise Problem(403, detail) from None


class PerPerson(BaseThrottle):
    """Counts in the cache, by the minute. With Django's default cache each web process counts for itself."""

    def allow_request(self, request: HttpRequest) -> bool:
        key = f"api:{request.user.pk}:{int(time.time()) // _MINUTE}"
        cache.add(key, 0, timeout=2 * _MINUTE)
        return cache.incr(key) <= REQUESTS_A_MINUTE

    def wait(self) -> float:
        return _MINUTE - time.time() % _MINUTE


class DocumentationPage(DocsBase):
    """The OpenAPI description as a page of our own: no script, and it works in both languages and themes."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        schema = api.get_openapi_schema()
        return render(
            request,
            "web/api_docs.html",
            {
                "schema": schema,
                "operations": [
                    {"method": method.upper(), "path": path, **operation}
                    for path, methods in schema["paths"].items()
                    for method, operation in methods.items()
                ],
                "openapi_url": self.get_openapi_url(api, kwargs),
            },
        )


api = NinjaAPI(
    title="Backroom",
    version="1",
    description="Background jobs: look them up by code, list, cancel, try again.",
    urls_namespace="api",
    auth=SignedIn(),
    throttle=PerPerson(),
    docs=DocumentationPage(),
)
api.add_router("/jobs", jobs_router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, error: Problem) -> HttpResponse:  # noqa: ARG001
    return problems.response(error.status, error.detail, headers=error.headers)


@api.exception_handler(AuthenticationError)
def _not_signed_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:  # noqa: ARG001
    return problems.response(401, headers={"WWW-Authenticate": 'Session realm="backroom"'})


@api.exception_handler(Throttled)
def _too_many(request: HttpRequest, error: Throttled) -> HttpResponse:  # noqa: ARG001
    return problems.response(429, headers={"Retry-After": str(error.wait or _MINUTE)})


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:  # noqa: ARG001
    return problems.response(error.status_code, str(error))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:  # noqa: ARG001
    wrong = [{"at": ".".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors]
    return problems.response(422, errors=wrong)
