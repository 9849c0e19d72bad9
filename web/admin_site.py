"""The admin: Django's own, entered through the site's sign-in, by operators."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import Role


class BackroomAdminSite(AdminSite):
    site_header = _("Backroom")
    site_title = _("Backroom")
    index_title = _("Overview")
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        return not isinstance(request.user, AnonymousUser) and request.user.has_role(Role.OPERATOR)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """Who is not an operator signs in on the site's page; who has signed in as somebody else is refused there."""
        target = request.GET.get(REDIRECT_FIELD_NAME, "")
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied
        return redirect_to_login(target)
