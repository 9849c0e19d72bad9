from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("", views.report_list, name="list"),
    path("new/", views.new, name="new"),
    path("new/rows/", views.rows, name="rows"),
    path("file/<str:token>/", views.file, name="file"),
    path("<str:code>/", views.detail, name="detail"),
    path("<str:code>/live/", views.live, name="live"),
    path("<str:code>/download/", views.download, name="download"),
    path("<str:code>/cancel/", views.cancel, name="cancel"),
    path("<str:code>/again/", views.again, name="again"),
]
