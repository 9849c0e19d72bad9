"""What kind of picture a file is, by its first bytes: names and types that came with it are what anybody likes."""

import re
import zlib
from pathlib import Path
from typing import Final

from media_pipeline.pixels.formats import Format
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused

#: Bytes looked at.
HEAD: Final = 64 * 1024

_SIGNATURES: Final = {
    b"\xff\xd8\xff": Format.JPEG,
    b"\x89PNG\r\n\x1a\n": Format.PNG,
    b"GIF87a": Format.GIF,
    b"GIF89a": Format.GIF,
    b"II*\0": Format.TIFF,
    b"MM\0*": Format.TIFF,
}
#: Lengths of the header that follows a bitmap's own, by its releases: "BM" alone would begin many a text.
_BITMAP_HEADERS: Final = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
#: Brands of ISO base media files (ISO/IEC 23008-12, AV1 Image File Format): the main one decides, and where that only
#: says "pictures", the others do.
_AVIF: Final = frozenset({b"avif", b"avis"})
_HEIF: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
_PICTURES: Final = frozenset({b"mif1", b"mif2", b"msf1", b"miaf"})
_DRAWING: Final = re.compile(r"<(?:\w{1,20}:)?svg[\s/>]", re.IGNORECASE)
_WEB_PAGE: Final = re.compile(r"<(?:!doctype\s+)?html", re.IGNORECASE)


def format_of(source: Path) -> Format:
    """Raises Refused for anything else, with the reason."""
    with source.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise Refused(Reason.EMPTY)
    for signature, known in _SIGNATURES.items():
        if head.startswith(signature):
            return known
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS:
        return Format.BMP
    if head[4:8] == b"ftyp" and (found := _by_brand(head)):
        return found
    raise Refused(Reason.DRAWING if _is_drawing(head) else Reason.NOT_MEDIA)


def _by_brand(head: bytes) -> Format | None:
    main = head[8:12]
    others = {head[place : place + 4] for place in range(16, min(int.from_bytes(head[:4], "big"), HEAD), 4)}
    if main in _AVIF or (main in _PICTURES and others & _AVIF):
        return Format.AVIF
    if main in _HEIF or main in _PICTURES:
        return Format.HEIF
    return None


def _is_drawing(head: bytes) -> bool:
    if head.startswith(b"\x1f\x8b"):
        head = _unpacked(head)
    coding = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    text = head.decode(coding, errors="replace").lstrip()
    return text.startswith("<") and not _WEB_PAGE.match(text) and bool(_DRAWING.search(text))


def _unpacked(head: bytes) -> bytes:
    """What gzip packed, as far as ``head`` goes and no longer than that may be."""
    try:
        return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS).decompress(head, HEAD)
    except zlib.error:
        return b""
