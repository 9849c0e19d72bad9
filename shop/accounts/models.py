from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a person does in the shop. It decides which pages they have; one person may hold several."""

    SHOPPER = "shopper", _("Shopper")
    OWNER = "owner", _("Shop owner")
    MODERATOR = "moderator", _("Moderator")
    FINANCE = "finance", _("Finance clerk")
    OPERATOR = "operator", _("Operator")
    CUSTOMER_DATA = "customer_data", _("May have lists of customers")


def shopper_only() -> list[str]:
    return [Role.SHOPPER]


class User(AbstractUser):
    """A person who signs in. Operators are also Django staff; everything else follows from ``roles``."""

    roles = ArrayField(
        models.CharField(max_length=20, choices=Role.choices), default=shopper_only, verbose_name=_("roles")
    )
    language = models.CharField(_("language"), max_length=5, default="vi")

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")

    @property
    def shown_name(self) -> str:
        """Family name first, as Vietnamese names are; the user name where there is no other."""
        return f"{self.last_name} {self.first_name}".strip() or self.get_username()

    def has_role(self, *roles: str) -> bool:
        """True where this active person holds at least one of ``roles``; superusers hold all."""
        return self.is_active and (self.is_superuser or bool(set(roles) & set(self.roles)))
