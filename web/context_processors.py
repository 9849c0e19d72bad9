from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

from shop.accounts.models import Role
from web.navigation import navigation
from web.preferences import LANGUAGES, theme_of


def shell(request: HttpRequest) -> dict[str, Any]:
    """What the frame of every page shows: navigation by role, the person, theme and the other language."""
    other = next(code for code in LANGUAGES if code != get_language())
    context: dict[str, Any] = {
        "theme": theme_of(request),
        "other_language": {"code": other, "name": LANGUAGES[other]},
    }
    # An error may be shown for a request that the session's middleware never saw.
    person = getattr(request, "user", None)
    if person is not None and person.is_authenticated:
        items = navigation(request, person)
        context |= {
            "navigation": items,
            "navigation_overflows": any(item.overflows for item in items),
            "person_name": person.shown_name,
            "person_short_name": person.first_name or person.shown_name,
            "person_roles": ", ".join(str(Role(role).label) for role in person.roles),
        }
    return context
