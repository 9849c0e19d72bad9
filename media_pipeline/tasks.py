from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.task import current, job


@job(queue="media", name="media.process", title=_("Pictures and videos"), patience=11)
def process(*, asset_id: str) -> dict[str, Any]:
    from media_pipeline import toolbox  # noqa: PLC0415 (what it needs is large)
    from media_pipeline.processing import process as work_on  # noqa: PLC0415 (the same)

    return work_on(UUID(asset_id), run=current()) | {"tools": toolbox.here()}


@job(queue="media", name="media.make_part", title=_("Part of a video"), patience=11)
def make_part(*, part_id: str) -> dict[str, Any]:
    from media_pipeline import toolbox  # noqa: PLC0415 (what it needs is large)
    from media_pipeline.long_videos import make_part as make  # noqa: PLC0415 (the same)

    return make(UUID(part_id), run=current()) | {"tools": toolbox.here()}


@job(queue="media", name="media.finish_video", title=_("Pictures and videos"), patience=11)
def finish_video(*, asset_id: str) -> dict[str, Any]:
    from media_pipeline import toolbox  # noqa: PLC0415 (what it needs is large)
    from media_pipeline.long_videos import finish  # noqa: PLC0415 (the same)

    return finish(UUID(asset_id), run=current()) | {"tools": toolbox.here()}


@job(queue="control", name="media.sweep_uploads", title=_("Sweep of uploads"))
def sweep_uploads() -> dict[str, Any]:
    from media_pipeline.services import sweep_uploads as sweep  # noqa: PLC0415 (it needs this module)

    return sweep(timezone.now())


@job(queue="control", name="media.sweep_files", title=_("Sweep of media files"))
def sweep_files() -> dict[str, Any]:
    from media_pipeline import retention  # noqa: PLC0415 (only workers need it)

    return dict(retention.sweep(timezone.now()))
