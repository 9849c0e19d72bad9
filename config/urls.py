from django.contrib import admin
from django.urls import include, path

from jobs import health, metrics
from web.api import api

handler400 = "web.views.bad_request"
handler403 = "web.views.permission_denied"
handler404 = "web.views.page_not_found"
handler500 = "web.views.server_error"

urlpatterns = [
    path("", include("web.urls")),
    path("jobs/", include("jobs.urls")),
    path("orders/", include("shop.orders.urls")),
    path("products/", include("shop.catalog.urls")),
    path("media/", include("media_pipeline.urls")),
    path("reports/", include("reports.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("healthz/live", health.live, name="live"),
    path("healthz/ready", health.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
]
