"""A person's own jobs: the list, one job as it goes, cancel and try again.

A code answers to its owner and to operators; for everybody else it does not exist. What changes a job is a POST; a GET
at the same address asks first, so that it all works without JavaScript too.
"""

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import paging, queries, services
from jobs import task as tasks
from jobs.live import Live, look
from jobs.models import ACTIVE, CANCELLABLE, CODE_LENGTH, RETRYABLE, Job, State, clean_code
from jobs.trace import trace_id

PAGE_SIZE: Final = 25
#: As many as one page of the list can tick.
BULK_LIMIT: Final = PAGE_SIZE
#: On the home page.
ACTIVE_SHOWN: Final = 8
#: Of a parent, to operators.
CHILDREN_SHOWN: Final = 50


class SignedIn(HttpRequest):
    """A request that ``login_required`` let through."""

    user: AbstractUser  # type: ignore[assignment]


@login_required
@require_safe
@never_cache
def job_list(request: SignedIn) -> HttpResponse:
    """The person's jobs, newest first. Filters: ``state``, ``task``, ``q`` (a code, or how it begins)."""
    own = jobs = queries.of_owner(request.user)
    state, task, search = (request.GET.get(name, "").strip() for name in ("state", "task", "q"))
    code = clean_code(search)
    if len(code) == CODE_LENGTH and (found := queries.by_code(code, viewer=request.user)):
        return redirect(found)
    if state in State.values:
        jobs = jobs.filter(state=state)
    if task:
        jobs = jobs.filter(task=task)
    if search:
        jobs = jobs.filter(code__startswith=code)
    try:
        page = paging.page(
            jobs,
            older_than=request.GET.get("before", ""),
            newer_than=request.GET.get("after", ""),
            size=PAGE_SIZE,
        )
    except paging.BadCursor:
        raise BadRequest(_("This address is not one that the list has given out.")) from None
    now = timezone.now()
    context = {
        "page": page,
        "rows": [look(job, now) for job in page.rows],
        "some_active": any(job.is_active for job in page.rows),
        "now": now,
        "state": state,
        "states": list(State),
        "task": task,
        "tasks": _tasks_of(own),
        "search": search,
        "filtered": bool(state or task or search),
        "here": request.get_full_path(),
    }
    return render(request, "jobs/rows.html" if request.headers.get("HX-Request") else "jobs/list.html", context)


def _tasks_of(own: QuerySet[Job]) -> list[tuple[str, str]]:
    """Name and title of each kind of job that the person has, by title."""
    names = own.order_by("task").values_list("task", flat=True).distinct()
    known = tasks.registered()
    return sorted(
        ((name, str(known[name].title) if name in known else name) for name in names), key=lambda pair: pair[1]
    )


@login_required
@require_safe
@never_cache
def detail(request: SignedIn, code: str) -> HttpResponse:
    job = queries.by_code(code, viewer=request.user)
    if job is None:
        return _not_found(request)
    operator, now = queries.may_operate(request.user), timezone.now()
    return render(
        request,
        "jobs/detail.html",
        {
            "live": look(job, now),
            "job": job,
            "entries": queries.timeline(job),
            "show_detail": operator,
            "arguments": json.dumps(job.arguments, ensure_ascii=False, indent=2),
            "foreign": job.owner_id != request.user.pk,
            "children": [look(part, now) for part in job.children.order_by("id")[:CHILDREN_SHOWN]] if operator else [],
        },
    )


@login_required
@require_safe
@never_cache
def live(request: SignedIn, code: str) -> HttpResponse:
    """What ``job_live`` shows, as a fragment; 204 where the page already shows this ``v``.

    With ``timeline`` in the query the timeline comes along.
    """
    job = queries.by_code(code, viewer=request.user)
    if job is None:
        return _not_found(request)
    now_shown = look(job, timezone.now())
    if request.GET.get("v") == now_shown.version:
        return HttpResponse(status=204)
    context: dict[str, Any] = {"live": now_shown, "job": job}
    if "timeline" in request.GET:
        context |= {
            "entries": queries.timeline(job),
            "show_detail": queries.may_operate(request.user),
            "comes_along": True,
        }
    return render(request, "jobs/live.html", context)


@login_required
@require_safe
@never_cache
def active(request: SignedIn) -> HttpResponse:
    """What of the person's is under way, as a fragment for the home page."""
    return render(request, "jobs/active.html", {"rows": active_rows(request.user)})


def active_rows(person: AbstractUser) -> list[Live]:
    """The newest of the person's jobs that are not over."""
    now = timezone.now()
    return [look(job, now) for job in queries.of_owner(person).filter(state__in=ACTIVE)[:ACTIVE_SHOWN]]


def _not_found(request: HttpRequest) -> HttpResponse:
    """The same page for a code that nobody has and for somebody else's."""
    context = {
        "heading": _("We find no such job"),
        "what": _("There is nothing under this code that you may see."),
        "next_step": _("Check the code against where you got it, or sign in as the person who started the work."),
        "back_to_track": True,
        "support_code": trace_id.get(),
    }
    return render(request, "web/error.html", context, status=404)


class _Change(NamedTuple):
    """What can be done to a job: by which service, and in which words."""

    apply: Callable[..., Job]
    states: frozenset[State]
    question: str | Promise
    consequence: str | Promise
    button: str | Promise
    done: str | Promise
    tone: str


_CANCEL: Final = _Change(
    services.cancel,
    CANCELLABLE,
    gettext_lazy("Cancel this job?"),
    gettext_lazy("If it has not started, it never will. If it is running, it stops at the next safe point."),
    gettext_lazy("Cancel the job"),
    gettext_lazy("The job is being cancelled."),
    "danger-fill",
)
_RETRY: Final = _Change(
    services.retry,
    RETRYABLE,
    gettext_lazy("Try this job again?"),
    gettext_lazy("It starts again from the beginning, under the same code."),
    gettext_lazy("Try again"),
    gettext_lazy("The job is in line again."),
    "primary",
)
CHANGES: Final = {"cancel": _CANCEL, "retry": _RETRY}


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def cancel(request: SignedIn, code: str) -> HttpResponse:
    return _change(request, code, _CANCEL)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def retry(request: SignedIn, code: str) -> HttpResponse:
    return _change(request, code, _RETRY)


def _change(request: SignedIn, code: str, change: _Change) -> HttpResponse:
    job = queries.by_code(code, viewer=request.user)
    if job is None:
        return _not_found(request)
    if request.method != "POST":
        return render(
            request,
            "web/confirm.html",
            {
                "question": change.question,
                "consequence": change.consequence,
                "button": change.button,
                "tone": change.tone,
                "action": request.path,
                "back": job.get_absolute_url(),
            },
        )
    try:
        change.apply(job, actor=request.user)
    except services.NotAllowed as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, str(change.done))
    return redirect(job)


@login_required
@require_POST
def bulk(request: SignedIn) -> HttpResponse:
    """Cancels or retries the ticked ``codes``: asks first, with the count, then does it (``confirmed``)."""
    change = CHANGES.get(request.POST.get("action", ""))
    if change is None:
        raise BadRequest(_("Choose whether to cancel or to try again."))
    chosen = [
        job
        for code in request.POST.getlist("codes")[:BULK_LIMIT]
        if (job := queries.by_code(code, viewer=request.user)) is not None
    ]
    if not chosen:
        messages.warning(request, _("Tick the jobs first."))
        return redirect("jobs:list")
    if "confirmed" not in request.POST:
        return _confirm_bulk(request, change, chosen)
    done = 0
    for job in chosen:
        try:
            change.apply(job, actor=request.user)
            done += 1
        except services.NotAllowed:
            continue  # counted below: it went on in the meantime
    if done:
        said = (
            ngettext("%(count)d job is being cancelled.", "%(count)d jobs are being cancelled.", done)
            if change is _CANCEL
            else ngettext("%(count)d job is in line again.", "%(count)d jobs are in line again.", done)
        )
        messages.success(request, said % {"count": done})
    if left := len(chosen) - done:
        said = ngettext(
            "%(count)d job was left as it is: its state no longer allows this.",
            "%(count)d jobs were left as they are: their state no longer allows this.",
            left,
        )
        messages.warning(request, said % {"count": left})
    return redirect("jobs:list")


def _confirm_bulk(request: SignedIn, change: _Change, chosen: list[Job]) -> HttpResponse:
    possible = sum(job.state in change.states for job in chosen)
    question = (
        ngettext("Cancel %(count)d job?", "Cancel %(count)d jobs?", possible)
        if change is _CANCEL
        else ngettext("Try %(count)d job again?", "Try %(count)d jobs again?", possible)
    )
    consequence = str(change.consequence)
    if left := len(chosen) - possible:
        skipped = ngettext(
            "%(count)d of the ticked jobs is left as it is: its state does not allow this.",
            "%(count)d of the ticked jobs are left as they are: their state does not allow this.",
            left,
        )
        consequence = f"{consequence} {skipped % {'count': left}}"
    return render(
        request,
        "web/confirm.html",
        {
            "question": question % {"count": possible},
            "consequence": consequence,
            "button": change.button if possible == 1 else question % {"count": possible},
            "tone": change.tone,
            "action": request.path,
            "hidden": [
                ("action", request.POST["action"]),
                ("confirmed", "yes"),
                *(("codes", job.code) for job in chosen),
            ],
            "back": request.headers.get("Referer") or "/",
        },
    )
