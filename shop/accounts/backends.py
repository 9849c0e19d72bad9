from django.contrib.auth.backends import BaseBackend
from django.db.models import Model

from shop.accounts.models import Role, User

#: Who may do what is decided by people with a name of their own in the log: superusers. Operators may look.
_PEOPLE: tuple[str, ...] = ("accounts.", "auth.")


class RoleBackend(BaseBackend):
    """Operators may do in the admin whatever its pages offer, except change people. It signs nobody in."""

    def has_perm(self, user_obj: User, perm: str, obj: Model | None = None) -> bool:  # type: ignore[override]  # noqa: ARG002
        if not user_obj.is_authenticated or not user_obj.has_role(Role.OPERATOR):
            return False
        return perm == "accounts.view_user" or not perm.startswith(_PEOPLE)

    def has_module_perms(self, user_obj: User, app_label: str) -> bool:
        return user_obj.is_authenticated and user_obj.has_role(Role.OPERATOR) and app_label != "auth"
