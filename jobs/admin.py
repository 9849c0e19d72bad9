"""The operators' pages about jobs, queues, processes, breakers and schedules.

Nothing here is edited by hand: every change goes through the same services as everybody else's, after a page that says
what it will do, and is written to the admin's log.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import Promise, cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask
from django_celery_results import admin as _results_admin  # noqa: F401 (registers what is unregistered below)
from django_celery_results.models import GroupResult

from jobs import breakers, processes, queries, queues, services
from jobs import task as tasks
from jobs.models import CODE_LENGTH, Breaker, Job, QueueState, ScheduledRun, State, Worker, clean_code

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

#: Rows that a list counts; a longer one says "more than".
COUNT_LIMIT: Final = 10_000
#: Jobs that one action may change, so that its request stays short.
ACTION_LIMIT: Final = 500
#: Children that a job's page lists.
CHILDREN_SHOWN: Final = 50


def badge(state: Any) -> SafeString:
    """The site's badge of a state enum's member."""
    return render_to_string("admin/jobs/badge.html", {"state": state})


def _person(request: HttpRequest) -> AbstractUser:
    return cast("AbstractUser", request.user)  # the admin lets nobody in who has not signed in


def confirm(model_admin: ModelAdmin, request: HttpRequest, **context: Any) -> TemplateResponse:
    """The page that says what will happen before it does. ``context``: see the template."""
    shared = {**model_admin.admin_site.each_context(request), "opts": model_admin.opts}
    return TemplateResponse(
        request, "admin/jobs/confirm.html", {**shared, "action": request.get_full_path(), **context}
    )


class LookOnly(ModelAdmin):
    """Rows that people look at; whatever changes them goes through services."""

    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


# --- jobs ------------------------------------------------------------------------------------------------------------


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than ``limit``: a table of ten million rows is not worth counting for a page of fifty."""

    limit = COUNT_LIMIT

    @cached_property
    def count(self) -> int:
        return cast("QuerySet[Job]", self.object_list).order_by()[: self.limit].count()


class ChoiceFilter(admin.SimpleListFilter):
    """A filter whose choices are known without asking the table."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:  # noqa: ARG002
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class StateFilter(ChoiceFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return [(state.value, str(state.label)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        if self.value() == State.WAITING:
            # In the words of the two partial indexes that between them hold every waiting job.
            return queryset.filter(Q(turn__isnull=False) | Q(state=State.WAITING, turn__isnull=True))
        return super().queryset(request, queryset)


class QueueFilter(ChoiceFilter):
    title = gettext_lazy("queue")
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return [(queue.name, queue.name) for queue in queues.all_queues()]


class TaskFilter(ChoiceFilter):
    title = gettext_lazy("task")
    parameter_name = "task"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return sorted((name, str(task.title)) for name, task in tasks.registered().items())


class TroubleFilter(admin.SimpleListFilter):
    title = gettext_lazy("trouble")
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return [("failures", _("Had failed attempts")), ("deaths", _("Killed a worker"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:  # noqa: ARG002
        match self.value():
            case "failures":
                return queryset.filter(failures__gt=0)
            case "deaths":
                return queryset.filter(deaths__gt=0)
        return queryset


@dataclass(frozen=True, slots=True)
class Act:
    """Something an operator can do to jobs. The sentences take ``%(count)d``."""

    do_not_call_in_templates: ClassVar[bool] = True

    name: str
    label: str | Promise
    applies: Callable[[Job], bool]
    change: Callable[..., Job]
    question: Any
    consequence: str | Promise
    done: Any
    logged: str | Promise
    danger: bool = False

    def __call__(self, model_admin: "JobAdmin", request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        return model_admin.act(self, request, jobs)

    @property
    def __name__(self) -> str:
        return self.name

    @property
    def short_description(self) -> str | Promise:
        return self.label


ACTS: Final = (
    Act(
        name="retry",
        label=gettext_lazy("Try again"),
        applies=lambda job: job.can_retry,
        change=services.retry,
        question=ngettext_lazy("Try %(count)d job again?", "Try %(count)d jobs again?", "count"),
        consequence=gettext_lazy(
            "Each starts again from the beginning, now, with all its attempts. What it did before is not undone."
        ),
        done=ngettext_lazy("%(count)d job starts again.", "%(count)d jobs start again.", "count"),
        logged=gettext_lazy("Tried again."),
    ),
    Act(
        name="cancel",
        label=gettext_lazy("Cancel"),
        applies=lambda job: job.can_cancel,
        change=services.cancel,
        question=ngettext_lazy("Cancel %(count)d job?", "Cancel %(count)d jobs?", "count"),
        consequence=gettext_lazy(
            "A waiting job is cancelled at once. A running one stops where it is safe, which can take a moment. The "
            "people who wait for them see that they were cancelled."
        ),
        done=ngettext_lazy(
            "%(count)d job is cancelled or stopping.", "%(count)d jobs are cancelled or stopping.", "count"
        ),
        logged=gettext_lazy("Cancelled."),
        danger=True,
    ),
    Act(
        name="requeue",
        label=gettext_lazy("Ring again now"),
        applies=lambda job: job.state == State.WAITING and job.children_left == 0,
        change=services.requeue,
        question=ngettext_lazy("Ring again for %(count)d job?", "Ring again for %(count)d jobs?", "count"),
        consequence=gettext_lazy(
            "Each goes to the front of its queue and starts as soon as a worker is free, even where it was to wait "
            "for a later time."
        ),
        done=ngettext_lazy("%(count)d job goes first now.", "%(count)d jobs go first now.", "count"),
        logged=gettext_lazy("Rung again, ahead of its queue and of its time."),
    ),
)


@admin.register(Job)
class JobAdmin(LookOnly):
    list_display = ("what", "state_badge", "owner", "tries", "created_at", "finished_at")
    list_filter = (StateFilter, QueueFilter, TaskFilter, TroubleFilter)
    list_per_page = 50
    list_select_related = ("owner",)
    ordering = ("-id",)  # UUIDv7: newest first, by the primary key
    sortable_by = ()
    paginator = CappedPaginator
    search_fields = ("code",)
    search_help_text = gettext_lazy("A lookup code, an id, or a whole dedupe key.")
    actions = ACTS

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Job],
        search_term: str,
    ) -> tuple[QuerySet[Job], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(dedupe_key=term)
        if len(code := clean_code(term)) == CODE_LENGTH:
            found |= Q(code=code)
        with suppress(ValueError):
            found |= Q(pk=UUID(term))
        return queryset.filter(found), False

    @admin.display(description=gettext_lazy("job"))
    def what(self, job: Job) -> SafeString:
        template = '<span class="title">{}</span> <code>{}</code> <small>{}</small>'
        return format_html(template, queries.title(job), job.shown_code, job.queue)

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, job: Job) -> SafeString:
        return badge(State(job.state))

    @admin.display(description=gettext_lazy("attempt"))
    def tries(self, job: Job) -> str:
        if not job.failures and not job.deaths:
            return str(job.attempt)
        return _("%(attempt)d (%(failures)d failed)") % {
            "attempt": job.attempt,
            "failures": job.failures + job.deaths,
        }

    def act(self, act: Act, request: HttpRequest, jobs: QuerySet[Job]) -> HttpResponse | None:
        """Asks first, then does it; each job that could be changed is in the admin's log."""
        chosen = list(jobs[: ACTION_LIMIT + 1])
        if len(chosen) > ACTION_LIMIT:
            sentence = _("Choose at most %(limit)d jobs at a time.") % {"limit": ACTION_LIMIT}
            self.message_user(request, sentence, messages.ERROR)
            return None
        ready = [job for job in chosen if act.applies(job)]
        if "confirmed" not in request.POST:
            return confirm(
                self,
                request,
                title=act.label,
                question=act.question % {"count": len(ready)},
                consequence=act.consequence,
                left_alone=len(chosen) - len(ready),
                jobs=ready,
                hidden=[("action", act.name), *((ACTION_CHECKBOX_NAME, job.pk) for job in ready)],
                button=act.label,
                danger=act.danger,
                back=request.get_full_path(),
            )
        changed, refused = 0, ""
        for job in ready:
            try:
                act.change(job, actor=_person(request))
            except services.NotAllowed as error:
                refused = str(error)
            else:
                self.log_change(request, job, str(act.logged))
                changed += 1
        if changed:
            self.message_user(request, act.done % {"count": changed}, messages.SUCCESS)
        if changed < len(chosen):
            left = len(chosen) - changed
            sentence = ngettext("%(count)d job was left as it is.", "%(count)d jobs were left as they are.", left)
            self.message_user(request, f"{sentence % {'count': left}} {refused}".strip(), messages.WARNING)
        return None

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self.get_object(request, unquote(object_id))
        if job is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined, no-any-return]
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": queries.title(job),
            "original": job,
            "job": job,
            "state": State(job.state),
            "now": now,
            "seconds_left": queries.estimate(job, now),
            "entries": queries.timeline(job),
            "arguments": _pretty(job.arguments),
            "result": _pretty(job.result),
            "acts": [act for act in ACTS if act.applies(job)],
            "action_field": ACTION_CHECKBOX_NAME,
            "children": [(child, State(child.state)) for child in job.children.order_by("id")[:CHILDREN_SHOWN]],
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/jobs/job/detail.html", context)


def _pretty(value: Any) -> str:
    return "" if value in (None, {}) else json.dumps(value, ensure_ascii=False, indent=2)


# --- queues ----------------------------------------------------------------------------------------------------------


@admin.register(QueueState)
class QueueAdmin(LookOnly):
    """Every queue of the table with what is in it; pausing and resuming."""

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<str:name>/pause/", self.admin_site.admin_view(self.pause), name="jobs_queuestate_pause"),
            path("<str:name>/resume/", self.admin_site.admin_view(self.resume), name="jobs_queuestate_resume"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Queues"),
            "queues": queries.queue_overview(timezone.now()),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/jobs/queuestate/overview.html", context)

    def pause(self, request: HttpRequest, name: str) -> HttpResponse:
        return self._set(
            request,
            name,
            change=services.pause_queue,
            title=_("Pause %(queue)s?") % {"queue": name},
            consequence=_(
                "No job of this queue starts until it is resumed. Jobs that are running go on to their end, new ones "
                "are accepted and wait."
            ),
            button=_("Pause"),
            logged=_("Paused."),
            danger=True,
        )

    def resume(self, request: HttpRequest, name: str) -> HttpResponse:
        return self._set(
            request,
            name,
            change=services.resume_queue,
            title=_("Resume %(queue)s?") % {"queue": name},
            consequence=_("Its jobs start again in their order, as fast as its workers can take them."),
            button=_("Resume"),
            logged=_("Resumed."),
        )

    def _set(
        self, request: HttpRequest, name: str, *, change: Callable[..., None], title: str, logged: str, **context: Any
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            queues.get(name)
        except queues.UnknownQueue as error:
            raise Http404 from error
        overview = reverse("admin:jobs_queuestate_changelist")
        if request.method != "POST":
            return confirm(self, request, title=title, question=title, back=overview, **context)
        change(name, actor=_person(request))
        state, _created = QueueState.objects.get_or_create(name=name)
        self.log_change(request, state, logged)
        self.message_user(request, f"{name}: {logged}", messages.SUCCESS)
        return HttpResponseRedirect(overview)


# --- processes -------------------------------------------------------------------------------------------------------


@admin.register(Worker)
class WorkerAdmin(LookOnly):
    list_display = ("name", "kind", "alive", "serves", "concurrency", "started_at", "seen_at")
    ordering = ("kind", "name")
    sortable_by = ()

    @admin.display(description=gettext_lazy("alive"), boolean=True)
    def alive(self, worker: Worker) -> bool:
        return worker.seen_at > timezone.now() - processes.SILENCE

    @admin.display(description=gettext_lazy("queues"))
    def serves(self, worker: Worker) -> str:
        return ", ".join(worker.queues) or "–"


# --- breakers --------------------------------------------------------------------------------------------------------


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("Shown beside the breaker and kept in the log."),
        max_length=400,
        strip=True,
    )


@dataclass(frozen=True, slots=True)
class Force:
    """Something an operator can do to a breaker."""

    label: str | Promise
    change: Callable[[str, str, AbstractUser], None]
    consequence: str | Promise
    danger: bool = False


FORCES: Final[Mapping[str, Force]] = {
    "open": Force(
        gettext_lazy("Stop all calls"),
        breakers.force_open,
        gettext_lazy(
            "Nothing calls this neighbour until the breaker is released. Jobs that need it wait and lose nothing."
        ),
        danger=True,
    ),
    "closed": Force(
        gettext_lazy("Let all calls through"),
        breakers.force_closed,
        gettext_lazy(
            "Every call is made until the breaker is released, however many fail. Workers may be held up by a "
            "neighbour that does not answer."
        ),
        danger=True,
    ),
    "release": Force(
        gettext_lazy("Release"),
        lambda name, _reason, actor: breakers.release(name, actor),
        gettext_lazy("The breaker decides by itself again. It starts out healthy and counts anew."),
    ),
}


@admin.register(Breaker)
class BreakerAdmin(LookOnly):
    list_display = ("name", "state_badge", "forced", "failing", "retry_at", "changed_at", "reason")
    ordering = ("name",)
    sortable_by = ()

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<path:name>/force/<str:how>/", self.admin_site.admin_view(self.force), name="jobs_breaker_force"),
            *super().get_urls(),
        ]

    @admin.display(description=gettext_lazy("state"))
    def state_badge(self, breaker: Breaker) -> SafeString:
        return badge(Breaker.State(breaker.state))

    @admin.display(description=gettext_lazy("failing"))
    def failing(self, breaker: Breaker) -> str:
        return _("%(failures)d of %(calls)d calls") % {"failures": breaker.failures, "calls": breaker.calls}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        breaker = self.get_object(request, unquote(object_id))
        offered = {
            how: force for how, force in FORCES.items() if breaker is not None and (how != "release" or breaker.forced)
        }
        return super().change_view(request, object_id, form_url, {"forces": offered, **(extra_context or {})})

    def force(self, request: HttpRequest, name: str, how: str) -> HttpResponse:
        breaker = self.get_object(request, name)
        force = FORCES.get(how)
        if not self.has_view_permission(request):
            raise PermissionDenied
        if breaker is None or force is None:
            raise Http404
        back = reverse("admin:jobs_breaker_change", args=[quote(name)])
        form = ReasonForm(request.POST or None)
        if not form.is_valid():
            return confirm(
                self,
                request,
                title=f"{breaker.name}: {force.label}",
                question=f"{breaker.name}: {force.label}?",
                consequence=force.consequence,
                form=form,
                button=force.label,
                danger=force.danger,
                back=back,
            )
        reason = form.cleaned_data["reason"]
        force.change(breaker.name, reason, _person(request))
        self.log_change(request, breaker, f"{force.label}: {reason}")
        self.message_user(request, f"{breaker.name}: {force.label}.", messages.SUCCESS)
        return HttpResponseRedirect(back)


# --- schedules -------------------------------------------------------------------------------------------------------


@admin.register(ScheduledRun)
class ScheduledRunAdmin(LookOnly):
    list_display = ("schedule", "window", "what")
    list_select_related = ("job",)
    ordering = ("-window",)
    sortable_by = ()
    paginator = CappedPaginator

    @admin.display(description=gettext_lazy("job"))
    def what(self, run: ScheduledRun) -> str | SafeString:
        if run.job is None:
            return "–"
        address = reverse("admin:jobs_job_change", args=[run.job.pk])
        return format_html(
            '<a href="{}"><code>{}</code></a> {}', address, run.job.shown_code, badge(State(run.job.state))
        )


admin.site.unregister(PeriodicTask)
admin.site.unregister(GroupResult)  # no groups of Celery's are used here


@admin.register(PeriodicTask)
class ScheduleAdmin(PeriodicTaskAdmin):  # type: ignore[misc]
    """django-celery-beat's own page, but without its inline script, and its runs are jobs."""

    change_form_template = None
    date_hierarchy = None
    show_facets = admin.ShowFacets.NEVER
    list_display = ("name", "enabled", "scheduler", "task", "last_run_at")
    list_filter = ("enabled",)
    actions = ("enable_tasks", "disable_tasks", "run_now")

    @admin.action(description=gettext_lazy("Run now"))
    def run_now(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> HttpResponse | None:
        chosen = list(queryset)
        known = [entry for entry in chosen if entry.task in tasks.registered()]
        if "confirmed" not in request.POST:
            question = ngettext("Run %(count)d schedule now?", "Run %(count)d schedules now?", len(known))
            return confirm(
                self,
                request,
                title=_("Run now"),
                question=question % {"count": len(known)},
                consequence=_("One job is submitted for each, beside the runs that fall due by themselves."),
                left_alone=len(chosen) - len(known),
                names=[entry.name for entry in known],
                hidden=[("action", "run_now"), *((ACTION_CHECKBOX_NAME, entry.pk) for entry in known)],
                button=_("Run now"),
                back=request.get_full_path(),
            )
        for entry in known:
            try:
                job = services.submit(tasks.get(entry.task), **json.loads(entry.kwargs or "{}"))
            except TypeError as error:
                self.message_user(request, f"{entry.name}: {error}", messages.ERROR)
                continue
            self.log_change(request, entry, f"Run now: {job.shown_code}")
            address = reverse("admin:jobs_job_change", args=[job.pk])
            sentence = format_html('{}: <a href="{}"><code>{}</code></a>', entry.name, address, job.shown_code)
            self.message_user(request, sentence, messages.SUCCESS)
        return None
