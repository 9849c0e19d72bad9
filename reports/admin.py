from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from jobs.admin import LookOnly, badge
from jobs.models import CODE_LENGTH, clean_code
from reports.kinds import KINDS
from reports.models import Report, ReportDownload, SavedReport, State

if TYPE_CHECKING:
    DownloadTable = admin.TabularInline[ReportDownload, Report]
else:
    DownloadTable = admin.TabularInline


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return [(state.value, str(state.label)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Report]) -> QuerySet[Report]:  # noqa: ARG002
        state = self.value()
        return queryset.filter(State(state).condition_at(timezone.now())) if state in State.values else queryset


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002
        return [(spec.name, str(spec.title)) for spec in KINDS.values()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Report]) -> QuerySet[Report]:  # noqa: ARG002
        kind = self.value()
        return queryset.filter(kind=kind) if kind in KINDS else queryset


class DownloadInline(DownloadTable):
    model = ReportDownload
    fields = readonly_fields = ("at", "person", "address")
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Report)
class ReportAdmin(LookOnly):
    """What was asked for, by whom, and who was given it. Operators do not get the files: they are the owner's."""

    list_display = ("__str__", "state_badge", "owner", "row_count", "file_size", "times_downloaded", "created_at")
    list_filter = (StateFilter, KindFilter, "format")
    list_per_page = 50
    list_select_related = ("owner", "job")
    ordering = ("-created_at", "-id")
    sortable_by = ()
    search_fields = ("code",)
    search_help_text = _("A lookup code.")
    exclude = ("file_key",)
    inlines = (DownloadInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        found: QuerySet[Report] = super().get_queryset(request)
        return found.annotate(times=Count("downloads"))

    def get_search_results(
        self,
        request: HttpRequest,  # noqa: ARG002
        queryset: QuerySet[Report],
        search_term: str,
    ) -> tuple[QuerySet[Report], bool]:
        code = clean_code(search_term)
        if not code:
            return queryset, False
        return (queryset.filter(code=code) if len(code) == CODE_LENGTH else queryset.none()), False

    @admin.display(description=_("state"))
    def state_badge(self, report: Report) -> SafeString:
        return badge(report.state_at(timezone.now()))

    @admin.display(description=_("size"))
    def file_size(self, report: Report) -> str:
        return filesizeformat(report.size) if report.size is not None else "–"

    @admin.display(description=_("downloads"))
    def times_downloaded(self, report: Report) -> int:
        times: int = getattr(report, "times", 0)
        return times


@admin.register(SavedReport)
class SavedReportAdmin(LookOnly):
    """What comes by itself, to whom, and what kept it from coming."""

    list_display = ("name", "owner", "kind", "format", "every", "next_at", "problem")
    list_filter = ("every",)
    list_per_page = 50
    list_select_related = ("owner",)
    ordering = ("next_at", "name")
    sortable_by = ()
