"""What becomes of media with time: files that nobody names any more are swept."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from jobs.adapters import storage
from media_pipeline import files
from media_pipeline.models import Asset, Rendition, VideoPart

#: Age from which a stored file that no row names is a leftover, not one about to be recorded.
LEFTOVER_AGE: Final = timedelta(days=1)


def sweep(now: datetime) -> dict[str, int]:
    """Deletes what killed workers stored and nobody recorded, parts that nobody can go on with, and files of assets
    that are gone. Safe to run twice at once and to kill anywhere. Returns how many of each."""
    before = now - LEFTOVER_AGE
    # While there is the job that failed or was cancelled, it can be tried again.
    VideoPart.objects.filter(asset__job=None).delete()
    return {"leftovers": _delete_leftovers(before), "uploads": storage.abort_dead_uploads(files.FOLDER, before)}


def _delete_leftovers(before: datetime) -> int:
    deleted = 0
    by_asset: dict[str, list[str]] = {}
    for key, written in storage.stored(files.FOLDER):
        if written < before:
            by_asset.setdefault(key.split("/")[1], []).append(key)
    for asset, keys in by_asset.items():
        named = _named(asset)
        for key in keys:
            if key not in named:
                storage.delete(key)
                deleted += 1
    return deleted


def _named(asset: str) -> set[str]:
    try:
        pk = UUID(asset)
    except ValueError:
        return set()
    named = {key for keys in Rendition.objects.filter(asset=pk).values_list("keys", flat=True) for key in keys}
    named.update(key for keys in VideoPart.objects.filter(asset=pk).values_list("keys", flat=True) for key in keys)
    named.update(Asset.objects.filter(pk=pk).values_list("original_key", flat=True))
    return named
