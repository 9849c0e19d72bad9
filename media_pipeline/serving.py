"""Hands out what was made of an asset, at addresses that are signed, lapse, and open nothing else.

An address holds the asset and its making; under it lie all files of that making, so that playlists can refer to their
segments by name. Originals are never handed out here. Ranges: RFC 9110, 14.
"""

import re
from datetime import datetime, timedelta
from typing import Final

from django.core import signing
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

from jobs.adapters import storage
from media_pipeline import files
from media_pipeline.models import Rendition

#: How long an address is good for: longer than anybody watches.
GOOD_FOR: Final = timedelta(hours=12)
#: Addresses of one making stay the same for so long, or browsers could keep nothing.
_SAME_FOR: Final = timedelta(hours=6)
_SALT: Final = "media.file"
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_TYPES: Final = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mp4": "video/mp4",
    "m4s": "video/iso.segment",
    "m4a": "audio/mp4",
    "vtt": "text/vtt",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
    "png": "image/png",
    "gif": "image/gif",
}
#: For files that a browser may only show as what they are: no scripts, no plug-ins, nothing from elsewhere.
_LOCKED: Final = "default-src 'none'; sandbox"


class Gone(Exception):
    """The address is not one of ours, has lapsed, or what was there has been made anew."""


def address(rendition: Rendition, *, now: datetime) -> str:
    """Where the rendition is to be had for some hours."""
    folder, _, name = rendition.key.removeprefix(f"{files.FOLDER}/{rendition.asset_id}/").rpartition("/")
    # The time is rounded, so that the same page has the same addresses for a while and a browser's cache is of use.
    until = (int(now.timestamp()) // int(_SAME_FOR.total_seconds()) + 1) * int(_SAME_FOR.total_seconds())
    token = signing.Signer(salt=_SALT).sign_object(
        {"asset": str(rendition.asset_id), "making": folder, "until": until + int(GOOD_FOR.total_seconds())}
    )
    return reverse("media:file", kwargs={"token": token, "name": name})


def find(token: str, name: str, *, now: datetime) -> str:
    """The key of the file at this address. Raises Gone."""
    try:
        given = signing.Signer(salt=_SALT).unsign_object(token)
    except signing.BadSignature:
        raise Gone from None
    if given["until"] <= now.timestamp():
        raise Gone
    key = f"{files.FOLDER}/{given['asset']}/{given['making']}/{name}"
    # Only what a rendition names is handed out: a path that leads elsewhere is no name of any.
    if not Rendition.objects.filter(asset=given["asset"], keys__contains=[key]).exists():
        raise Gone
    return key


def respond(request: HttpRequest, key: str) -> HttpResponseBase:
    """The file, or the part of it that is asked for, whatever the storage: pages allow their players no other origin.
    Raises FileNotFoundError, storage.Away."""
    response = _part(request, key, storage.size(key))
    response["Content-Type"] = _TYPES.get(key.rpartition(".")[2], "application/octet-stream")
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = _LOCKED
    # What lies at an address never changes.
    response["Cache-Control"] = f"private, max-age={int(_SAME_FOR.total_seconds())}, immutable"
    return response


def _part(request: HttpRequest, key: str, size: int) -> HttpResponseBase:
    found = _RANGE.fullmatch(request.headers.get("Range", ""))
    if found is None or found[1] == found[2] == "":
        return _stream(key, 0, size, status=200)
    if found[1]:
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    else:
        first, last = max(size - int(found[2]), 0), size - 1
    if first > last:
        refused = HttpResponse(status=416)
        refused["Content-Range"] = f"bytes */{size}"
        return refused
    response = _stream(key, first, last - first + 1, status=206)
    response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _stream(key: str, first: int, length: int, *, status: int) -> StreamingHttpResponse:
    response = StreamingHttpResponse(storage.part(key, first, length), status=status)
    response["Content-Length"] = str(length)
    return response
