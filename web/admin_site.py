"""The admin: Django's own, entered through the site's sign-in, by operators."""

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.overview import overview

SECTIONS: Final = ("jobs", "django_celery_beat", "reports", "media_pipeline", "orders", "catalog", "accounts")
PAGES: Final = ("Job", "QueueState", "Worker", "Breaker", "ScheduledRun", "PeriodicTask")


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


class BackroomAdminSite(AdminSite):
    site_header = _("Backroom")
    site_title = _("Backroom")
    index_title = _("Overview")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().each_context(request), "admin_index": reverse("admin:index")}

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Sections and pages in the order in which operators reach for them; the rest follows by name."""
        sections = super().get_app_list(request, app_label)
        for section in sections:
            section["models"].sort(key=lambda page: _place(page["object_name"], PAGES))
        return sorted(sections, key=lambda section: _place(section["app_label"], SECTIONS))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        now = timezone.now()
        ours = {"overview": overview(now), "now": now, "flower_url": settings.FLOWER_URL}
        return super().index(request, {**ours, **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Who has not signed in does so on the site's page; who has, and is not an operator, is refused."""
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index"))
