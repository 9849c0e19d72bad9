"""The door of the reports: asking for one, and being given its file."""

import hashlib
import json
from datetime import datetime
from typing import Final
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import get_language, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from jobs import services as jobs
from jobs.adapters import storage
from jobs.models import ACTIVE
from jobs.services import NotAllowed
from reports import queries
from reports.choice import Choice
from reports.models import Report, SavedReport, State, new_id
from reports.periods import Period
from reports.specs import Format
from reports.tasks import build_report
from shop.accounts.models import User

#: Seconds that an address of a file is good for.
LINK_SECONDS: Final = 300
#: Reports that one person can wait for at once.
MOST_AT_ONCE: Final = 10
_SALT: Final = "reports.file"


class Expired(Exception):
    """The file is no longer kept (or the link to it no longer good); it can be made again."""


class TooMany(NotAllowed):
    """This person waits for as many reports as one can."""


class NotReady(Exception):
    """There is no file yet, or there will be none."""


def request_report(
    *,
    owner: User,
    choice: Choice,
    period: Period,
    now: datetime,
    saved: SavedReport | None = None,
    by_mail: bool = False,
) -> Report:
    """Asks for a report in the current language. The same request while the first is still being made is that one.

    Raises NotAllowed for somebody who may not have it, TooMany for somebody who waits for enough, UnknownChoice for
    what the kind does not have. ``saved``: what it is made from. ``by_mail``: a mail tells the owner when it is over.
    """
    queries.check_may_have(owner, choice)
    choice = choice.checked()
    report = Report(
        id=new_id(),
        owner=owner,
        kind=choice.kind,
        format=choice.format,
        first_day=period.first,
        last_day=period.last,
        columns=choice.columns,
        filters=choice.filters,
        order=choice.order,
        language=get_language() or "vi",
        created_at=now,
        saved=saved,
        mail_due=by_mail,
    )
    with transaction.atomic():
        # Requests of one owner wait for each other here, so that two at once are counted as two.
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        job = jobs.submit(build_report, owner=owner, dedupe_key=_fingerprint(report), report_id=str(report.id))
        if job.arguments["report_id"] != str(report.id):
            return Report.objects.select_related("job", "owner").get(pk=job.arguments["report_id"])
        _check_quota(owner)
        report.job, report.code = job, job.code
        report.save(force_insert=True)
    return report


def _check_quota(owner: User) -> None:
    """Raises TooMany."""
    unfinished = Report.objects.filter(owner=owner, ready_at=None, job__state__in=ACTIVE).count()
    if unfinished >= MOST_AT_ONCE:
        raise TooMany(
            ngettext_lazy(
                "You are waiting for %(count)d report already. Ask again when it is ready, or stop it.",
                "You are waiting for %(count)d reports already. Ask again when one is ready, or stop one.",
                "count",
            )
            % {"count": unfinished}
        )


def _fingerprint(report: Report) -> str:
    """Equal for requests that would make the same file."""
    wanted = [
        report.kind,
        report.format,
        f"{report.first_day}",
        f"{report.last_day}",
        report.columns,
        report.filters,
        report.order,
        report.language,
        f"{report.saved_id}",
    ]
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    return f"report:{report.owner_id}:{digest}"


def request_again(*, report: Report, now: datetime) -> Report:
    """Asks for the same report as of now. Raises NotAllowed, TooMany, UnknownChoice."""
    return request_report(owner=report.owner, choice=report.choice, period=report.period, now=now)


def cancel(*, report: Report, actor: User) -> None:
    """Stops the report being made. What there is of it so far is thrown away, at the latest by the next sweep. Raises
    NotAllowed where it is over."""
    if report.job is None:
        raise NotAllowed(_("This report is over, so there is nothing to stop."))
    jobs.cancel(report.job, actor=actor)


def open_download(*, report: Report, viewer: User, address: str | None, now: datetime) -> str:
    """Writes down that ``viewer`` (at the IP ``address``) is given the file; returns its address, good for
    LINK_SECONDS. Raises Report.DoesNotExist for somebody who may not see the report, NotAllowed for somebody who may
    no longer have its file, NotReady, Expired."""
    _check(report, viewer, now)
    report.downloads.create(person=viewer, at=now, address=address)
    link = storage.link(
        report.file_key,
        file_name=report.file_name,
        content_type=Format(report.format).content_type,
        seconds=LINK_SECONDS,
    )
    if link is not None:
        return link
    token = signing.dumps({"report": str(report.pk), "person": viewer.pk}, salt=_SALT)
    return reverse("reports:file", kwargs={"token": token})


def report_of_link(token: str, *, viewer: User, now: datetime) -> Report:
    """The report whose file the address of ``open_download`` stands for.

    Raises Report.DoesNotExist for an address that we did not give to ``viewer``, NotAllowed, Expired for one given too
    long ago.
    """
    try:
        given = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
    except signing.SignatureExpired:
        raise Expired from None
    except signing.BadSignature:
        raise Report.DoesNotExist from None
    if given["person"] != viewer.pk:
        raise Report.DoesNotExist
    report = Report.objects.select_related("job", "owner").get(pk=UUID(given["report"]))
    _check(report, viewer, now)
    return report


def _check(report: Report, viewer: User, now: datetime) -> None:
    if report.owner_id != viewer.pk or not queries.may_have_reports(viewer):
        raise Report.DoesNotExist
    queries.check_may_have(viewer, report.choice)
    state = report.state_at(now)
    if state == State.EXPIRED:
        raise Expired
    if state != State.READY:
        raise NotReady
