"""Reads of people that are worth a name."""

from django.db.models import QuerySet

from shop.accounts.models import Role, User


def with_role(role: Role) -> QuerySet[User]:
    """The active people who hold ``role``, by name."""
    return User.objects.filter(roles__contains=[role], is_active=True).order_by("username")
