from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.task import current, job
from reports import retention


@job(queue="reports", title=_("Report"), patience=11)
def build_report(*, report_id: str) -> dict[str, Any]:
    from reports import building  # noqa: PLC0415 (what writers need is large, and only workers need it)

    return building.build(UUID(report_id), run=current())


@job(queue="mail", title=_("Mail about a report"))
def mail_report(*, report_id: str) -> None:
    from reports import mailing  # noqa: PLC0415 (only workers need it)

    mailing.send(UUID(report_id), run=current(), now=timezone.now())


@job(queue="control", title=_("Reports that come by themselves"))
def run_schedules() -> dict[str, Any]:
    from reports import schedules  # noqa: PLC0415 (it needs this module)

    return {"asked": schedules.run_due(timezone.now()), "mails": schedules.mail_finished()}


@job(queue="control", title=_("Sweep of report files"))
def sweep() -> dict[str, Any]:
    return dict(retention.sweep(timezone.now()))
