"""From pixels to files: each of a bounded size, and with nothing in it but the picture."""

from collections.abc import Callable, Sequence
from typing import Final

import pyvips

#: Bytes of a file for each of its pixels, beside those that any may have. Of photographs none comes near that.
MOST_BYTES: Final = 0.75
BYTES_ANYWAY: Final = 4096
_QUALITIES: Final = (80, 60, 40, 20)
_WHITE: Final = 255


def fitting(encode: Callable[[int], bytes], *, qualities: Sequence[int], most: int) -> bytes:
    """What ``encode`` makes at the first of ``qualities`` at which it is no larger than ``most`` bytes, or the last."""
    for quality in qualities[:-1]:
        if len(content := encode(quality)) <= most:
            return content
    return encode(qualities[-1])


def encoded(image: pyvips.Image, extension: str) -> bytes:
    """``image`` as ``avif``, ``webp`` or ``jpg``: the last without what shows through it, on white."""
    encode = _ENCODERS[extension]
    most = round(image.width * image.height * MOST_BYTES) + BYTES_ANYWAY
    return fitting(lambda quality: encode(image, quality), qualities=_QUALITIES, most=most)


def _avif(image: pyvips.Image, quality: int) -> bytes:
    # As good as a JPEG of the quality. The next effort takes twice the time and saves a twentieth.
    return bytes(image.heifsave_buffer(compression="av1", Q=quality * 3 // 4, effort=0, bitdepth=8, keep="none"))


def _webp(image: pyvips.Image, quality: int) -> bytes:
    # The usual effort takes twice the time and saves a fiftieth.
    return bytes(image.webpsave_buffer(Q=quality, effort=2, keep="none"))


def _jpeg(image: pyvips.Image, quality: int) -> bytes:
    flat = image.flatten(background=[_WHITE]) if image.hasalpha() else image
    return bytes(flat.jpegsave_buffer(Q=quality, keep="none"))


_ENCODERS: Final = {"avif": _avif, "webp": _webp, "jpg": _jpeg}
CONTENT_TYPES: Final = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}
