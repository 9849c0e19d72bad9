"""Pictures are shown upright, whatever says how they lie: EXIF, or the boxes of HEIF and AVIF."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageChops, ImageStat

from media_pipeline.pictures import Pictures

Make = Callable[[Path], Pictures]
#: What a camera did to the upright picture, by what EXIF says.
LAID = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def four_corners() -> Image.Image:
    """Each corner has its own colour, and no two sides are alike."""
    image = Image.new("RGB", (96, 64), "white")
    for place, colour in (((0, 0), "red"), ((64, 0), "lime"), ((0, 32), "blue"), ((64, 32), "black")):
        image.paste(colour, (*place, place[0] + 32, place[1] + 32))
    return image


def apart(one: Path, other: Image.Image) -> float:
    """How far two pictures are apart, in steps of 256 on average."""
    with Image.open(one) as image:
        assert image.size == other.size
        return max(ImageStat.Stat(ImageChops.difference(image.convert("RGB"), other)).mean)


@pytest.mark.parametrize(
    ("format", "orientation"),
    [
        *itertools.product(("JPEG", "HEIF"), LAID),
        *itertools.product(("PNG", "WEBP", "TIFF", "AVIF"), (1, 6, 7)),  # unturned, turned, turned and mirrored
    ],
)
def test_a_picture_is_turned_upright_once(format: str, orientation: int, tmp_path: Path, make: Make) -> None:
    upright = four_corners()
    laid = upright.transpose(LAID[orientation]) if LAID[orientation] is not None else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = tmp_path / "source"
    if format == "HEIF":  # says it twice: in its boxes, which count, and in EXIF
        pillow_heif.from_pillow(laid).save(source, exif=exif.tobytes(), quality=90)
    else:
        laid.save(source, format, exif=exif, **({"quality": 95} if format in {"JPEG", "WEBP", "AVIF"} else {}))
    for one in make(source).made:
        assert apart(one.path, upright) < 6


def test_real_photographs_laid_in_every_way_come_out_the_same(corpus: Path, make: Make) -> None:
    for kind, numbers in (("Landscape", (1, 6, 8)), ("Portrait", (2, 3, 5))):
        shown = []
        for number in numbers:
            made = make(corpus / "media" / "image" / f"orient_{kind}_{number}.jpg")
            small = next(one for one in made.made if one.name == "w320.jpg")
            with Image.open(small.path) as image:
                image.paste("black", (130, 60, 190, 260))  # where its number is written
                shown.append((small.path, image.copy()))
        for path, _ in shown:
            with Image.open(path) as image:
                image.paste("black", (130, 60, 190, 260))
                assert max(ImageStat.Stat(ImageChops.difference(image, shown[0][1])).mean) < 2
