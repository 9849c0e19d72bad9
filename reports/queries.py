"""Reading about reports."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from jobs.models import CODE_LENGTH, clean_code
from jobs.services import NotAllowed
from reports.choice import Choice
from reports.models import Report, SavedReport
from shop.accounts.models import Role, User


def may_have_reports(person: User) -> bool:
    """Reports hold the shop's whole trade: they are for its owners."""
    return person.has_role(Role.OWNER)


def may_have_personal_data(person: User) -> bool:
    """Who a customer is takes a role of its own."""
    return person.has_role(Role.CUSTOMER_DATA)


def check_may_have(person: User, choice: Choice) -> None:
    """Raises NotAllowed for somebody who may not have such a report, UnknownChoice."""
    if not may_have_reports(person):
        raise NotAllowed(_("Reports are for the owners of the shop."))
    if choice.is_personal and not may_have_personal_data(person):
        raise NotAllowed(
            _("This report says something about customers, and you may not have that. Ask an operator for the role.")
        )


def saved_of(owner: User) -> QuerySet[SavedReport]:
    """A person's saved reports, by name; none for somebody who may not have any."""
    if not may_have_reports(owner):
        return SavedReport.objects.none()
    return SavedReport.objects.filter(owner_id=owner.pk).select_related("owner").order_by("name")


def saved_by_id(pk: UUID, *, viewer: User) -> SavedReport | None:
    """None for an unknown id and for somebody else's alike."""
    return saved_of(viewer).filter(pk=pk).first()


def of_owner(owner: User) -> QuerySet[Report]:
    """A person's own reports with their jobs, newest first; none for somebody who may not have any."""
    if not may_have_reports(owner):
        return Report.objects.none()
    return Report.objects.filter(owner_id=owner.pk).select_related("job", "owner").order_by("-created_at", "-id")


def by_code(code: str, *, viewer: User) -> Report | None:
    """The report with this code, as a person typed it. None for an unknown code and for somebody else's alike."""
    wanted = clean_code(code)
    return of_owner(viewer).filter(code=wanted).first() if len(wanted) == CODE_LENGTH else None
