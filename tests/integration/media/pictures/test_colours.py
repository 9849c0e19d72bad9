"""Colours come out as they were meant, whatever the file writes them in."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
import pyvips
from PIL import Image, ImageCms, ImageStat

from media_pipeline.pictures import Pictures, look

Make = Callable[[Path], Pictures]
#: A colour well inside of every space here, so that it survives.
COLOUR = (180, 90, 60)


def shown(made: Pictures, extension: str = "jpg") -> tuple[float, ...]:
    """The mean colour of the widest."""
    one = next(one for one in made.made if one.name.endswith(extension))
    with Image.open(one.path) as image:
        return tuple(ImageStat.Stat(image.convert("RGBA" if "A" in image.getbands() else "RGB")).mean)


def near(colour: tuple[float, ...], wanted: tuple[float, ...], by: float = 4) -> bool:
    return all(abs(one - other) <= by for one, other in zip(colour, wanted, strict=True))


def _flat(colour: Any = COLOUR, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (40, 30), colour)


def _profile(name: str) -> bytes:
    """One of those that libvips brings along."""
    image = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb").icc_transform(name)
    return bytes(image.get("icc-profile-data"))


def _display_p3() -> bytes:
    return _profile("p3")


def _laid_in(profile: bytes) -> Image.Image:
    """COLOUR in the numbers of another space."""
    into = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    image = ImageCms.profileToProfile(_flat(), ImageCms.createProfile("sRGB"), into)
    assert image is not None
    return image


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_a_wide_space_said_by_a_profile_becomes_srgb(format: str, tmp_path: Path, make: Make) -> None:
    image = _laid_in(_display_p3())
    assert not near(image.getpixel((0, 0)), COLOUR, 8)  # or the test could not fail
    source = tmp_path / "source"
    quality = {} if format in {"PNG", "TIFF"} else {"quality": 95}
    if format == "HEIF":
        pillow_heif.from_pillow(image).save(source, icc_profile=_display_p3(), **quality)
    else:
        image.save(source, format, icc_profile=_display_p3(), **quality)
    made = make(source)
    for extension in ("jpg", "webp", "avif"):
        assert near(shown(made, extension), COLOUR)


def test_four_inks_become_light(tmp_path: Path, make: Make) -> None:
    source = tmp_path / "source"
    _flat((0, 255, 255, 0), "CMYK").save(source, "JPEG", quality=95)
    red, green, blue = shown(make(source))
    assert red > 200
    assert max(green, blue) < 80


def test_the_same_photograph_with_odd_channels_looks_the_same(corpus: Path, make: Make) -> None:
    """XYB's channels are nothing like red, green and blue, but its profile says so."""
    image = corpus / "media" / "image"
    assert near(shown(make(image / "sample-xyb.jpg")), shown(make(image / "indexed.png")), 6)


@pytest.mark.parametrize(
    ("way", "wanted"),
    [
        (("1", 1, "PNG"), (255, 255, 255)),
        (("L", 127, "JPEG"), (127, 127, 127)),
        (("I;16", 127 * 257, "PNG"), (127, 127, 127)),
        (("I;16", 127 * 257, "TIFF"), (127, 127, 127)),
        (("P", COLOUR, "PNG"), COLOUR),
        (("P", COLOUR, "BMP"), COLOUR),
        (("P", COLOUR, "GIF"), COLOUR),
        (("RGB", COLOUR, "BMP"), COLOUR),
        (("RGB", COLOUR, "WEBP"), COLOUR),
        (("LA", (127, 255), "PNG"), (127, 127, 127)),
    ],
)
def test_every_way_to_write_a_colour(
    way: tuple[str, Any, str], wanted: tuple[int, ...], tmp_path: Path, make: Make
) -> None:
    mode, value, name = way
    source = tmp_path / "source"
    image = _flat(value, "RGB").quantize(4) if mode == "P" else _flat(value, mode)
    image.save(source, name)
    assert near(shown(make(source)), wanted)


def test_sixteen_bits_become_eight_without_growing_pale(tmp_path: Path, make: Make) -> None:
    source = tmp_path / "source.png"
    (pyvips.Image.black(40, 30, bands=3) + [value * 257 for value in COLOUR]).cast("ushort").copy(
        interpretation="rgb16"
    ).pngsave(str(source))
    assert near(shown(make(source)), COLOUR)


def test_what_shows_through_stays_so_but_for_jpeg_which_gets_white(tmp_path: Path, make: Make) -> None:
    source = tmp_path / "source.png"
    _flat((255, 0, 0, 128), "RGBA").save(source)
    made = make(source)
    assert near(shown(made, "jpg"), (255, 127, 127))
    assert near(shown(made, "webp"), (255, 0, 0, 128))
    assert near(shown(made, "avif"), (255, 0, 0, 128))


def test_edges_of_what_shows_through_have_no_dark_fringe(tmp_path: Path, make: Make) -> None:
    """What cannot be seen is black, and must not get into what can."""
    source = tmp_path / "source.png"
    image = Image.new("RGBA", (1300, 100), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 651, 100))
    image.save(source)
    small = next(one for one in make(source).made if one.name == "w320.jpg")
    with Image.open(small.path) as shown_on_white:
        assert min(low for low, _ in shown_on_white.getextrema()) > 245


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
def test_hdr_is_toned_down_to_what_a_page_shows(transfer: int, tmp_path: Path, make: Make) -> None:
    """White of a picture stays light, grey stays grey and in between, and what is brighter is no darker."""
    # Of 65535: what grey of 18 %, white, and ten times as bright are written as.
    steps = {16: (24_580, 38_060, 52_560), 18: (24_900, 49_150, 65_535)}[transfer]
    means = []
    for number, step in enumerate(steps):
        source = tmp_path / f"{transfer}-{number}"
        content = step.to_bytes(2, "little") * (3 * 64 * 64)
        pillow_heif.from_bytes("RGB;16", (64, 64), content).save(
            source, quality=95, color_primaries=9, transfer_characteristics=transfer, matrix_coefficients=9
        )
        facts = look(source)
        assert (facts.primaries, facts.transfer) == (9, transfer)
        means.append(shown(make(source)))
    assert all(max(mean) - min(mean) < 6 for mean in means)
    grey, white, bright = (mean[1] for mean in means)
    assert 90 < grey < 170
    assert 215 < white < 250
    assert bright > white


def test_wide_colours_said_by_numbers_become_srgb(corpus: Path, make: Make) -> None:
    """A photograph in HDR and Display P3: not dark, not washed out, and the sky is blue."""
    made = make(corpus / "media" / "image" / "10bit-HDR-P3-nclx.avif")
    small = next(one for one in made.made if one.name == "w320.jpg")
    with Image.open(small.path) as image:
        sky = ImageStat.Stat(image.crop((200, 20, 300, 120))).mean
        grass = ImageStat.Stat(image.crop((100, 340, 300, 390))).mean
    assert sky[2] > sky[1] > sky[0] + 40
    assert sky[2] > 180
    assert grass[1] > grass[2] + 30


@pytest.mark.parametrize("profile", [b"nonsense" * 40, b""], ids=["nonsense", "none"])
def test_a_profile_that_makes_no_sense_is_passed_over(profile: bytes, tmp_path: Path, make: Make) -> None:
    source = tmp_path / "source"
    _flat().save(source, "JPEG", quality=95, icc_profile=profile)
    made = make(source)
    assert made.missing == []
    assert near(shown(made), COLOUR)


def test_a_profile_of_other_colours_than_the_pictures_is_passed_over(tmp_path: Path, make: Make) -> None:
    """A grey picture that says it is in colours, and one in light that says it is in inks: programs write such."""
    for mode, profile in (("L", _display_p3()), ("RGB", _profile("cmyk"))):
        source = tmp_path / mode
        _flat(127 if mode == "L" else COLOUR, mode).save(source, "JPEG", quality=95, icc_profile=profile)
        made = make(source)
        assert made.missing == []
        assert near(shown(made), (127, 127, 127) if mode == "L" else COLOUR)
