from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("", views.report_list, name="list"),
    path("new/", views.choose, name="choose"),
    path("new/<slug:kind>/", views.new, name="new"),
    path("new/<slug:kind>/rows/", views.rows, name="rows"),
    path("saved/", views.saved_list, name="saved-list"),
    path("saved/<uuid:pk>/", views.saved, name="saved"),
    path("saved/<uuid:pk>/make/", views.saved_make, name="saved-make"),
    path("saved/<uuid:pk>/delete/", views.saved_delete, name="saved-delete"),
    path("file/<str:token>/", views.file, name="file"),
    path("<str:code>/", views.detail, name="detail"),
    path("<str:code>/live/", views.live, name="live"),
    path("<str:code>/download/", views.download, name="download"),
    path("<str:code>/cancel/", views.cancel, name="cancel"),
    path("<str:code>/again/", views.again, name="again"),
    path("<str:code>/save/", views.save, name="save"),
]
