"""What becomes of an uploaded file: it is kept, looked at, made into what people can watch, and only then shown.

Killed anywhere, it leaves nothing that anybody sees: what is stored counts only once a rendition names it, and all
renditions of one making are written in one transaction with the asset's outcome. What was stored and never named is
swept by ``retention``.
"""

import os
import shutil
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from jobs.adapters import storage
from jobs.run import Run
from jobs.task import Permanent
from media_pipeline import files, long_videos, making, services
from media_pipeline.making import Making, Steps
from media_pipeline.models import Asset, Outcome
from media_pipeline.publishing import publish
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused
from media_pipeline.workplace import LOOK, PERCENT, source, tools, workplace

_LOOKING: Final = gettext_noop("looking at it")


def process(asset_id: UUID, *, run: Run) -> dict[str, Any]:
    """Makes the asset's renditions, once more where there are some; returns the job's result, a link to the asset.

    Raises Cancelled and LeaseLost (nothing of this attempt is left), Transient where a disk is full or the storage is
    away, Permanent where the asset is gone.
    """
    asset = Asset.objects.filter(pk=asset_id).select_related("owner").first()
    if asset is None:
        raise Permanent(_("It was deleted, so there is nothing to make."))
    with translation.override(asset.owner.language), storage.room(), workplace(run) as folder:
        if not long_videos.is_cut(asset, run):
            _work(asset, folder, run)
    services.drop_arrived_file(asset)
    return {"url": asset.get_absolute_url(), "label": LOOK}


def _work(asset: Asset, folder: Path, run: Run) -> None:
    run.progress(0, None, _LOOKING)
    _fetch(asset, source(folder), run)
    try:
        found = _make(asset, folder, run)
    except Refused as refusal:
        _refuse(asset, refusal.reason, run)
        return
    if found.parts:
        long_videos.hand_over(asset, found, folder, run)
    else:
        publish(asset, found, run)


def _fetch(asset: Asset, target: Path, run: Run) -> None:
    """Puts the uploaded file at ``target``, and into storage where it is not yet."""
    arrived = services.arrived_file(asset)
    if arrived is None and not asset.original_key:
        raise Permanent(_("The uploaded file is no longer there. Upload it again."))
    if arrived is None:
        files.fetch(asset.original_key, target, run.checkpoint)
        return
    try:
        os.link(arrived, target)
    except OSError:  # on another file system
        shutil.copyfile(arrived, target)
    if asset.original_key:
        return
    key, sha256 = files.store_original(asset.pk, files.making_of(run), target, run.checkpoint)
    with transaction.atomic():
        run.hold()
        kept = Asset.objects.filter(pk=asset.pk, original_key="").update(original_key=key, sha256=sha256)
    if not kept:
        storage.delete(key)
        raise Permanent(_("It was deleted, so there is nothing to make."))
    asset.original_key, asset.sha256 = key, sha256


def _make(asset: Asset, folder: Path, run: Run) -> Making:
    """Raises Refused, Transient where this machine cannot make videos."""

    def looked_at(kind: str, facts: dict[str, Any]) -> None:
        Asset.objects.filter(pk=asset.pk).update(kind=kind, facts=facts)

    def progress(share: float) -> None:
        run.progress(int(share * 100), 100, PERCENT)

    steps = Steps(looked_at=looked_at, progress=progress, checkpoint=run.checkpoint)
    return making.make(source(folder), folder / "out", steps, tools=tools)


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
