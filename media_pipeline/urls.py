from django.urls import path

from media_pipeline import upload_views, views

app_name = "media"
urlpatterns = [
    path("", views.asset_list, name="list"),
    path("upload/", upload_views.page, name="upload"),
    path("uploads/", upload_views.create, name="uploads"),
    path("uploads/<uuid:pk>/", upload_views.upload, name="upload-bytes"),
    path("uploads/<uuid:pk>/abandon/", upload_views.abandon, name="upload-abandon"),
    path("file/<str:token>/<str:name>", views.file, name="file"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/live/", views.live, name="live"),
    path("<uuid:pk>/again/", views.again, name="again"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
]
