"""A video that takes long: its smallest size is there first, the others come in parts, made by jobs of their own.

Whoever has made the first things cuts the rest into parts and hands over to a group of jobs: one for each part, and one
that puts them together once they have concluded. The asset's job is then that one. A part that is stored and recorded
is not made again, whoever is killed; where some could not be made, trying again makes only those.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from jobs import services as jobs
from jobs.adapters import storage
from jobs.models import Job
from jobs.queries import is_cancel_requested, was_retried
from jobs.run import Run
from jobs.task import LeaseLost, Permanent
from media_pipeline import files, making, parts, publishing, tasks
from media_pipeline.cutting import Part
from media_pipeline.ladder import Plan
from media_pipeline.made import Made
from media_pipeline.making import Making
from media_pipeline.models import Asset, Outcome, Rendition, RenditionKind, VideoPart
from media_pipeline.reasons import Missing
from media_pipeline.refused import Refused
from media_pipeline.video import Work
from media_pipeline.workplace import LOOK, PERCENT, fetch_shared, forget_shared, share, source, tools, workplace

#: What is made once, with the first size, and stays when the others come.
_ONCE: Final = frozenset({RenditionKind.STORYBOARD.value, RenditionKind.CAPTIONS.value})


def is_cut(asset: Asset, run: Run) -> bool:
    """This job has handed over already, and was only kept from saying so."""
    return VideoPart.objects.filter(asset=asset, cut_by=run.id).exists()


def hand_over(asset: Asset, found: Making, folder: Path, run: Run) -> None:
    """Shows what was made first, unless there is more to see from before, and submits the rest. Raises Cancelled,
    LeaseLost, Permanent where the asset is gone, OSError."""
    if not run.lease_ok():
        raise LeaseLost
    with publishing.recording() as stored:
        renditions = publishing.store(asset, found.made, stored, run)
        before = _record_first(asset, found, renditions, run)
    publishing.delete(before)
    share(asset, folder)
    _hand_on_cancellation(asset, run)


def _hand_on_cancellation(asset: Asset, run: Run) -> None:
    """Who stopped this job while it handed over meant what it was doing."""
    if is_cancel_requested(run.id):
        with suppress(jobs.NotAllowed):  # over already
            jobs.cancel(Job.objects.get(pk=Asset.objects.values_list("job").get(pk=asset.pk)[0]))


def _record_first(asset: Asset, found: Making, renditions: Sequence[Rendition], run: Run) -> list[str]:
    first = VideoPart(
        asset=asset,
        number=0,
        cut_by=run.id,
        rungs=list(found.rungs),
        made_at=Now(),
        keys=[key for rendition in renditions for key in rendition.keys],
        made=[_written(one) for one in found.made],
        missing=found.missing,
        cpu_seconds=found.cpu,
        log=found.log[-publishing.LOG :],
    )
    rest = [
        VideoPart(
            asset=asset,
            number=number,
            cut_by=run.id,
            rungs=list(found.rungs),
            start=part.start,
            cuts=list(part.cuts),
            pictures=part.pictures,
        )
        for number, part in enumerate(found.parts, start=1)
    ]
    with transaction.atomic():
        publishing.hold(asset, run)
        keys = publishing.forget_parts(asset)
        if asset.outcome == Outcome.NONE:
            keys += publishing.forget_renditions(asset)
            Rendition.objects.bulk_create(renditions)
        VideoPart.objects.bulk_create([first, *rest])
        _submit(asset, rest)
    return keys


def _submit(asset: Asset, rest: Sequence[VideoPart]) -> None:
    """Hands the asset over to the group that makes ``rest``."""
    children = [(tasks.make_part, {"part_id": str(part.pk)}) for part in rest]
    job = jobs.submit_group(children, then=tasks.finish_video, owner=asset.owner, asset_id=str(asset.pk))
    Asset.objects.filter(pk=asset.pk).update(job=job)


def make_part(part_id: UUID, *, run: Run) -> dict[str, Any]:
    """Makes one part, unless that is there. Raises Cancelled and LeaseLost (nothing of this attempt is left), Transient
    where a disk is full or the storage is away, Permanent where the asset is gone or the part cannot be made."""
    part = VideoPart.objects.filter(pk=part_id).select_related("asset__owner").first()
    if part is None:
        raise Permanent(_("It was deleted, so there is nothing to make."))
    asset = part.asset
    if part.made_at is None:
        with translation.override(asset.owner.language), storage.room(), workplace(run) as folder:
            try:
                _make_part(part, folder, run)
            except Refused as refusal:
                raise Permanent(refusal.reason.label) from refusal
    return {"url": asset.get_absolute_url(), "label": LOOK}


def _make_part(part: VideoPart, folder: Path, run: Run) -> None:
    asset = part.asset
    programs = tools()
    plan = making.plan_of(asset.facts, programs)
    fetch_shared(asset, folder, run)
    out = folder / "out"
    work = parts.make(
        source(folder),
        plan,
        _cut(part, plan),
        out,
        programs,
        rungs=part.rungs,
        progress=lambda share: run.progress(int(share * 100), 100, PERCENT),
        checkpoint=run.checkpoint,
    )
    if not run.lease_ok():
        raise LeaseLost
    with publishing.recording() as stored:
        stored.extend(files.store_file(asset.pk, files.making_of(run), path, run.checkpoint) for path in out.iterdir())
        _record_part(part, stored, work, run)


def _record_part(part: VideoPart, keys: Sequence[str], work: Work, run: Run) -> None:
    with transaction.atomic():
        run.hold()
        recorded = VideoPart.objects.filter(pk=part.pk, made_at=None).update(
            made_at=Now(), keys=keys, cpu_seconds=work.cpu, log=work.log[-publishing.LOG :]
        )
    if not recorded:
        raise Permanent(_("It was deleted while it was being made."))


def _cut(part: VideoPart, plan: Plan) -> Part:
    return Part(rate=plan.rungs[-1].rate, start=part.start, cuts=tuple(part.cuts), pictures=part.pictures)


def finish(asset_id: UUID, *, run: Run) -> dict[str, Any]:
    """Puts the parts together and shows the whole. Where some are missing: raises Permanent, and asked again, has those
    made. Raises Cancelled, LeaseLost, Transient as ``processing.process`` does."""
    asset = Asset.objects.filter(pk=asset_id).select_related("owner").first()
    there = list(VideoPart.objects.filter(asset=asset_id).order_by("number"))
    if asset is None:
        raise Permanent(_("It was deleted, so there is nothing to make."))
    with translation.override(asset.owner.language), storage.room(), workplace(run) as folder:
        if left := [part for part in there if part.made_at is None]:
            _go_on(asset, left, run)
        elif there:
            publishing.publish(asset, _put_together(asset, there, folder, run), run)
            forget_shared(asset)
        # None are there: this job has published them, and was only kept from saying so.
        return {"url": asset.get_absolute_url(), "label": LOOK}


def _go_on(asset: Asset, left: Sequence[VideoPart], run: Run) -> None:
    if not was_retried(run.id):
        raise Permanent(_("A part of the video could not be made. Try again: what is finished is kept."))
    with transaction.atomic():
        publishing.hold(asset, run)
        _submit(asset, left)


def _put_together(asset: Asset, there: Sequence[VideoPart], folder: Path, run: Run) -> Making:
    first, *rest = there
    programs = tools()
    plan = making.plan_of(asset.facts, programs)
    out = folder / "out"
    _fetch(first, out, run)
    cut = []
    for part in rest:
        place = folder / "in" / f"{part.number}"
        place.mkdir()
        _fetch(part, place, run)
        cut.append((_cut(part, plan), place))
    once = [_read(one, out) for one in first.made if one["kind"] in _ONCE]
    work = parts.finish(plan, cut, out, programs, rungs=first.rungs, checkpoint=run.checkpoint)
    return Making(
        kind=asset.kind,
        facts=asset.facts,
        made=[*work.made, *once],
        missing=sorted({*map(Missing, first.missing), *work.missing}),
        cpu=work.cpu + sum(part.cpu_seconds for part in there),
        log="".join(part.log for part in there) + work.log,
    )


def _fetch(part: VideoPart, folder: Path, run: Run) -> None:
    for key in part.keys:
        files.fetch(key, folder / key.rpartition("/")[2], run.checkpoint)


def _written(one: Made) -> dict[str, Any]:
    return asdict(one) | {"path": one.path.name, "extra": [path.name for path in one.extra]}


def _read(written: Mapping[str, Any], folder: Path) -> Made:
    extra = tuple(folder / name for name in written["extra"])
    return Made(**{**written, "path": folder / written["path"], "extra": extra})
