"""Jobs over HTTP, for programs: look one up by its code, list one's own, cancel, try again.

A code answers to its owner and to operators; to everybody else it does not exist.
"""

import hashlib
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, cast

from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from ninja import Field, Query, Router, Schema

from jobs import paging, queries, services
from jobs.models import Job, State
from jobs.problems import Problem

router = Router(tags=["jobs"])

#: A job this young is asked about every second, an older one every five.
YOUNG: Final = timedelta(minutes=1)
PAGE_SIZE: Final = 50
PAGE_LIMIT: Final = 200


class Progress(Schema):
    done: int
    total: int | None = Field(description="null while it is not known")
    unit: str = Field(description="what is counted, in the plural")


class Link(Schema):
    url: str
    label: str


class JobOut(Schema):
    code: str = Field(description="the lookup code", examples=["7KQF-3M9T-XW2C"])
    task: str = Field(description="what it does, in words")
    state: State
    state_label: str
    progress: Progress
    attempt: int = Field(description="0 before the first one")
    submitted_at: datetime
    started_at: datetime | None = Field(description="when the latest attempt started")
    finished_at: datetime | None
    next_try_at: datetime | None = Field(description="a waiting job starts no earlier than this")
    cancel_requested: bool = Field(description="it is running and has been asked to stop")
    seconds_left: int | None = Field(description="an estimate; null while there is none")
    links: list[Link] = Field(description="where its result is to be found")
    error: str | None = Field(description="what went wrong, in a sentence")


class JobPage(Schema):
    jobs: list[JobOut]
    next: str | None = Field(description="cursor of the next page; null on the last one")


class ProblemOut(Schema):
    """RFC 9457, as application/problem+json."""

    type: str
    title: str
    status: int
    detail: str
    trace_id: str | None = Field(None, description="on errors of ours: quote it when you tell us")


_PROBLEMS: Final = {401: ProblemOut, 404: ProblemOut, 429: ProblemOut}


@router.get("/{code}", response={200: JobOut, **_PROBLEMS}, summary="Look up a job", url_name="job")
def look_up(request: HttpRequest, code: str) -> HttpResponse:
    """Answers with a strong `ETag` (send it back as `If-None-Match`: 304 while nothing has changed) and, as long as the
    job is under way, with `Retry-After`: the seconds after which asking again is worth while."""
    return _answer(request, _job(request, code))


@router.post(
    "/{code}/cancel",
    response={200: JobOut, 403: ProblemOut, 409: ProblemOut, **_PROBLEMS},
    summary="Cancel a job",
    url_name="cancel",
)
def cancel(request: HttpRequest, code: str) -> HttpResponse:
    """A waiting job is cancelled at once. A running one is told to stop (`cancel_requested`) and does so where it is
    safe. 409 where it is already over."""
    return _answer(request, _changed(services.cancel, request, code))


@router.post(
    "/{code}/retry",
    response={200: JobOut, 403: ProblemOut, 409: ProblemOut, **_PROBLEMS},
    summary="Try a job again",
    url_name="retry",
)
def retry(request: HttpRequest, code: str) -> HttpResponse:
    """Gives a failed or cancelled job a fresh start under the same code. 409 for any other."""
    return _answer(request, _changed(services.retry, request, code))


@router.get(
    "",
    response={200: JobPage, 401: ProblemOut, 422: ProblemOut, 429: ProblemOut},
    summary="List your jobs",
    url_name="jobs",
)
def list_own(
    request: HttpRequest,
    state: State | None = None,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT)] = PAGE_SIZE,
) -> HttpResponse:
    """Newest first. Pass `next` of one page as `cursor` to get the one after it."""
    jobs = queries.of_owner(_person(request))
    if state is not None:
        jobs = jobs.filter(state=state)
    try:
        page = paging.page(jobs, older_than=cursor, size=limit)
    except paging.BadCursor:
        raise Problem(422, _("This cursor is not one that this list has given out.")) from None
    now = timezone.now()
    return _send(request, JobPage(jobs=[_shown(job, now) for job in page.rows], next=page.older))


def _person(request: HttpRequest) -> AbstractUser:
    return cast("AbstractUser", request.user)  # the API as a whole lets nobody in who has not signed in


def _job(request: HttpRequest, code: str) -> Job:
    job = queries.by_code(code, viewer=_person(request))
    if job is None:
        raise Problem(404, _("There is no job with this code among those you may see."))
    return job


def _changed(change: Callable[..., Job], request: HttpRequest, code: str) -> Job:
    try:
        return change(_job(request, code), actor=_person(request))
    except services.NotAllowed as error:
        raise Problem(409, str(error)) from None


def _shown(job: Job, now: datetime) -> JobOut:
    seconds_left = queries.estimate(job, now)
    result: dict[str, Any] = job.result or {}
    return JobOut(
        code=job.shown_code,
        task=str(queries.title(job)),
        state=State(job.state),
        state_label=job.get_state_display(),
        progress=Progress(done=job.done, total=job.total, unit=gettext(job.unit) if job.unit else ""),
        attempt=job.attempt,
        submitted_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        next_try_at=job.run_at if job.state == State.WAITING and job.run_at > now else None,
        cancel_requested=job.state == State.RUNNING and job.cancel_requested_at is not None,
        seconds_left=None if seconds_left is None else math.ceil(seconds_left),
        links=[Link(url=result["url"], label=result.get("label", ""))] if "url" in result else [],
        error=gettext(job.error_message) if job.error_message else None,
    )


def _answer(request: HttpRequest, job: Job) -> HttpResponse:
    now = timezone.now()
    response = _send(request, _shown(job, now))
    if job.is_active:
        response["Retry-After"] = "1" if now - job.created_at < YOUNG else "5"
    return response


def _send(request: HttpRequest, body: Schema) -> HttpResponse:
    content = body.model_dump_json().encode()
    etag = quote_etag(hashlib.sha256(content).hexdigest()[:32])
    response = HttpResponse(
        content, content_type="application/json", headers={"ETag": etag, "Cache-Control": "private, no-cache"}
    )
    if request.method != "GET":
        return response
    # Typed as optional; where it is given a response it returns one.
    return cast("HttpResponse", get_conditional_response(request, etag=etag, response=response))
