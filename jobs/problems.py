"""Errors of the API in words that programs and people can read: RFC 9457, ``application/problem+json``."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs.trace import trace_id

#: Every path below it answers errors as problems.
API_PREFIX: Final = "/api/"

_DETAILS: Final[Mapping[int, str | Promise]] = {
    400: _("The request could not be read."),
    401: _("Sign in first."),
    403: _("You may not do this."),
    404: _("There is nothing here that you may see."),
    405: _("This address does not take that method."),
    422: _("The request is not what this address takes."),
    429: _("Too many requests. Wait as long as Retry-After says."),
    500: _("Something broke on our side. It has been logged; quote trace_id when you tell us."),
    503: _("We cannot answer just now. Try again later."),
}


class Problem(Exception):
    """An answer other than the one asked for. ``detail`` is a sentence for a person."""

    def __init__(self, status: int, detail: str | Promise = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


def response(
    status: int, detail: str | Promise = "", *, headers: Mapping[str, str] | None = None, **members: Any
) -> HttpResponse:
    """The problem as an HTTP answer; ``members`` are added to its body.

    ``type`` is about:blank, as the RFC asks where the status says it all. Nothing in it tells one request from another,
    so that an unknown code and somebody else's are answered by the same bytes.
    """
    problem = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": str(detail or _DETAILS.get(status, "")),
        **members,
    }
    return HttpResponse(
        json.dumps(problem, ensure_ascii=False),
        status=status,
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


class ProblemMiddleware:
    """Turns whatever error a path of the API ends with (no such path, wrong method, a bug) into a problem."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        if (
            not request.path.startswith(API_PREFIX)
            or answer.status_code < HTTPStatus.BAD_REQUEST
            or answer.headers.get("Content-Type") == "application/problem+json"
        ):
            return answer
        kept = {name: answer.headers[name] for name in ("Allow", "Retry-After", "Vary") if name in answer.headers}
        members = {"trace_id": trace_id.get()} if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else {}
        return response(answer.status_code, headers=kept, **members)
