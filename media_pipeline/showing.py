"""What a page needs in order to show an asset: addresses of its renditions, for a player, a picture or a thumbnail."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from django.utils.translation import get_language_info

from media_pipeline import placeholders, queries, serving
from media_pipeline.models import Asset, Kind, Rendition, RenditionKind

#: The playlist that leads to all qualities.
_MASTER: Final = "master"
#: Formats of pictures, the ones that take the fewest bytes first.
_FORMATS: Final = ("image/avif", "image/webp", "image/jpeg")


@dataclass(frozen=True, slots=True)
class Captions:
    address: str
    language: str
    label: str


@dataclass(frozen=True, slots=True)
class Player:
    """``hls``: the playlist of all qualities. ``file``: an MP4 for whoever cannot play that. "" where there is none."""

    name: str
    hls: str
    file: str
    poster: str
    previews: str
    captions: Sequence[Captions]
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """A picture in one format: what ``srcset`` holds."""

    content_type: str
    srcset: str


@dataclass(frozen=True, slots=True)
class Picture:
    """``name`` is said where it cannot be seen; ``placeholder`` is the address of what stands for it until it has come,
    "" where nothing does."""

    name: str
    sources: Sequence[Source]
    address: str
    width: int
    height: int
    placeholder: str


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """``placeholder``: as of ``Picture``."""

    address: str
    placeholder: str


def thumbnails(assets: Iterable[Asset], *, now: datetime) -> dict[UUID, Thumbnail]:
    """One of each asset that can be seen, by the asset's id: one query, however many there are."""
    by_id = {asset.pk: asset for asset in assets}
    return {
        found.asset_id: Thumbnail(
            serving.address(found, now=now),
            placeholders.address(by_id[found.asset_id].placeholder, placeholders.SMALL),
        )
        for found in queries.thumbnails(by_id.values())
    }


def show(asset: Asset, *, now: datetime) -> Player | Picture | None:
    """None while there is nothing to show."""
    # Sorted here, so that renditions that were fetched for many assets at once are not fetched again.
    renditions = sorted(asset.renditions.all(), key=lambda one: (one.width is None, one.width or 0, one.name))
    if asset.kind == Kind.PICTURE:
        return _picture(asset, [one for one in renditions if one.kind == RenditionKind.PICTURE], now)
    return _player(asset, renditions, now) if renditions else None


def version(asset: Asset) -> str:
    """Differs whenever ``show`` would show something else; "" for nothing."""
    keys = sorted(asset.renditions.values_list("key", flat=True))
    return hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16] if keys else ""


def _player(asset: Asset, renditions: Sequence[Rendition], now: datetime) -> Player:
    def address(kind: RenditionKind) -> str:
        found = next((one for one in renditions if one.kind == kind), None)
        return serving.address(found, now=now) if found else ""

    master = next((one for one in renditions if one.name == _MASTER), None)
    largest = max((one for one in renditions if one.width and one.height), key=lambda one: one.width or 0, default=None)
    return Player(
        name=asset.name,
        hls=serving.address(master, now=now) if master else "",
        file=address(RenditionKind.FILE),
        poster=address(RenditionKind.POSTER),
        previews=address(RenditionKind.STORYBOARD),
        captions=[
            Captions(serving.address(one, now=now), one.codecs, _language(one.codecs))
            for one in renditions
            if one.kind == RenditionKind.CAPTIONS
        ],
        width=largest.width if largest else None,
        height=largest.height if largest else None,
    )


def _language(code: str) -> str:
    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:
        return code or "–"


def _picture(asset: Asset, renditions: Sequence[Rendition], now: datetime) -> Picture | None:
    by_type = {
        content_type: list(found)
        for content_type, found in groupby(
            sorted(renditions, key=lambda one: one.content_type), key=lambda one: one.content_type
        )
    }
    if not by_type:
        return None
    sources = [
        Source(
            content_type,
            ", ".join(f"{serving.address(one, now=now)} {one.width}w" for one in _by_width(by_type[content_type])),
        )
        for content_type in _FORMATS
        if content_type in by_type
    ]
    plainest = next(by_type[content_type] for content_type in reversed(_FORMATS) if content_type in by_type)
    shown = _by_width(plainest)[-1]
    return Picture(
        name=asset.name,
        sources=sources,
        address=serving.address(shown, now=now),
        width=shown.width or 0,
        height=shown.height or 0,
        placeholder=placeholders.address(asset.placeholder, placeholders.LARGE),
    )


def _by_width(renditions: Sequence[Rendition]) -> list[Rendition]:
    return sorted(renditions, key=lambda one: one.width or 0)
