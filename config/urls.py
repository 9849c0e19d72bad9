from django.contrib import admin
from django.urls import include, path

from jobs import health

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz/live", health.live, name="live"),
    path("healthz/ready", health.ready, name="ready"),
]
