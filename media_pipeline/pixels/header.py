"""The gate: what the header of a picture says, and what is refused for it. Nothing is decoded here."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pillow_heif
from PIL import ExifTags, Image

from media_pipeline.pixels import boxes
from media_pipeline.pixels.damage import DAMAGED
from media_pipeline.pixels.formats import Format
from media_pipeline.pixels.refusing import refused

#: Bytes of a colour profile, of EXIF, and of XMP. Honest ones stay far below.
MOST_ABOUT: Final = 4 * 1024 * 1024
#: Formats whose pictures after the first are an animation. In the others they are pages, or views of the same thing.
_MOVING: Final = frozenset({Format.GIF, Format.PNG, Format.WEBP, Format.AVIF})
#: The EXIF orientations that swap width and height.
_LYING: Final = range(5, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Most:
    """What a picture may have: pixels, on one side too, pictures of an animation, and pixels of all of them."""

    pixels: int
    side: int
    frames: int
    frame_pixels: int


def read(*, source: str, format: str, most: dict[str, int]) -> dict[str, Any]:
    """``Facts`` as a dictionary; ``most`` is ``Most`` as one. To be called in a process of its own: it sets limits for
    the whole of it.

    Raises Refused.
    """
    path, known, limits = Path(source), Format(format), Most(**most)
    if known == Format.HEIF:
        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    Image.MAX_IMAGE_PIXELS = limits.pixels
    warnings.simplefilter("ignore")  # what is odd in somebody's EXIF is nothing to us
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        return _read(path, known, limits)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise refused("TOO_MANY_PIXELS") from error
    except MemoryError as error:
        raise refused("TOO_MUCH_WORK") from error
    except (boxes.Malformed, *DAMAGED) as error:
        if isinstance(error, OSError) and error.errno is not None:  # it is not the file's fault that it cannot be read
            raise
        # Pillow's reader of PNG raises ValueError for texts that unpack to more than any would.
        bomb = known == Format.PNG and isinstance(error, ValueError)
        raise refused("TOO_MUCH_WORK" if bomb else "BROKEN") from error


def _read(path: Path, known: Format, most: Most) -> dict[str, Any]:
    about = boxes.read(path) if known in {Format.AVIF, Format.HEIF} else boxes.About()
    if about.cut:  # decoders would paint the rest grey, or give up
        raise refused("BROKEN")
    sizes = [_webp_size(path)] if known == Format.WEBP else about.sizes
    for width, height in sizes:
        _bounded(width, height, most)
    with Image.open(path, formats=[known]) as image:
        width, height = image.size
        frames = getattr(image, "n_frames", 1) if known in _MOVING else 1
        lies = _orientation(image) in _LYING
        said = image.info
    _bounded(width, height, most)
    if frames > most.frames or (frames > 1 and frames * width * height > most.frame_pixels):
        raise refused("TOO_MANY_FRAMES")
    if any(len(said.get(name) or b"") > MOST_ABOUT for name in ("icc_profile", "exif", "xmp")):
        raise refused("TOO_MUCH_WORK")
    if lies:
        width, height = height, width
    profiled = bool(said.get("icc_profile"))
    return {
        "format": known.value,
        "width": width,
        "height": height,
        "frames": frames,
        "primaries": boxes.UNSAID if profiled else about.primaries,
        "transfer": boxes.UNSAID if profiled else about.transfer,
    }


def _orientation(image: Image.Image) -> Any:
    """As EXIF has it: None where that makes no sense, which does not make the picture any worse."""
    try:
        if image.format == Format.TIFF:
            return image.getexif().get(ExifTags.Base.Orientation)
        exif = Image.Exif()  # Pillow's own way to it decodes a PNG that has none, for there might be one at its end
        exif.load(image.info.get("exif", b""))
        return exif.get(ExifTags.Base.Orientation)
    except DAMAGED:
        return None


def _bounded(width: int, height: int, most: Most) -> None:
    if width * height > most.pixels or max(width, height) > most.side:
        raise refused("TOO_MANY_PIXELS")
    if not (width and height):
        raise refused("BROKEN")


def _webp_size(path: Path) -> tuple[int, int]:
    """Width and height: Pillow gets memory for two pictures of that size before it says so.

    The first chunk of the container says them (RFC 9649, sections 2.5 to 2.7).
    """
    with path.open("rb") as file:
        head = file.read(30)
    kind, body = head[12:16], head[20:]
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
