"""Everything that is made of a picture. To be called in a process of its own."""

import base64
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyvips

from media_pipeline.pixels import decoding, encoding, motion
from media_pipeline.pixels.facts import Facts
from media_pipeline.pixels.placeholder import LONGEST, thumbhash

#: Pixels across that pages ask for. The widest is also what a larger picture is read as.
WIDTHS: Final = (320, 640, 1280, decoding.WIDEST)


def make(*, source: str, facts: dict[str, Any], out: str) -> dict[str, Any]:
    """Makes the files in ``out``; returns what they are, in JSON's types, and what they have cost.

    Raises Refused.
    """
    path, known, folder = Path(source), Facts(**facts), Path(out)
    image, missing = decoding.still(path, known)
    made = [
        _written(folder, f"w{size.width}.{extension}", size, extension, poster=known.moves)
        for size in _cascade(image)
        for extension in encoding.CONTENT_TYPES
    ]
    if known.moves:
        moving = motion.animation(path, known)
        if moving is None:
            missing.append("motion")
        else:
            made.append(_moving(folder, *moving[:2]))
            if moving[2] < known.frames and "end" not in missing:
                missing.append("end")
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "made": made,
        "placeholder": _placeholder(image),
        "missing": missing,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": _peak(),
    }


def _peak() -> int:
    """Bytes resident at most. rusage would count what the processes had that this one comes from."""
    if not sys.platform.startswith("linux"):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _cascade(image: pyvips.Image) -> Iterator[pyvips.Image]:
    """The picture in each width, the largest first, each made from the one before: none wider than it is."""
    yield image
    for width in reversed(WIDTHS):
        if width < image.width:
            image = image.thumbnail_image(width, height=decoding.HIGHEST, size="down").copy_memory()
            yield image


def _written(folder: Path, name: str, image: pyvips.Image, extension: str, *, poster: bool) -> dict[str, Any]:
    (folder / name).write_bytes(encoding.encoded(image, extension))
    return {
        "name": name,
        "kind": "poster" if poster else "picture",
        "content_type": encoding.CONTENT_TYPES[extension],
        "width": image.width,
        "height": image.height,
    }


def _moving(folder: Path, content: bytes, size: tuple[int, int]) -> dict[str, Any]:
    name = "animation.webp"
    (folder / name).write_bytes(content)
    return {
        "name": name,
        "kind": "picture",
        "content_type": encoding.CONTENT_TYPES["webp"],
        "width": size[0],
        "height": size[1],
    }


def _placeholder(image: pyvips.Image) -> str:
    """A thumbhash in base64 (https://evanw.github.io/thumbhash/)."""
    small = image.thumbnail_image(LONGEST, height=LONGEST, size="down")
    if not small.hasalpha():
        small = small.bandjoin(255)
    return base64.b64encode(thumbhash(small.width, small.height, bytes(small.write_to_memory()))).decode()
