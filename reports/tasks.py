from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.task import current, job
from reports import retention


@job(queue="reports", title=_("Report"))
def build_report(*, report_id: str) -> dict[str, Any]:
    from reports import building  # noqa: PLC0415 (what writers need is large, and only workers need it)

    return building.build(UUID(report_id), run=current())


@job(queue="control", title=_("Sweep of report files"))
def sweep() -> dict[str, Any]:
    return dict(retention.sweep(timezone.now()))
