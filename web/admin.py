from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[LogEntry]
else:
    ModelAdmin = admin.ModelAdmin


@admin.register(LogEntry)
class LogAdmin(ModelAdmin):
    """Who changed what through the admin. Nobody edits it."""

    list_display = ("action_time", "user", "content_type", "object_repr", "what")
    list_filter = (("content_type", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("user", "content_type")
    list_display_links = None
    search_fields = ("object_repr", "user__username")
    ordering = ("-action_time",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False
    sortable_by = ()

    @admin.display(description=_("what"))
    def what(self, entry: LogEntry) -> str:
        return entry.get_change_message()

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False
