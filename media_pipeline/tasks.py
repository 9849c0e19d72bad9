from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.task import current, job


@job(queue="media", name="media.process", title=_("Pictures and videos"))
def process(*, asset_id: str) -> dict[str, Any]:
    from media_pipeline import processing  # noqa: PLC0415 (what it needs is large, and only workers need it)

    return processing.process(UUID(asset_id), run=current())


@job(queue="control", name="media.sweep_uploads", title=_("Sweep of uploads"))
def sweep_uploads() -> dict[str, Any]:
    from media_pipeline import services  # noqa: PLC0415 (it needs this module)

    return services.sweep_uploads(timezone.now())
