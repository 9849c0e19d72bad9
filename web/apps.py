from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class WebConfig(AppConfig):
    name = "web"
    verbose_name = _("Web")


class BackroomAdminConfig(AdminConfig):
    default_site = "web.admin_site.BackroomAdminSite"
