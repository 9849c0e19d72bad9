"""The frame of the site: signing in, home by role, track by code, settings, the operators' queues, and errors."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from jobs import queries as job_queries
from jobs import services as job_services
from jobs.live import look
from jobs.models import show_code
from jobs.queues import UnknownQueue
from jobs.trace import trace_id
from jobs.views import active_rows
from shop.accounts import services as people
from shop.accounts.access import SignedIn, role_required, source_of
from shop.accounts.models import Role
from shop.accounts.queries import user_name_for
from shop.orders.queries import recent_sales
from web import limits
from web.durations import in_words
from web.forms import SettingsForm, SignInForm, TrackForm
from web.preferences import LANGUAGES, Theme, remember_language, remember_theme, theme_of

#: Guesses at one account; a little more than a person who has forgotten needs.
PER_ACCOUNT: Final = limits.Limit("sign_in:account", tries=10, window=timedelta(minutes=15))
#: Guesses from one address, behind which there may be an office.
PER_SOURCE: Final = limits.Limit("sign_in:source", tries=60, window=timedelta(minutes=15))
LOOK_UPS: Final = limits.Limit("track", tries=30, window=timedelta(minutes=1))
RECENT_SHOWN: Final = 5


# --- signing in ------------------------------------------------------------------------------------------------------


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Takes a user name or an e-mail, and a password. Every try is counted before the password is looked at, so that
    many at once gain nothing."""
    target = _local_url(request, request.POST.get("next") or request.GET.get("next", ""))
    if request.user.is_authenticated:
        return redirect(target or settings.LOGIN_REDIRECT_URL)
    form = SignInForm(request.POST or None)
    status = 200
    if request.method == "POST" and form.is_valid():
        name, now = form.cleaned_data["name"], timezone.now()
        account = user_name_for(name).lower()
        waits = [
            limits.take(PER_SOURCE, source_of(request), now=now),
            limits.take(PER_ACCOUNT, account, now=now),
        ]
        if wait := max((wait for wait in waits if wait), default=None):
            form.add_error(
                None,
                _("Too many attempts. Wait %(duration)s, then try again. Your account is safe.")
                % {"duration": in_words(wait.total_seconds())},
            )
            status = 429
        elif person := auth.authenticate(request, username=user_name_for(name), password=form.cleaned_data["password"]):
            limits.forget(PER_ACCOUNT, account)
            auth.login(request, person)
            response = redirect(target or settings.LOGIN_REDIRECT_URL)
            if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
                remember_language(response, person.language)
            return response
        else:
            form.add_error(
                None, _("The name and the password do not belong together. Check both; capital letters count.")
            )
    context = {"form": form, "next": target, "next_is_job": target.startswith("/jobs/")}
    return render(request, "web/sign_in.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    auth.logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


def _local_url(request: HttpRequest, url: str) -> str:
    """``url`` where it is one of this site's, else nothing."""
    safe = url_has_allowed_host_and_scheme(url, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return url if safe else ""


# --- home ------------------------------------------------------------------------------------------------------------


@login_required
@require_safe
@never_cache
def home(request: SignedIn) -> HttpResponse:
    person, now = request.user, timezone.now()
    context: dict[str, Any] = {
        "now": now,
        "rows": active_rows(person),
        "recent": [
            look(job, now) for job in job_queries.of_owner(person).filter(finished_at__isnull=False)[:RECENT_SHOWN]
        ],
    }
    if person.has_role(Role.OWNER):
        context["sales"] = recent_sales(now=now)
    if person.has_role(Role.OPERATOR):
        context["operations"] = _operations(now)
    return render(request, "web/home.html", context)


def _operations(now: datetime) -> dict[str, Any]:
    overview = job_queries.queue_overview(now)
    return {
        "waiting": sum(queue.ready + queue.rung for queue in overview),
        "running": sum(queue.running for queue in overview),
        "late": [queue.name for queue in overview if queue.late],
        "paused": [queue.name for queue in overview if queue.paused_at],
        "unserved": [queue.name for queue in overview if not queue.workers],
    }


# --- track by code ---------------------------------------------------------------------------------------------------


@never_cache
@require_safe
def track(request: HttpRequest) -> HttpResponse:
    """Finds a job by its code. Who has not signed in is asked to first, whatever the code, so that nobody learns from
    the answer which codes exist."""
    if "code" not in request.GET:
        return render(request, "web/track.html", {"form": TrackForm()})
    subject = f"person {request.user.pk}" if request.user.is_authenticated else source_of(request)
    if wait := limits.take(LOOK_UPS, subject, now=timezone.now()):
        return too_many(request, wait)
    form = TrackForm(request.GET)
    if not form.is_valid():
        return render(request, "web/track.html", {"form": form})
    code = form.cleaned_data["code"]
    if not request.user.is_authenticated:
        return redirect("jobs:detail", code=show_code(code))
    job = job_queries.by_code(code, viewer=request.user)
    if job is None:
        return render(request, "web/track.html", {"form": form, "not_found": show_code(code)}, status=404)
    return redirect(job)


# --- preferences -----------------------------------------------------------------------------------------------------


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def change_settings(request: SignedIn) -> HttpResponse:
    person = request.user
    form = SettingsForm(
        request.POST or None,
        initial={
            "last_name": person.last_name,
            "first_name": person.first_name,
            "language": translation.get_language(),
            "theme": theme_of(request),
        },
    )
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        people.change_profile(
            person=person,
            last_name=wanted["last_name"],
            first_name=wanted["first_name"],
            language=wanted["language"],
        )
        with translation.override(form.cleaned_data["language"]):
            messages.success(request, _("Saved."))
        response = redirect("web:settings")
        remember_language(response, form.cleaned_data["language"])
        remember_theme(response, form.cleaned_data["theme"])
        return response
    return render(request, "web/settings.html", {"form": form})


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Remembers the language in the browser, and for the person who is signed in."""
    response = redirect(_local_url(request, request.POST.get("next", "")) or "web:home")
    language = request.POST.get("language", "")
    if language in LANGUAGES:
        remember_language(response, language)
        if request.user.is_authenticated:
            people.change_profile(person=request.user, language=language)
    return response


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    response = redirect(_local_url(request, request.POST.get("next", "")) or "web:home")
    if request.POST.get("theme") in Theme.values:
        remember_theme(response, request.POST["theme"])
    return response


# --- operators -------------------------------------------------------------------------------------------------------


@role_required(Role.OPERATOR)
@require_safe
@never_cache
def queues(request: SignedIn) -> HttpResponse:
    now = timezone.now()
    context = {
        "queues": job_queries.queue_overview(now),
        "processes": job_queries.live_processes(now).order_by("kind", "name"),
        "flower_url": settings.FLOWER_URL,
        "now": now,
    }
    fragment = request.headers.get("HX-Request")
    return render(request, "web/queue_table.html" if fragment else "web/queues.html", context)


@role_required(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def pause(request: SignedIn, name: str) -> HttpResponse:
    if request.method != "POST":
        context = {
            "question": _("Pause the queue %(name)s?") % {"name": name},
            "consequence": _(
                "What is running goes on. What waits keeps waiting, in order, until you resume the queue."
            ),
            "button": _("Pause"),
            "action": request.path,
            "back": reverse("web:queues"),
        }
        return render(request, "web/confirm.html", context)
    try:
        job_services.pause_queue(name, actor=request.user)
    except UnknownQueue:
        return page_not_found(request)
    messages.success(request, _("The queue %(name)s is paused.") % {"name": name})
    return redirect("web:queues")


@role_required(Role.OPERATOR)
@require_POST
def resume(request: SignedIn, name: str) -> HttpResponse:
    try:
        job_services.resume_queue(name, actor=request.user)
    except UnknownQueue:
        return page_not_found(request)
    messages.success(request, _("The queue %(name)s goes on.") % {"name": name})
    return redirect("web:queues")


# --- errors ----------------------------------------------------------------------------------------------------------


def _error(request: HttpRequest, status: int, heading: str, what: str, next_step: str) -> HttpResponse:
    context = {"heading": heading, "what": what, "next_step": next_step, "support_code": trace_id.get()}
    return render(request, "web/error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _error(
        request,
        400,
        _("We could not read this request"),
        str(exception or "") or _("Something in the address or the form is not as we sent it."),
        _("Go back, reload the page and try once more."),
    )


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _error(
        request,
        403,
        _("This page is not for your role"),
        _("You are signed in, but what you do in the shop does not include this page."),
        _("If it should, ask an operator to give you the role, and tell them the code below."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 (it is in Django's log)
    return _error(
        request,
        403,
        _("The form was open for too long"),
        _("For your safety we did not carry it out: it was made for another visit, or cookies are switched off."),
        _("Go back, reload the page and send the form again."),
    )


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:  # noqa: ARG001
    return _error(
        request,
        404,
        _("There is no such page"),
        _("The address may be mistyped, or what was there has been removed."),
        _("Start from the home page, or find a piece of work by its code."),
    )


def too_many(request: HttpRequest, wait: timedelta) -> HttpResponse:
    response = _error(
        request,
        429,
        _("That was too often"),
        _("To keep codes and passwords safe, we count how often they are tried."),
        _("Wait %(duration)s, then try again.") % {"duration": in_words(wait.total_seconds())},
    )
    response["Retry-After"] = str(int(wait.total_seconds()) + 1)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Rendered without the request's context: what broke may be the database, and the person is read from there."""
    body = render_to_string(
        "web/error.html",
        {
            "theme": theme_of(request),
            "heading": _("We could not finish this"),
            "what": _(
                "An error on our side stopped it. It has been recorded with the code below, and we will look at it."
            ),
            "next_step": _("Try again in a minute. Work that you had already started goes on by itself."),
            "support_code": trace_id.get(),
        },
    )
    response = HttpResponse(body, status=500)
    patch_vary_headers(response, ["Cookie", "Accept-Language"])
    return response
