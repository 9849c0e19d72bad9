"""An owner's reports: the list, asking for one, watching it being made, downloading it.

A code answers to the person who asked for the report; for everybody else it does not exist. What changes something is a
POST; it all works without JavaScript.
"""

import hashlib
from datetime import datetime
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import paging
from jobs.adapters import storage
from jobs.live import Live, look
from jobs.services import NotAllowed
from jobs.trace import trace_id
from reports import kinds, preview, queries, services
from reports.forms import ReportForm, default_columns
from reports.models import Report, State
from reports.selection import Selection
from reports.specs import Format, UnknownChoice
from shop.accounts.access import SignedIn, role_required, source_of
from shop.accounts.models import Role
from shop.orders.queries import years_sold

PAGE_SIZE: Final = 25


@role_required(Role.OWNER)
@require_safe
@never_cache
def report_list(request: SignedIn) -> HttpResponse:
    """The person's reports, newest first. Filter: ``state``."""
    found = queries.of_owner(request.user)
    state = request.GET.get("state", "")
    if state in State.values:
        found = found.filter(State(state).condition_at(timezone.now()))
    try:
        page = paging.page(
            found,
            older_than=request.GET.get("before", ""),
            newer_than=request.GET.get("after", ""),
            size=PAGE_SIZE,
        )
    except paging.BadCursor:
        raise BadRequest(_("This address is not one that the list has given out.")) from None
    now = timezone.now()
    shown = [(report, report.state_at(now), _live(report, now)) for report in page.rows]
    context = {
        "page": page,
        "rows": shown,
        "some_active": any(watched for _report, _state, watched in shown),
        "now": now,
        "state": state,
        "states": list(State),
        "here": request.get_full_path(),
        "this_year": timezone.localdate(now).year,
        "last_year": timezone.localdate(now).year - 1,
        "columns": default_columns(kinds.get("revenue")),
        "format": Format.XLSX,
    }
    return render(request, "reports/rows.html" if request.headers.get("HX-Request") else "reports/list.html", context)


@role_required(Role.OWNER)
@require_safe
@never_cache
def choose(request: SignedIn) -> HttpResponse:
    """The kinds of report that the person may have."""
    personal = queries.may_have_personal_data(request.user)
    specs = [spec for spec in kinds.KINDS.values() if personal or not spec.personal]
    return render(request, "reports/choose.html", {"specs": specs})


@role_required(Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def new(request: SignedIn, kind: str) -> HttpResponse:
    """The form of one kind, and what it asks for. With ``count`` in the POST, the form again with the number of
    rows."""
    form = _form(request, kind, request.POST if request.method == "POST" else None)
    if form is None:
        return not_found(request)
    if request.method == "POST" and form.is_valid() and "count" not in request.POST:
        try:
            report = services.request_report(
                owner=request.user, choice=form.choice, period=form.cleaned_data["span"], now=timezone.now()
            )
        except NotAllowed as error:
            form.add_error(None, str(error))
        else:
            return redirect(report)
    initial = {"period": "last_year", "format": Format.XLSX, "columns": default_columns(form.spec)}
    counted = form if form.is_bound else _form(request, kind, initial)
    assert counted is not None
    return render(request, "reports/new.html", {"form": form, "spec": form.spec, **_count(counted)})


@role_required(Role.OWNER)
@require_safe
@never_cache
def rows(request: SignedIn, kind: str) -> HttpResponse:
    """How many rows the report in the query has, and the first of them, as a fragment."""
    form = _form(request, kind, request.GET)
    if form is None:
        return not_found(request)
    return render(request, "reports/count.html", _count(form))


def _form(request: SignedIn, kind: str, data: Any) -> ReportForm | None:
    """None for a kind that there is not, or not for this person."""
    spec = kinds.KINDS.get(kind)
    if spec is None or (spec.personal and not queries.may_have_personal_data(request.user)):
        return None
    return ReportForm(
        data,
        initial={"period": "last_year"},
        spec=spec,
        person=request.user,
        today=timezone.localdate(),
        years_sold=years_sold(),
    )


def _count(form: ReportForm) -> dict[str, Any]:
    form.is_valid()
    span = form.cleaned_data.get("span")
    if span is None:
        return {"count": None}
    choice, zone = form.choice, timezone.get_default_timezone()
    start, end = span.instants(zone)
    selection = Selection(choice.spec, start, end, choice.selected, choice.filters, choice.order, zone)
    context = {"span": span, "columns": selection.columns}
    try:
        with preview.in_no_time():
            count = selection.count()
            first_rows = preview.first_rows(selection, language=get_language() or "vi")
    except preview.TakesLonger:
        return context | {"count": -1}
    return context | {
        "count": count,
        "seconds": preview.seconds_for(count, choice.format),
        "pages": preview.pages_for(count),
        "first_rows": [list(zip(selection.columns, row, strict=True)) for row in first_rows],
    }


@role_required(Role.OWNER)
@require_safe
@never_cache
def detail(request: SignedIn, code: str) -> HttpResponse:
    report = queries.by_code(code, viewer=request.user)
    if report is None:
        return not_found(request)
    return render(request, "reports/detail.html", _context(report))


@role_required(Role.OWNER)
@require_safe
@never_cache
def live(request: SignedIn, code: str) -> HttpResponse:
    """What the report's page shows of it now, as a fragment; 204 where the page already shows this ``v``."""
    report = queries.by_code(code, viewer=request.user)
    if report is None:
        return not_found(request)
    context = _context(report)
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    return render(request, "reports/live.html", context)


def _live(report: Report, now: datetime) -> Live | None:
    """The report's job as it goes; None once there is nothing more to watch."""
    if report.job is None or report.state_at(now) not in {State.REQUESTED, State.BUILDING}:
        return None
    return look(report.job, now)


def _context(report: Report) -> dict[str, Any]:
    now = timezone.now()
    state, watched = report.state_at(now), _live(report, now)
    shown = f"{state} {watched.version if watched else ''}"
    return {
        "report": report,
        "state": state,
        "live": watched,
        "job": report.job,
        "version": hashlib.sha256(shown.encode()).hexdigest()[:16],
        "columns": [column.title for column in report.known_columns],
        "now": now,
    }


@role_required(Role.OWNER)
@require_safe
@never_cache
def download(request: SignedIn, code: str) -> HttpResponse:
    """Writes the download down and leads to the file."""
    report = queries.by_code(code, viewer=request.user)
    if report is None:
        return not_found(request)
    try:
        address = services.open_download(
            report=report, viewer=request.user, address=source_of(request) or None, now=timezone.now()
        )
    except NotAllowed as error:
        messages.warning(request, str(error))
        return redirect(report)
    except services.NotReady:
        return redirect(report)
    except services.Expired:
        return _expired(request, report)
    return redirect(address)


@role_required(Role.OWNER)
@require_safe
@never_cache
def file(request: SignedIn, token: str) -> HttpResponseBase:
    """The file itself, where the storage cannot hand it out; ``token`` is part of an address of ``open_download``."""
    try:
        report = services.report_of_link(token, viewer=request.user, now=timezone.now())
        content = storage.open_file(report.file_key)
    except (Report.DoesNotExist, NotAllowed, services.NotReady):
        return not_found(request)
    except (services.Expired, FileNotFoundError):
        return _expired(request, None)
    except storage.Away as error:
        return HttpResponse(
            str(error), status=503, headers={"Retry-After": "10"}, content_type="text/plain; charset=utf-8"
        )
    return FileResponse(
        content, as_attachment=True, filename=report.file_name, content_type=Format(report.format).content_type
    )


def _expired(request: HttpRequest, report: Report | None) -> HttpResponse:
    return render(request, "reports/expired.html", {"report": report}, status=410)


@role_required(Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def cancel(request: SignedIn, code: str) -> HttpResponse:
    report = queries.by_code(code, viewer=request.user)
    if report is None:
        return not_found(request)
    if request.method != "POST":
        return render(
            request,
            "web/confirm.html",
            {
                "question": _("Stop making this report?"),
                "consequence": _("What has been made so far is thrown away. You can ask for it again at any time."),
                "button": _("Stop"),
                "tone": "danger-fill",
                "action": request.path,
                "back": report.get_absolute_url(),
            },
        )
    try:
        services.cancel(report=report, actor=request.user)
    except NotAllowed as error:
        messages.warning(request, str(error))
    return redirect(report)


@role_required(Role.OWNER)
@require_POST
@never_cache
def again(request: SignedIn, code: str) -> HttpResponse:
    report = queries.by_code(code, viewer=request.user)
    if report is None:
        return not_found(request)
    try:
        return redirect(services.request_again(report=report, now=timezone.now()))
    except NotAllowed as error:
        messages.warning(request, str(error))
    except UnknownChoice:
        messages.warning(request, _("A column or a filter of it is no longer there. Ask for a new report."))
    return redirect(report)


def not_found(request: HttpRequest) -> HttpResponse:
    """The same page for a code that nobody has and for somebody else's."""
    context = {
        "heading": _("We find no such report"),
        "what": _("There is nothing under this code that you may see."),
        "next_step": _("Check the code against where you got it, or sign in as the person who asked for the report."),
        "back_to_track": True,
        "support_code": trace_id.get(),
    }
    return render(request, "web/error.html", context, status=404)
