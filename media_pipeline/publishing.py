"""What was made of an asset becomes what people see: stored first, then recorded, all of it or nothing."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from jobs.adapters import storage
from jobs.run import Run
from jobs.task import Cancelled, LeaseLost, Permanent
from media_pipeline import files, making
from media_pipeline.made import Made
from media_pipeline.making import Making
from media_pipeline.models import Asset, Outcome, Rendition, VideoPart

log = logging.getLogger(__name__)

#: Characters of a log that are kept.
LOG: Final = 20_000


def publish(asset: Asset, found: Making, run: Run) -> None:
    """Shows what was made in place of what was there before, and deletes that. Raises Cancelled, LeaseLost, Permanent
    where the asset is gone, OSError: nothing of it is left then."""
    if not run.lease_ok():
        raise LeaseLost
    with recording() as stored:
        renditions = store(asset, found.made, stored, run)
        before = _record(asset, found, renditions, run)
    delete(before)


@contextmanager
def recording() -> Iterator[list[str]]:
    """A list for the keys of what is stored and then recorded. Where that says that it was not, the files go."""
    stored: list[str] = []
    try:
        yield stored
    except (Cancelled, LeaseLost, Permanent, OSError):
        delete(stored)
        raise


def store(asset: Asset, made: Sequence[Made], stored: list[str], run: Run) -> list[Rendition]:
    """Stores what was made; returns rows for it that are not saved yet. ``stored`` gets the keys as it goes."""
    return [_stored(asset, one, stored, run) for one in made]


def _stored(asset: Asset, one: Made, stored: list[str], run: Run) -> Rendition:
    keys = files.store(asset.pk, files.making_of(run), one, run.checkpoint)
    stored += keys
    return Rendition(
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
        hold(asset, run)
        keys = [*forget_renditions(asset), *forget_parts(asset)]
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
            log=found.log[-LOG:],
        )
    return keys


def hold(asset: Asset, run: Run) -> None:
    """In a transaction: the job stays ours, and the asset as it is, until that ends. Raises LeaseLost, Permanent where
    the asset is gone."""
    run.hold()
    if not Asset.objects.select_for_update(no_key=True).filter(pk=asset.pk).exists():
        raise Permanent(_("It was deleted while it was being made."))


def forget_renditions(asset: Asset) -> list[str]:
    """Deletes the rows; returns the keys that they named."""
    there = Rendition.objects.filter(asset=asset)
    keys = [key for rendition in there for key in rendition.keys]
    there.delete()
    return keys


def forget_parts(asset: Asset) -> list[str]:
    """Deletes the rows; returns the keys that they named."""
    there = VideoPart.objects.filter(asset=asset)
    keys = [key for part in there for key in part.keys]
    there.delete()
    return keys


def delete(keys: Sequence[str]) -> None:
    for key in dict.fromkeys(keys):
        try:
            storage.delete(key)
        except storage.Away:
            log.warning("%s could not be deleted, and will be swept", key)
