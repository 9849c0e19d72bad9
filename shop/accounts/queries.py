"""Reads of people that are worth a name."""

from django.db.models import QuerySet

from shop.accounts.models import Role, User


def with_role(role: Role) -> QuerySet[User]:
    """The active people who hold ``role``, by name."""
    return User.objects.filter(roles__contains=[role], is_active=True).order_by("username")


def user_name_for(name: str) -> str:
    """The user name behind what a person typed to sign in: that itself, or the e-mail of exactly one person."""
    if "@" in name and not User.objects.filter(username=name).exists():
        matches = User.objects.filter(email__iexact=name).values_list("username", flat=True)[:2]
        if len(matches) == 1:
            return matches[0]
    return name
