from django.urls import path

from web import views

app_name = "web"
urlpatterns = [
    path("", views.home, name="home"),
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("settings/", views.change_settings, name="settings"),
    path("language/", views.set_language, name="set_language"),
    path("theme/", views.set_theme, name="set_theme"),
    path("track/", views.track, name="track"),
    path("ops/queues/", views.queues, name="queues"),
    path("ops/queues/<str:name>/pause/", views.pause, name="pause"),
    path("ops/queues/<str:name>/resume/", views.resume, name="resume"),
]
