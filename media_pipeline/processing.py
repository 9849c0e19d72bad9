"""What becomes of an uploaded file: it is kept, looked at, made into what people can watch, and only then shown.

Killed anywhere, it leaves nothing that anybody sees: what is stored counts only once a rendition names it, and all
renditions of one making are written in one transaction with the asset's outcome. What was stored and never named is
swept by ``retention``.
"""

import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from jobs.adapters import storage
from jobs.run import Run
from jobs.task import Cancelled, LeaseLost, Permanent, Transient
from media_pipeline import ffmpeg, files, making, services
from media_pipeline.made import Made
from media_pipeline.making import Making, Steps
from media_pipeline.models import Asset, Outcome, Rendition
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused

log = logging.getLogger(__name__)

_LOOKING: Final = gettext_noop("looking at it")
_PERCENT: Final = gettext_noop("percent")
#: Characters of a log that are kept.
_LOG: Final = 20_000


def process(asset_id: UUID, *, run: Run) -> dict[str, Any]:
    """Makes the asset's renditions, once more where there are some; returns the job's result, a link to the asset.

    Raises Cancelled and LeaseLost (nothing of this attempt is left), Transient where a disk is full or the storage is
    away, Permanent where the asset is gone.
    """
    asset = Asset.objects.filter(pk=asset_id).select_related("owner").first()
    if asset is None:
        raise Permanent(_("It was deleted, so there is nothing to make."))
    with translation.override(asset.owner.language), storage.room(), _workplace(run) as folder:
        _work(asset, folder, run)
    services.drop_arrived_file(asset)
    return {"url": asset.get_absolute_url(), "label": _("Look at it")}


@contextmanager
def _workplace(run: Run) -> Iterator[Path]:
    """A folder of this attempt's own. What a killed attempt has left goes first."""
    base = Path(settings.MEDIA_WORK_FOLDER)
    for left in base.glob(f"{run.id}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = base / files.making_of(run)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _work(asset: Asset, folder: Path, run: Run) -> None:
    run.progress(0, None, _LOOKING)
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    # The name is ours: no program gets to see what the person's machine called it.
    source = folder / "in" / "source"
    _fetch(asset, source, run)
    try:
        found = _make(asset, source, folder / "out", run)
    except Refused as refusal:
        _refuse(asset, refusal.reason, run)
        return
    _publish(asset, found, run)


def _fetch(asset: Asset, source: Path, run: Run) -> None:
    """Puts the uploaded file at ``source``, and into storage where it is not yet."""
    arrived = services.arrived_file(asset)
    if arrived is None and not asset.original_key:
        raise Permanent(_("The uploaded file is no longer there. Upload it again."))
    if arrived is None:
        files.fetch(asset.original_key, source, run.checkpoint)
        return
    try:
        os.link(arrived, source)
    except OSError:  # on another file system
        shutil.copyfile(arrived, source)
    if asset.original_key:
        return
    key, sha256 = files.store_original(asset.pk, files.making_of(run), source, run.checkpoint)
    with transaction.atomic():
        run.hold()
        kept = Asset.objects.filter(pk=asset.pk, original_key="").update(original_key=key, sha256=sha256)
    if not kept:
        storage.delete(key)
        raise Permanent(_("It was deleted, so there is nothing to make."))
    asset.original_key, asset.sha256 = key, sha256


def _make(asset: Asset, source: Path, out: Path, run: Run) -> Making:
    """Raises Refused, Transient where this machine cannot make videos."""

    def looked_at(kind: str, facts: dict[str, Any]) -> None:
        Asset.objects.filter(pk=asset.pk).update(kind=kind, facts=facts)

    def progress(share: float) -> None:
        run.progress(int(share * 100), 100, _PERCENT)

    steps = Steps(looked_at=looked_at, progress=progress, checkpoint=run.checkpoint)
    try:
        return making.make(source, out, steps, ffmpeg_path=settings.FFMPEG, ffprobe_path=settings.FFPROBE)
    except ffmpeg.Missing as error:
        log.error("Videos cannot be processed on this machine: %s", error)  # noqa: TRY400 (nothing of ours is wrong)
        raise Transient(_("Videos cannot be processed here at the moment. We will try again.")) from error


def _refuse(asset: Asset, reason: Reason, run: Run) -> None:
    """Nothing is made of the file, and it is not kept. Raises Permanent where something was made of it before."""
    with transaction.atomic():
        run.hold()
        refused = Asset.objects.filter(pk=asset.pk, outcome=Outcome.NONE).update(
            outcome=Outcome.REFUSED, reason=reason, finished_at=Now(), original_key="", ladder=making.VERSION
        )
    if not refused:  # what was made of it before stays, and its original with it
        raise Permanent(reason.label)
    if asset.original_key:
        storage.delete(asset.original_key)


def _publish(asset: Asset, found: Making, run: Run) -> None:
    """Stores what was made, shows it in place of what was there before, and deletes that."""
    if not run.lease_ok():
        raise LeaseLost
    stored: list[str] = []
    try:
        renditions = list(_stored(asset, found.made, stored, run))
        before = _record(asset, found, renditions, run)
    except (Cancelled, LeaseLost, Permanent, OSError):  # which all say that it was not recorded
        _delete(stored)
        raise
    _delete(before)


def _stored(asset: Asset, made: Sequence[Made], stored: list[str], run: Run) -> Iterator[Rendition]:
    """Rows of what was made, once that is stored; ``stored`` is filled with its keys."""
    for one in made:
        keys = files.store(asset.pk, files.making_of(run), one, run.checkpoint)
        stored += keys
        yield Rendition(
            asset=asset,
            name=one.name,
            kind=one.kind,
            key=keys[0],
            keys=keys,
            content_type=one.content_type,
            width=one.width,
            height=one.height,
            size=sum(path.stat().st_size for path in (one.path, *one.extra)),
            bitrate=one.bitrate,
            peak_bitrate=one.peak_bitrate,
            codecs=one.codecs,
        )


def _record(asset: Asset, found: Making, renditions: Sequence[Rendition], run: Run) -> list[str]:
    """Returns the keys of what was there before."""
    with transaction.atomic():
        run.hold()
        if not Asset.objects.select_for_update(no_key=True).filter(pk=asset.pk).exists():
            raise Permanent(_("It was deleted while it was being made."))
        before = Rendition.objects.filter(asset=asset)
        keys = [key for rendition in before for key in rendition.keys]
        before.delete()
        Rendition.objects.bulk_create(renditions)
        Asset.objects.filter(pk=asset.pk).update(
            outcome=Outcome.DEGRADED if found.missing else Outcome.READY,
            reason="",
            missing=found.missing,
            kind=found.kind,
            facts=found.facts,
            placeholder=found.placeholder,
            ladder=making.VERSION,
            finished_at=Now(),
            cpu_seconds=found.cpu,
            log=found.log[-_LOG:],
        )
    return keys


def _delete(keys: Sequence[str]) -> None:
    for key in keys:
        try:
            storage.delete(key)
        except storage.Away:
            log.warning("%s could not be deleted, and will be swept", key)
