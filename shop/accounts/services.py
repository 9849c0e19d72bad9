"""What changes people."""

from collections.abc import Collection

from django.conf import settings
from django.db import transaction

from shop.accounts.demo import DEMO_PASSWORD, DEMO_PEOPLE
from shop.accounts.models import Role, User


class DemoPeopleRefused(Exception):
    """This site is a public one: people with a password that everybody knows do not belong there."""


def create_person(
    *,
    username: str,
    email: str,
    password: str,
    roles: Collection[Role] = (Role.SHOPPER,),
    first_name: str = "",
    last_name: str = "",
    language: str = "vi",
) -> User:
    """A new person who can sign in at once.

    The password is taken as it is: forms validate it, where its owner can still mend it. Raises
    django.db.IntegrityError where the user name is taken.
    """
    return User.objects.create_user(
        username=username,
        email=email,
        password=password,
        first_name=first_name,
        last_name=last_name,
        language=language,
        roles=sorted(roles),
        is_staff=Role.OPERATOR in roles,
    )


def change_profile(
    *, person: User, first_name: str | None = None, last_name: str | None = None, language: str | None = None
) -> None:
    """What people may change about themselves; None leaves it as it is."""
    given = {"first_name": first_name, "last_name": last_name, "language": language}
    changes = {name: value for name, value in given.items() if value is not None}
    for name, value in changes.items():
        setattr(person, name, value)
    person.save(update_fields=list(changes))


@transaction.atomic
def set_roles(*, person: User, roles: Collection[str]) -> None:
    """Gives ``person`` exactly these roles. Django's own flag for its admin follows the role of operator."""
    person.roles = sorted(roles)
    person.is_staff = Role.OPERATOR in roles or person.is_superuser
    person.save(update_fields=["roles", "is_staff"])


@transaction.atomic
def ensure_demo_people() -> list[User]:
    """One person of each role, with ``DEMO_PASSWORD``; those who exist already are left as they are.

    Raises DemoPeopleRefused on a site that serves https, which is how a public one is told from a machine of one's own.
    """
    if settings.SECURE_SSL_REDIRECT:
        raise DemoPeopleRefused("Demo people have a public password; this site is set up for the public (HTTPS_ONLY).")
    existing = {person.username: person for person in User.objects.filter(username__in=DEMO_PEOPLE)}
    return [
        existing.get(username)
        or create_person(
            username=username,
            email=f"{username}@demo.backroom.test",
            password=DEMO_PASSWORD,
            roles=[Role(role) for role in roles],
            first_name=first_name,
            last_name=last_name,
        )
        for username, (last_name, first_name, roles) in DEMO_PEOPLE.items()
    ]
