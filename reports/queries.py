"""Reading about reports."""

from django.db.models import QuerySet

from jobs.models import CODE_LENGTH, clean_code
from reports.models import Report
from shop.accounts.models import Role, User


def may_have_reports(person: User) -> bool:
    """Reports hold the shop's whole trade: they are for its owners."""
    return person.has_role(Role.OWNER)


def of_owner(owner: User) -> QuerySet[Report]:
    """A person's own reports with their jobs, newest first; none for somebody who may not have any."""
    if not may_have_reports(owner):
        return Report.objects.none()
    return Report.objects.filter(owner_id=owner.pk).select_related("job", "owner").order_by("-created_at", "-id")


def by_code(code: str, *, viewer: User) -> Report | None:
    """The report with this code, as a person typed it. None for an unknown code and for somebody else's alike."""
    wanted = clean_code(code)
    return of_owner(viewer).filter(code=wanted).first() if len(wanted) == CODE_LENGTH else None
