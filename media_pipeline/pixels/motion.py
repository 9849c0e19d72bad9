"""Animations: as one WebP file that moves, small enough for a page."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageCms

from media_pipeline.pixels.damage import DAMAGED
from media_pipeline.pixels.encoding import fitting
from media_pipeline.pixels.facts import Facts
from media_pipeline.pixels.formats import Format

#: Pixels of the longer side, and of all pictures together: they are held in memory, and encoding them takes its time.
_LONGEST: Final = 640
_MOST_PIXELS: Final = 80_000_000
#: Bytes of the file for each of its pixels, beside those that each of its pictures may have.
MOST_BYTES: Final = 0.5
BYTES_A_PICTURE: Final = 1024
_QUALITIES: Final = (75, 50, 25, 5)
_EFFORT: Final = 2
#: Milliseconds: what is shorter, browsers show for longer.
_SHORTEST: Final = 20
_INSTEAD: Final = 100
#: Times that it is shown, the most that WebP can say; 0: for ever.
_MOST_LOOPS: Final = 65535


def animation(source: Path, facts: Facts) -> tuple[bytes, tuple[int, int], int] | None:
    """A WebP file, its width and height, and the number of its pictures.

    What breaks off moves as far as it goes: None where that is no further than the first picture.
    """
    size = _size(facts)
    with Image.open(source, formats=[facts.format]) as image:
        frames = list(_frames(image, size, facts.frames))
        loops = _loops(image, Format(facts.format))
    if len(frames) < 2:  # noqa: PLR2004 (a single one is no animation)
        return None
    most = round(len(frames) * (size[0] * size[1] * MOST_BYTES + BYTES_A_PICTURE))
    content = fitting(lambda quality: _encoded(frames, loops, quality), qualities=_QUALITIES, most=most)
    return content, size, len(frames)


def _size(facts: Facts) -> tuple[int, int]:
    pixels = facts.frames * facts.width * facts.height
    scale = min(1.0, _LONGEST / max(facts.width, facts.height), (_MOST_PIXELS / pixels) ** 0.5)
    return max(1, round(facts.width * scale)), max(1, round(facts.height * scale))


def _frames(image: Image.Image, size: tuple[int, int], count: int) -> Iterator[tuple[Image.Image, int]]:
    """Each picture as it is shown, and for how many milliseconds."""
    to_srgb = _to_srgb(image)
    for number in range(count):
        try:
            image.seek(number)
            frame = image.convert("RGBA")
        except DAMAGED:
            return
        duration = round(image.info.get("duration") or 0)
        yield to_srgb(frame.resize(size, Image.Resampling.LANCZOS)), duration if duration >= _SHORTEST else _INSTEAD


def _to_srgb(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    profile = image.info.get("icc_profile")
    if not profile:
        return lambda frame: frame
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), "RGBA", "RGBA"
        )
    except ImageCms.PyCMSError:  # of other colours than the picture's: browsers pass over it, too
        return lambda frame: frame
    return lambda frame: ImageCms.applyTransform(frame, transform) or frame


def _loops(image: Image.Image, known: Format) -> int:
    """How often it is shown; 0: for ever. A GIF says how often again, and nothing where it is shown once."""
    said: Any = image.info.get("loop")
    if known == Format.GIF:
        said = 1 if said is None else said and said + 1
    return min(int(said or 0), _MOST_LOOPS)


def _encoded(frames: list[tuple[Image.Image, int]], loops: int, quality: int) -> bytes:
    (first, _), *others = frames
    file = io.BytesIO()
    first.save(
        file,
        "WEBP",
        save_all=True,
        append_images=[frame for frame, _ in others],
        duration=[duration for _, duration in frames],
        loop=loops,
        quality=quality,
        method=_EFFORT,
        background=(0, 0, 0, 0),
    )
    return file.getvalue()
