"""Which pages a person finds in the rail or the bar, by role."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop.accounts.models import Role, User

#: Places in the bar of a phone; what comes after them goes under "More".
BAR_PLACES: Final = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One link. ``overflows``: not among the first on a phone."""

    label: str | Promise
    icon: str
    url: str
    group: str | Promise
    current: bool
    overflows: bool


def navigation(request: HttpRequest, person: User) -> list[Item]:
    """The links of ``person``, in order; the one that ``request`` is under is current."""
    here = request.path
    pages = list(_pages(person))
    current = max((url for _group, _label, _icon, url in pages if _is_under(here, url)), key=len, default="")
    too_many = len(pages) > BAR_PLACES + 1
    return [
        Item(label, icon, url, group, current=url == current, overflows=too_many and place >= BAR_PLACES)
        for place, (group, label, icon, url) in enumerate(pages)
    ]


def _is_under(path: str, url: str) -> bool:
    return path == url or (url != reverse("web:home") and path.startswith(url))


def _pages(person: User) -> Iterator[tuple[str | Promise, str | Promise, str, str]]:
    yield "", _("Home"), "house", reverse("web:home")
    yield "", _("My jobs"), "list-checks", reverse("jobs:list")
    yield "", _("Track"), "search", reverse("web:track")
    if person.has_role(Role.SHOPPER, Role.OWNER):
        yield "", _("My media"), "image", reverse("media:list")
    if person.has_role(Role.OWNER):
        shop = _("Shop")
        yield shop, _("Orders"), "shopping-bag", reverse("orders:list")
        yield shop, _("Products"), "tag", reverse("catalog:list")
        yield shop, _("Product pictures"), "images", reverse("media:products")
        yield shop, _("Reports"), "file-spreadsheet", reverse("reports:list")
    if person.has_role(Role.OPERATOR):
        operations = _("Operations")
        yield operations, _("Queues"), "layers", reverse("web:queues")
        yield operations, _("Admin"), "wrench", reverse("admin:index")
        yield operations, _("Flower"), "flower-2", settings.FLOWER_URL
