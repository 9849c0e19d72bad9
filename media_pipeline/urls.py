from django.urls import path

from media_pipeline import product_views, upload_views, views

app_name = "media"
urlpatterns = [
    path("", views.asset_list, name="list"),
    path("upload/", upload_views.page, name="upload"),
    path("uploads/", upload_views.create, name="uploads"),
    path("uploads/<uuid:pk>/", upload_views.upload, name="upload-bytes"),
    path("uploads/<uuid:pk>/abandon/", upload_views.abandon, name="upload-abandon"),
    path("products/", product_views.product_list, name="products"),
    path("products/<int:pk>/", product_views.product, name="product"),
    path("products/<int:pk>/live/", product_views.live, name="product-live"),
    path("products/<int:pk>/choose/", product_views.choose, name="product-choose"),
    path("products/<int:pk>/<uuid:asset>/move/", product_views.move, name="product-move"),
    path("products/<int:pk>/<uuid:asset>/describe/", product_views.describe, name="product-describe"),
    path("products/<int:pk>/<uuid:asset>/remove/", product_views.remove, name="product-remove"),
    path("file/<str:token>/<str:name>", views.file, name="file"),
    path("<uuid:pk>/", views.detail, name="detail"),
    path("<uuid:pk>/live/", views.live, name="live"),
    path("<uuid:pk>/again/", views.again, name="again"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
]
