"""Pictures of any size in any mode and format: shown whole, in no width that they have not, in their own proportions."""

import base64
import tempfile
from pathlib import Path

import pillow_heif
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from media_pipeline import pictures
from media_pipeline.pixels import encoding

#: Modes that each format can be written in.
MODES = {
    "JPEG": ["L", "RGB", "CMYK"],
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "WEBP": ["RGB", "RGBA"],
    "GIF": ["1", "L", "P", "RGBA"],
    "BMP": ["1", "L", "P", "RGB"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"],
    "AVIF": ["RGB", "RGBA"],
    "HEIF": ["L", "RGB", "RGBA"],
}
WIDTHS = (320, 640, 1280, 1920)
ways = st.sampled_from([(name, mode) for name, modes in MODES.items() for mode in modes])
sides = st.one_of(st.integers(1, 9), st.sampled_from([319, 320, 321, 639, 641, 1281, 1921, 2047]))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(way=ways, width=sides, height=sides)
def test_a_picture_of_any_kind_and_size(way: tuple[str, str], width: int, height: int) -> None:
    name, mode = way
    image = Image.linear_gradient("L").resize((width, height))
    image = image.convert("RGB").quantize(16) if mode == "P" else image.convert(mode)
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "out"
        out.mkdir()
        if name == "HEIF":
            pillow_heif.from_pillow(image).save(source, quality=80)
        else:
            image.save(source, name)
        facts = pictures.look(source)
        made = pictures.make(source, facts, out)
        assert (facts.format, facts.width, facts.height, facts.frames) == (name, width, height, 1)
        assert made.missing == []
        assert 5 <= len(base64.b64decode(made.placeholder)) <= 25
        widest = min(width, 1920)
        assert {one.width for one in made.made} == {one for one in WIDTHS if one < widest} | {widest}
        for one in made.made:
            assert one.name == f"w{one.width}.{one.path.suffix[1:]}"
            assert abs(one.height - height * one.width / width) <= 1 + height / width
            with Image.open(one.path) as shown:
                shown.load()
                assert shown.size == (one.width, one.height)


def test_a_very_long_picture_is_kept_as_long_as_a_page_can_show_it(tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    Image.linear_gradient("L").resize((1200, 29_000)).save(source)
    made = pictures.make(source, pictures.look(source), tmp_path)
    widest = made.made[0]
    assert (widest.width, widest.height) == (678, 16383)
    assert {one.width for one in made.made} == {678, 640, 320}


def test_noise_grows_no_larger_than_its_bound(tmp_path: Path) -> None:
    source = tmp_path / "source.png"
    Image.effect_noise((700, 500), 200).save(source)
    for one in pictures.make(source, pictures.look(source), tmp_path).made:
        assert one.path.stat().st_size <= one.width * one.height * encoding.MOST_BYTES + encoding.BYTES_ANYWAY
