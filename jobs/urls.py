from django.urls import path

from jobs import views

app_name = "jobs"
urlpatterns = [
    path("", views.job_list, name="list"),
    path("active/", views.active, name="active"),
    path("bulk/", views.bulk, name="bulk"),
    path("<str:code>/", views.detail, name="detail"),
    path("<str:code>/live/", views.live, name="live"),
    path("<str:code>/cancel/", views.cancel, name="cancel"),
    path("<str:code>/retry/", views.retry, name="retry"),
]
