"""The door of uploads: beginning one, adding bytes to it, giving it up, and what becomes of it when all are there."""

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jobs import services as jobs
from jobs.adapters import storage
from jobs.services import NotAllowed
from media_pipeline import products
from media_pipeline.models import Asset, Outcome, Upload, new_id
from media_pipeline.reasons import Reason
from media_pipeline.tasks import process
from media_pipeline.tus import shown_name
from media_pipeline.uploads import Busy, Checksum, Folder, Hold, Mismatch, Reader
from shop.accounts.models import User
from shop.catalog.models import Product

__all__ = ["Busy", "Mismatch"]

#: How long an upload is kept without another byte; its row, which says so, for as long again.
KEEP: Final = timedelta(days=7)
#: Uploads under way that one person can have.
MOST_UNDER_WAY: Final = 100
#: Bytes of the disk that uploads leave free.
ROOM_LEFT: Final = 512 * 1024**2
#: Seconds that whoever holds an upload is given to give way.
PATIENCE: Final = 5.0
#: Age from which a file that no row names is a leftover, not one about to be recorded.
LEFTOVER_AGE: Final = timedelta(days=1)
#: Age from which a complete upload without its asset was left behind by a process that died.
LEFT_BEHIND: Final = timedelta(minutes=5)


class Empty(NotAllowed):
    """The file has no bytes."""


class TooLarge(NotAllowed):
    """The file is larger than any that is taken."""


class OverQuota(NotAllowed):
    """This person has as much here as one can."""


class NoRoom(NotAllowed):
    """Our disk is too full for it."""


class Finished(NotAllowed):
    """The upload has become an asset."""


class Expired(Exception):
    """Nothing came for so long that the bytes are no longer kept."""


class WrongOffset(Exception):
    """The bytes do not follow on those that are there. ``there``: how many those are."""

    def __init__(self, there: int) -> None:
        super().__init__(there)
        self.there = there


class TooMuch(Exception):
    """More bytes than the upload has said that it will have."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload is. ``asset``: what it has become, once all of it is there. ``is_cut``: fewer bytes came than
    were announced."""

    offset: int
    expires_at: datetime
    asset: Asset | None
    is_cut: bool = False


def folder() -> Folder:
    return Folder(Path(settings.UPLOAD_FOLDER))


def create_upload(*, owner: User, name: str, length: int, product: Product | None = None, now: datetime) -> Upload:
    """Begins the upload of ``length`` bytes, to be shown with ``product``. Raises Empty, TooLarge, OverQuota, NoRoom,
    products.Full."""
    _check(length)
    if product is not None:
        products.check_room(product=product)
    if folder().free() < length + ROOM_LEFT:
        raise NoRoom(_("We have no room for this file just now. Try again later."))
    upload = Upload(
        owner=owner, name=_name(name), length=length, product=product, created_at=now, expires_at=now + KEEP
    )
    with transaction.atomic():
        _check_quota(owner, length)
        upload.save(force_insert=True)
    return upload


def take_file(*, upload: UUID, owner: User, name: str, product: Product | None = None, now: datetime) -> Asset:
    """The asset of a file that has come in one go, in a form, as that of ``upload`` (``uploads.open_new``), shown with
    ``product``. Raises Empty, TooLarge, OverQuota, products.Full; the file is deleted then."""
    with folder().held(upload, patience=PATIENCE) as hold:
        length = hold.size
        try:
            _check(length)
            if product is not None:
                products.check_room(product=product)
            with transaction.atomic():
                _check_quota(owner, length)
                row = Upload.objects.create(
                    id=upload,
                    owner=owner,
                    name=_name(name),
                    length=length,
                    product=product,
                    created_at=now,
                    expires_at=now + KEEP,
                )
        except NotAllowed:
            hold.delete()
            raise
        return _finish(row, hold)


def _name(name: str) -> str:
    return shown_name(name) or gettext("Unnamed file")


def _check(length: int) -> None:
    if length < 1:
        raise Empty(Reason.EMPTY.label)
    most = settings.UPLOAD_MOST_BYTES
    if length > most:
        raise TooLarge(
            _("The file has %(size)s. The largest that we take has %(most)s.")
            % {"size": filesizeformat(length), "most": filesizeformat(most)}
        )


def _check_quota(owner: User, length: int) -> None:
    """In the transaction that adds ``length`` bytes. Raises OverQuota."""
    # Requests of one owner wait for each other here, so that two at once are counted as two.
    User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    under_way = Upload.objects.filter(owner=owner, asset=None)
    if under_way.count() >= MOST_UNDER_WAY:
        raise OverQuota(_("You have too many unfinished uploads. Finish some, or discard them."))
    kept = Asset.objects.filter(owner=owner).exclude(outcome=Outcome.REFUSED)
    used = (kept.aggregate(total=Sum("size"))["total"] or 0) + (under_way.aggregate(total=Sum("length"))["total"] or 0)
    quota = settings.UPLOAD_QUOTA_BYTES
    if used + length > quota:
        raise OverQuota(
            _("You have %(left)s left of your %(quota)s, too little for this file. Delete something first.")
            % {"left": filesizeformat(max(0, quota - used)), "quota": filesizeformat(quota)}
        )


def receive(
    *,
    upload: Upload,
    offset: int,
    length: int,
    read: Reader,
    checksum: Checksum | None = None,
    cut: Callable[[], object] = lambda: None,
    now: datetime,
) -> Progress:
    """Adds the ``length`` bytes that ``read`` gives, of which ``offset`` came before; finishes the upload with its last
    byte. ``cut`` is called to end a ``read`` that is stuck.

    Raises Upload.DoesNotExist where it was given up meanwhile, Expired, Busy, WrongOffset, TooMuch, Mismatch, NoRoom.
    What has arrived before it went wrong is kept.
    """
    with folder().held(upload.pk, patience=PATIENCE) as hold:
        row = _under_way(upload, now)
        there = _offset(row, hold)
        if offset != there:
            raise WrongOffset(there)
        if offset + length > row.length:
            raise TooMuch
        received = 0
        if length:
            row.expires_at = now + KEEP
            row.save(update_fields=["expires_at"])
            received = _receive(hold, length, read, checksum, cut)
        return _progress(row, hold, is_cut=received < length)


def _receive(hold: Hold, length: int, read: Reader, checksum: Checksum | None, cut: Callable[[], object]) -> int:
    try:
        with hold.cut_off(cut):
            return hold.receive(read, length, checksum=checksum)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoRoom(_("We have no room for this file just now. Try again later.")) from None
        raise


def progress(*, upload: Upload, now: datetime) -> Progress:
    """How far the upload is. Whoever is still sending for it gives way: nobody asks who does not mean to go on.

    Raises Upload.DoesNotExist where it was given up meanwhile, Expired, Busy.
    """
    with folder().held(upload.pk, patience=PATIENCE) as hold:
        return _progress(_under_way(upload, now), hold)


def _under_way(upload: Upload, now: datetime) -> Upload:
    """The row as it is now that the upload is held. Raises Upload.DoesNotExist, Expired."""
    row = Upload.objects.select_related("asset", "owner").get(pk=upload.pk)
    if row.asset is None and row.expires_at <= now:
        raise Expired
    return row


def _offset(row: Upload, hold: Hold) -> int:
    return hold.size if row.asset is None else row.length


def _progress(row: Upload, hold: Hold, *, is_cut: bool = False) -> Progress:
    offset = _offset(row, hold)
    asset = _finish(row, hold) if offset == row.length else None
    return Progress(offset, row.expires_at, asset, is_cut)


def _finish(upload: Upload, hold: Hold) -> Asset:
    """The asset of a complete upload, with its job; asked for twice, it is made once. However large the file is, this
    takes no longer: what needs all of its bytes (its checksum, what is in it) is the job's."""
    if upload.asset is not None:
        return upload.asset
    hold.seal()
    with transaction.atomic():
        row = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        if row.asset_id is not None:
            return Asset.objects.get(pk=row.asset_id)
        asset = Asset(id=new_id(), owner=upload.owner, name=row.name, size=row.length)
        asset.job = jobs.submit(process, owner=upload.owner, asset_id=str(asset.pk))
        asset.save(force_insert=True)
        row.asset = asset
        row.save(update_fields=["asset"])
        if row.product_id is not None:
            # Full by now, or gone: the file is among its owner's media all the same.
            with suppress(NotAllowed):
                products.add_uploaded(product_id=row.product_id, asset=asset)
    return asset


def abandon_upload(*, upload: Upload) -> None:
    """Throws away what has arrived, and forgets the upload. Raises Finished for a complete one, Busy."""
    with folder().held(upload.pk, patience=PATIENCE) as hold:
        row = Upload.objects.filter(pk=upload.pk).first()
        if row is not None and row.asset_id is not None:
            raise Finished(_("All of this file has arrived. Delete it among your media."))
        Upload.objects.filter(pk=upload.pk).delete()
        hold.delete()


def arrived_file(asset: Asset) -> Path | None:
    """Where the asset's file lies as it was uploaded, until ``drop_arrived_file``; None where it is not there."""
    upload = Upload.objects.filter(asset=asset).first()
    path = folder().whole(upload.pk) if upload else None
    return path if path is not None and path.exists() else None


def drop_arrived_file(asset: Asset) -> None:
    """Deletes the file as it was uploaded: it is stored, or nobody needs it. Its upload still says that it arrived."""
    upload = Upload.objects.filter(asset=asset).first()
    if upload is not None:
        folder().delete(upload.pk)


def sweep_uploads(now: datetime) -> dict[str, Any]:
    """Finishes what a process that died left complete, deletes what expired, and files that nobody needs. Safe to run
    twice at once and to kill anywhere: the next run goes on. Returns how many of each."""
    return {"finished": _finish_left(now), "expired": _expire(now), "leftovers": _delete_leftovers(now)}


def _finish_left(now: datetime) -> int:
    finished = 0
    under_way = Upload.objects.filter(asset=None, expires_at__gt=now, created_at__lt=now - LEFT_BEHIND)
    for upload in under_way.iterator():
        if folder().size(upload.pk) == upload.length:
            finished += _is_finished(upload, now)
    return finished


def _is_finished(upload: Upload, now: datetime) -> bool:
    try:
        with folder().held(upload.pk, patience=0) as hold:
            return _progress(_under_way(upload, now), hold).asset is not None
    except (Busy, Expired, Upload.DoesNotExist):
        return False


def _expire(now: datetime) -> int:
    """Deletes the bytes of expired uploads, and rows of long ago. Returns how many uploads had bytes."""
    expired = 0
    for upload in Upload.objects.filter(asset=None, expires_at__lte=now).iterator():
        if folder().size(upload.pk):
            expired += _is_emptied(upload, now)
    old = Upload.objects.filter(expires_at__lte=now - KEEP)
    # A finished one says where its asset's file is, until that is stored or nobody will.
    old.filter(Q(asset=None) | ~Q(asset__original_key="") | Q(asset__outcome=Outcome.REFUSED)).delete()
    return expired


def _is_emptied(upload: Upload, now: datetime) -> bool:
    try:
        with folder().held(upload.pk, patience=0) as hold:
            if Upload.objects.filter(pk=upload.pk, asset=None, expires_at__lte=now).exists():
                hold.delete()
                return True
    except Busy:
        pass
    return False


def _delete_leftovers(now: datetime) -> int:
    """Deletes files of uploads that there is no row of, or that are stored elsewhere by now."""
    before = (now - LEFTOVER_AGE).timestamp()
    old = {upload for upload, changed in folder().stored() if changed < before}
    known = Upload.objects.filter(pk__in=old)
    kept = set(known.filter(Q(asset=None) | Q(asset__original_key="")).values_list("pk", flat=True))
    for upload in old - kept:
        folder().delete(upload)
    return len(old - kept)


def make_again(*, asset: Asset) -> Asset:
    """Makes everything anew from the original; what there is stays until that is there. Raises NotAllowed while it is
    being made, and where there is no original."""
    if asset.job is not None and asset.job.is_active:
        raise NotAllowed(_("It is being made already."))
    if not asset.original_key:
        raise NotAllowed(_("The uploaded file is not kept. Upload it again."))
    with transaction.atomic():
        job = jobs.submit(process, owner=asset.owner, dedupe_key=f"media:{asset.pk}", asset_id=str(asset.pk))
        Asset.objects.filter(pk=asset.pk).update(job=job)
    asset.job = job
    return asset


def delete_asset(*, asset: Asset, actor: User) -> None:
    """Deletes it with all its files, also from the products that it is shown with, and stops what is being made of it.
    Raises storage.Away once the row is gone: what could not be deleted then is swept."""
    keys = [key for rendition in asset.renditions.all() for key in rendition.keys]
    keys += [key for part in asset.parts.all() for key in part.keys]
    if asset.original_key:
        keys.append(asset.original_key)
    drop_arrived_file(asset)
    if asset.job is not None and asset.job.is_active:
        jobs.cancel(asset.job, actor=actor)
    with transaction.atomic():
        # Whoever is adding it to a product waits here, and then does not find it.
        Asset.objects.select_for_update(of=("self",)).filter(pk=asset.pk).first()
        asset.delete()
    for key in dict.fromkeys(keys):
        storage.delete(key)
