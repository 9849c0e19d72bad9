from django.urls import path

from shop.orders import views

app_name = "orders"
urlpatterns = [
    path("", views.order_list, name="list"),
    path("<path:code>/", views.detail, name="detail"),
]
