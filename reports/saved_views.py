"""An owner's saved reports: the list, keeping one, when it comes, making it now, and deleting it."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs.services import NotAllowed
from reports import queries, schedules
from reports.forms import PERIOD_WORDS, SavedForm
from reports.models import Report
from reports.periods import NAMES, Period
from reports.specs import UnknownChoice
from reports.views import not_found
from shop.accounts.access import SignedIn, role_required
from shop.accounts.models import Role


@role_required(Role.OWNER)
@require_safe
@never_cache
def everything(request: SignedIn) -> HttpResponse:
    """The person's saved reports, by name, and when they come."""
    found = queries.saved_of(request.user)
    return render(request, "reports/saved_list.html", {"saved_reports": found, "now": timezone.now()})


@role_required(Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def save(request: SignedIn, code: str) -> HttpResponse:
    """Keeps what the report holds under a name."""
    report = queries.by_code(code, viewer=request.user)
    if report is None:
        return not_found(request)
    named = _period_name(report)
    initial = {"name": f"{report.spec.title}, {PERIOD_WORDS[named]}"[:100], "period": named}
    form = SavedForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            saved = schedules.save(
                owner=request.user,
                choice=report.choice,
                language=get_language() or "vi",
                name=form.cleaned_data["name"],
                period=form.cleaned_data["period"],
                recurrence=form.recurrence,
                by_mail=form.cleaned_data["by_mail"],
                now=timezone.now(),
            )
        except schedules.NameTaken:
            form.add_error("name", _("You have a saved report of this name. Choose another one."))
        except NotAllowed as error:
            form.add_error(None, str(error))
        else:
            return redirect(saved)
    return render(request, "reports/save.html", {"form": form, "report": report})


def _period_name(report: Report) -> str:
    """The name of the span that the report is of, by today's calendar; last month where it has none."""
    today = timezone.localdate()
    return next((name for name in NAMES if Period.named(name, today=today) == report.period), "last_month")


@role_required(Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def detail(request: SignedIn, pk: UUID) -> HttpResponse:
    """A saved report: what it holds, when it comes, what it has brought; a POST changes name and times."""
    found = queries.saved_by_id(pk, viewer=request.user)
    if found is None:
        return not_found(request)
    fields = ("name", "period", "every", "weekday", "day", "hour", "by_mail")
    form = SavedForm(
        request.POST if request.method == "POST" else None, initial={name: getattr(found, name) for name in fields}
    )
    if request.method == "POST" and form.is_valid():
        try:
            schedules.change(
                saved=found,
                name=form.cleaned_data["name"],
                period=form.cleaned_data["period"],
                recurrence=form.recurrence,
                by_mail=form.cleaned_data["by_mail"],
                now=timezone.now(),
            )
        except schedules.NameTaken:
            form.add_error("name", _("You have a saved report of this name. Choose another one."))
        else:
            messages.success(request, _("Saved."))
            return redirect(found)
    now = timezone.now()
    latest = found.reports.select_related("job", "owner").order_by("-created_at")[:5]
    context = {
        "saved": found,
        "form": form,
        "columns": [column.title for column in found.known_columns],
        "reports": [(report, report.state_at(now)) for report in latest],
        "now": now,
    }
    return render(request, "reports/saved.html", context)


@role_required(Role.OWNER)
@require_POST
@never_cache
def make(request: SignedIn, pk: UUID) -> HttpResponse:
    found = queries.saved_by_id(pk, viewer=request.user)
    if found is None:
        return not_found(request)
    try:
        return redirect(schedules.make(saved=found, now=timezone.now()))
    except NotAllowed as error:
        messages.warning(request, str(error))
    except UnknownChoice:
        messages.warning(request, _("A column or a filter of it is no longer there. Ask for a new report."))
    return redirect(found)


@role_required(Role.OWNER)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def delete(request: SignedIn, pk: UUID) -> HttpResponse:
    found = queries.saved_by_id(pk, viewer=request.user)
    if found is None:
        return not_found(request)
    if request.method == "POST":
        schedules.delete(saved=found)
        messages.success(request, _("“%(name)s” is deleted.") % {"name": found.name})
        return redirect("reports:saved-list")
    return render(
        request,
        "web/confirm.html",
        {
            "question": _("Delete “%(name)s”?") % {"name": found.name},
            "consequence": _("It will not come any more. The reports that were made from it stay."),
            "button": _("Delete"),
            "tone": "danger-fill",
            "action": request.path,
            "back": found.get_absolute_url(),
        },
    )
