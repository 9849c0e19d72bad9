"""The mail that says that a report is there, or why not. It leads to the report's page, which asks who is there: the
mail itself lets nobody at the file."""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from jobs.run import Run
from jobs.task import LeaseLost
from reports.adapters import mail
from reports.models import Report, State


def send(report_id: UUID, *, run: Run, now: datetime) -> None:
    """Mails the report's owner. Raises Transient where the mail server does not take it, LeaseLost."""
    report = Report.objects.select_related("owner", "job", "saved").filter(pk=report_id).first()
    if report is None or not report.owner.email:
        return
    with translation.override(report.language):
        message = _message(report, now, f"{run.id}")
        if not run.lease_ok():
            raise LeaseLost
        mail.send(message)


def _message(report: Report, now: datetime, token: str) -> EmailMessage:
    state = report.state_at(now)
    name = report.saved.name if report.saved else str(report)
    subject = _("Ready: %(name)s") if state in {State.READY, State.EXPIRED} else _("Could not be made: %(name)s")
    context = {
        "report": report,
        "name": name,
        "ready": state in {State.READY, State.EXPIRED},
        "reason": report.job.error_message if report.job else "",
        "address": f"{settings.SITE_URL}{report.get_absolute_url()}",
    }
    return EmailMessage(
        subject % {"name": name},
        render_to_string("reports/mail.txt", context),
        to=[report.owner.email],
        # The same for every attempt, so that a mail sent twice is one in the reader's mailbox.
        headers={"Message-ID": f"<{token}@{urlsplit(settings.SITE_URL).hostname}>"},
    )
