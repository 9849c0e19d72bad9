"""Reports that are saved under a name, and come by themselves.

A run falls due once: its time is moved on in the transaction that asks for the report. What fell due while nothing ran
comes once, not once for each time missed.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from jobs import services as jobs
from jobs.models import TERMINAL
from jobs.services import NotAllowed
from reports import queries, services
from reports.choice import Choice
from reports.models import Report, SavedReport
from reports.periods import Period
from reports.recurrence import Recurrence
from reports.specs import UnknownChoice
from reports.tasks import mail_report
from shop.accounts.models import User

#: Reports that one person can save.
MOST_SAVED: Final = 50
#: What is due is taken in such numbers, so that no run of this is long.
_BATCH: Final = 200


class NameTaken(Exception):
    """This person has another saved report of that name."""


def save(
    *,
    owner: User,
    choice: Choice,
    language: str,
    name: str,
    period: str,
    recurrence: Recurrence,
    by_mail: bool,
    now: datetime,
) -> SavedReport:
    """Keeps ``choice`` for a ``period`` of ``periods.NAMES``. Raises NotAllowed, UnknownChoice, NameTaken."""
    queries.check_may_have(owner, choice)
    choice = choice.checked()
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        theirs = SavedReport.objects.filter(owner=owner)
        if theirs.filter(name=name).exists():
            raise NameTaken
        if theirs.count() >= MOST_SAVED:
            raise NotAllowed(_("You have as many saved reports as one can have. Delete one that you no longer need."))
        return SavedReport.objects.create(
            owner=owner,
            kind=choice.kind,
            format=choice.format,
            columns=choice.columns,
            filters=choice.filters,
            order=choice.order,
            language=language,
            name=name,
            **_timing(period, recurrence, now, by_mail=by_mail),
        )


def change(*, saved: SavedReport, name: str, period: str, recurrence: Recurrence, by_mail: bool, now: datetime) -> None:
    """Renames it and says anew when it comes. Raises NameTaken."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=saved.owner_id)
        if SavedReport.objects.filter(owner=saved.owner_id, name=name).exclude(pk=saved.pk).exists():
            raise NameTaken
        SavedReport.objects.filter(pk=saved.pk).update(
            name=name, problem="", **_timing(period, recurrence, now, by_mail=by_mail)
        )


def _timing(period: str, recurrence: Recurrence, now: datetime, *, by_mail: bool) -> dict[str, object]:
    return {
        "period": period,
        "every": recurrence.every,
        "weekday": recurrence.weekday,
        "day": recurrence.day,
        "hour": recurrence.hour,
        "by_mail": by_mail,
        "next_at": recurrence.next_after(now, timezone.get_default_timezone()),
    }


def delete(*, saved: SavedReport) -> None:
    """The reports made from it stay."""
    saved.delete()


def make(*, saved: SavedReport, now: datetime, by_mail: bool = False) -> Report:
    """Asks for the report, in its own language, for its period as of ``now``. Raises NotAllowed, UnknownChoice."""
    period = Period.named(saved.period, today=timezone.localdate(now, timezone.get_default_timezone()))
    with translation.override(saved.language):
        return services.request_report(
            owner=saved.owner, choice=saved.choice, period=period, now=now, saved=saved, by_mail=by_mail
        )


def run_due(now: datetime) -> int:
    """Asks for every report whose time has come; returns how many. Safe to run twice at once and to kill anywhere."""
    asked = 0
    for pk in SavedReport.objects.filter(next_at__lte=now).order_by("next_at").values_list("pk", flat=True)[:_BATCH]:
        with transaction.atomic():
            saved = (
                SavedReport.objects.select_for_update(skip_locked=True, of=("self",))
                .select_related("owner")
                .filter(pk=pk, next_at__lte=now)
                .first()
            )
            if saved is None:
                continue  # somebody else has it
            asked += _run(saved, now)
    return asked


def _run(saved: SavedReport, now: datetime) -> bool:
    saved.next_at = saved.recurrence.next_after(now, timezone.get_default_timezone())
    saved.problem = ""
    try:
        make(saved=saved, now=now, by_mail=saved.by_mail)
    except NotAllowed as error:
        saved.problem = _in_language_of(saved, error.args[0])
    except UnknownChoice:
        saved.problem = _in_language_of(saved, _("A column or a filter of it is no longer there. Save it anew."))
    saved.save(update_fields=["next_at", "problem"])
    return not saved.problem


def _in_language_of(saved: SavedReport, sentence: str | Promise) -> str:
    with translation.override(saved.language):
        return str(sentence)


def mail_finished() -> int:
    """Has a mail written about each report that its owner waits for and that is over; returns how many."""
    over = Report.objects.filter(Q(ready_at__isnull=False) | Q(job=None) | Q(job__state__in=TERMINAL), mail_due=True)
    submitted = 0
    for pk in list(over.values_list("pk", flat=True)[:_BATCH]):
        with transaction.atomic():
            if Report.objects.filter(pk=pk, mail_due=True).update(mail_due=False):
                _submit_mail(pk)
                submitted += 1
    return submitted


def _submit_mail(pk: UUID) -> None:
    report = Report.objects.select_related("owner").get(pk=pk)
    if report.owner.email:
        jobs.submit(mail_report, owner=report.owner, report_id=str(pk))
