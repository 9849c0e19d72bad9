"""What a browser remembers about how the site looks: language and theme, as cookies, signed in or not."""

from typing import Final

from django.conf import settings
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

#: Each language by its own name, whatever the page's language.
LANGUAGES: Final = {"vi": "Tiếng Việt", "en": "English"}
THEME_COOKIE: Final = "theme"
_YEAR: Final = 365 * 24 * 3600


class Theme(TextChoices):
    SYSTEM = "system", _("Like the device")
    LIGHT = "light", _("Light")
    DARK = "dark", _("Dark")


def theme_of(request: HttpRequest) -> str:
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in Theme.values else Theme.SYSTEM.value


def remember_theme(response: HttpResponseBase, theme: str) -> None:
    _remember(response, THEME_COOKIE, theme)


def remember_language(response: HttpResponseBase, language: str) -> None:
    _remember(response, settings.LANGUAGE_COOKIE_NAME, language)


def _remember(response: HttpResponseBase, name: str, value: str) -> None:
    response.set_cookie(
        name, value, max_age=_YEAR, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE, httponly=True
    )
