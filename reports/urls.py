from django.urls import path

from reports import saved_views, views

app_name = "reports"
urlpatterns = [
    path("", views.report_list, name="list"),
    path("new/", views.choose, name="choose"),
    path("new/<slug:kind>/", views.new, name="new"),
    path("new/<slug:kind>/rows/", views.rows, name="rows"),
    path("saved/", saved_views.everything, name="saved-list"),
    path("saved/<uuid:pk>/", saved_views.detail, name="saved"),
    path("saved/<uuid:pk>/make/", saved_views.make, name="saved-make"),
    path("saved/<uuid:pk>/delete/", saved_views.delete, name="saved-delete"),
    path("file/<str:token>/", views.file, name="file"),
    path("<str:code>/", views.detail, name="detail"),
    path("<str:code>/live/", views.live, name="live"),
    path("<str:code>/download/", views.download, name="download"),
    path("<str:code>/cancel/", views.cancel, name="cancel"),
    path("<str:code>/again/", views.again, name="again"),
    path("<str:code>/save/", saved_views.save, name="save"),
]
