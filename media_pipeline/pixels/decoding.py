"""From a file to pixels: upright, in sRGB, 8 bits per band, no larger than any page shows them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pillow_heif
import pyvips
from PIL import Image, ImageFile, ImageOps

from media_pipeline.pixels import colours, vips
from media_pipeline.pixels.damage import DAMAGED
from media_pipeline.pixels.facts import Facts
from media_pipeline.pixels.formats import Format
from media_pipeline.pixels.refusing import refused

#: Pixels across and down that anything has at most. Down: the most that WebP has, for a page may show long pictures.
WIDEST: Final = 1920
HIGHEST: Final = 16383
_DAMAGED: Final = (pyvips.Error, *DAMAGED)
_PROFILE: Final = "icc-profile-data"
#: How modes of Pillow's and of its libheif are laid out: libvips' format and interpretation.
_LAYOUTS: Final = {
    "L": ("uchar", "b-w"),
    "LA": ("uchar", "b-w"),
    "I;16": ("ushort", "grey16"),
    "RGB": ("uchar", "srgb"),
    "RGBA": ("uchar", "srgb"),
    "CMYK": ("uchar", "cmyk"),
    "RGB;16": ("ushort", "rgb16"),
    "RGBA;16": ("ushort", "rgb16"),
}
_OPAQUE: Final = 255
#: Formats that cameras and old programs write with flaws: what there is of them is all there ever was. Of the others,
#: only a transfer that broke off can be damaged, and repeated.
_FLAWED: Final = frozenset({Format.JPEG, Format.GIF})
#: How much of one may be filled, and how far apart in steps of 256 colours of a filling may lie.
_MOST_FILLED: Final = 0.95
_SAME: Final = 10


def still(source: Path, facts: Facts) -> tuple[pyvips.Image, list[str]]:
    """The picture, or the first one of an animation, in memory: three bands, or four where something shows through.

    What may be flawed is read once more, as far as that goes. Raises Refused(BROKEN) where nothing comes of that.
    """
    known = Format(facts.format)
    vips.allow_only(known)
    for read in _READERS.get(known, (_by_vips,)):
        try:
            return _plain(read(source, facts)), []
        except _DAMAGED as error:
            if "out of memory" in str(error):  # libvips' words
                raise MemoryError from error
    return _what_there_is(source, facts), ["end"]


def _what_there_is(source: Path, facts: Facts) -> pyvips.Image:
    """Of a damaged file. Decoders fill the rest with one colour: a strip beside that is nothing to show."""
    if facts.format not in _FLAWED:
        raise refused("BROKEN")
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        image = _plain(_by_pillow(source, facts))
    except _DAMAGED as error:
        raise refused("BROKEN") from error
    if _filled(image) > _MOST_FILLED:
        raise refused("BROKEN")
    return image


def _filled(image: pyvips.Image) -> float:
    """The share of a picture that is filled from one of its corners, whichever way up it lies."""
    corners = [(x, y) for x in (0, image.width - 1) for y in (0, image.height - 1)]
    boxes = [image.find_trim(threshold=_SAME, background=image.getpoint(*corner)[:3]) for corner in corners]
    shown: int = min(width * height for _, _, width, height in boxes)
    whole: int = image.width * image.height
    return 1 - shown / whole


def _by_vips(source: Path, facts: Facts) -> pyvips.Image:
    """By libvips, which decodes no more of it than the size needs."""
    if colours.need_work(facts.primaries, facts.transfer):
        return _by_numbers(pyvips.Image.new_from_file(str(source), access="sequential", fail_on="error"), facts)
    managed = _managed(pyvips.Image.new_from_file(str(source)))
    return pyvips.Image.thumbnail(str(source), WIDEST, height=HIGHEST, size="down", fail_on="error", **managed)


def _by_pillow(source: Path, facts: Facts) -> pyvips.Image:
    """What libvips cannot read, and what is damaged."""
    image = _by_libheif(source, facts) if facts.format == Format.HEIF else _as_pillow_has_it(source, facts)
    if colours.need_work(facts.primaries, facts.transfer):
        return _by_numbers(image, facts)
    return image.thumbnail_image(WIDEST, height=HIGHEST, size="down", **_managed(image))


def _managed(image: pyvips.Image) -> dict[str, Any]:
    """Colours go through profiles only where there is one, or no other way to sRGB: that costs eight times as much."""
    return {"output_profile": "srgb"} if image.get_typeof(_PROFILE) or image.interpretation == "cmyk" else {}


def _by_libheif(source: Path, facts: Facts) -> pyvips.Image:
    """With all its bits where they count. libheif turns it upright itself, and what EXIF says of that is void."""
    many_bits = colours.need_work(facts.primaries, facts.transfer)
    picture = pillow_heif.open_heif(source, convert_hdr_to_8bit=not many_bits, remove_stride=True)
    return _handed_over(picture.data, picture.mode, picture.size, picture.info)


def _as_pillow_has_it(source: Path, facts: Facts) -> pyvips.Image:
    with Image.open(source, formats=[facts.format]) as image:
        wanted = min(1.0, WIDEST / facts.width, HIGHEST / facts.height)
        image.draft(image.mode, (round(image.width * wanted), round(image.height * wanted)))
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode in _LAYOUTS:
            return _handed_over(image.tobytes(), image.mode, image.size, image.info)
        plain = image.convert("RGBA" if image.has_transparency_data else "RGB")
        return _handed_over(plain.tobytes(), plain.mode, plain.size, image.info)


def _handed_over(content: Any, mode: str, size: tuple[int, int], said: Mapping[Any, Any]) -> pyvips.Image:
    """The same picture, for libvips to go on with."""
    layout, interpretation = _LAYOUTS[mode]
    bands = 1 if mode == "I;16" else len(mode.partition(";")[0])
    image = pyvips.Image.new_from_memory(content, *size, bands, layout).copy(interpretation=interpretation)
    if profile := said.get("icc_profile"):
        image.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    return image


def _by_numbers(image: pyvips.Image, facts: Facts) -> pyvips.Image:
    """Made smaller before its colours are worked on: they look the same, and cost less."""
    scale = min(WIDEST / image.width, HIGHEST / image.height)
    if scale < 1:
        image = image.resize(scale)
    return colours.to_srgb(image.colourspace("rgb16"), primaries=facts.primaries, transfer=facts.transfer)


def _plain(image: pyvips.Image) -> pyvips.Image:
    """Red, green and blue, and alpha if something shows through, in memory."""
    if image.interpretation == "multiband":  # of science: there is no telling what its bands mean
        image = image.extract_band(0).copy(interpretation="grey16" if image.format == "ushort" else "b-w")
    if image.interpretation != "srgb":
        image = image.colourspace("srgb")
    image = image.cast("uchar").copy_memory()
    colour = image.extract_band(0, n=3)
    return image if image.hasalpha() and image.extract_band(3).min() < _OPAQUE else colour


#: What reads a format. Of AVIF, libvips does not know sequences.
_READERS: Final = {Format.HEIF: (_by_pillow,), Format.BMP: (_by_pillow,), Format.AVIF: (_by_vips, _by_pillow)}
