"""Damaged and hostile files end with a reason, or as far as they go, and take nobody with them."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, PngImagePlugin

from media_pipeline import confined, pictures
from media_pipeline.pictures import Pictures
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused

Make = Callable[[Path], Pictures]


def photograph(size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Something in every part of it."""
    return Image.merge(
        "RGB", [Image.effect_noise(size, 40), Image.linear_gradient("L").resize(size), Image.effect_noise(size, 9)]
    )


def written(folder: Path, format: str) -> Path:
    source = folder / "source"
    if format == "HEIF":
        pillow_heif.from_pillow(photograph()).save(source)
    else:
        photograph().save(source, format)
    return source


@pytest.mark.parametrize("format", ["JPEG", "GIF"])
def test_what_breaks_off_is_shown_as_far_as_it_goes(format: str, tmp_path: Path, make: Make) -> None:
    source = written(tmp_path, format)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    made = make(source)
    assert made.missing == [Missing.END]
    with Image.open(made.made[0].path) as image:
        top = image.convert("RGB").crop((0, 0, 400, 100))
        assert max(high - low for low, high in top.getextrema()) > 100


@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF", "BMP"])
def test_what_breaks_off_in_other_formats_is_refused(format: str, tmp_path: Path, make: Make) -> None:
    source = written(tmp_path, format)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 2 // 3])
    with pytest.raises(Refused) as refused:
        make(source)
    assert refused.value.reason == Reason.BROKEN


def test_a_jpeg_with_no_picture_behind_its_header_is_refused(tmp_path: Path, make: Make) -> None:
    source = written(tmp_path, "JPEG")
    content = source.read_bytes()
    source.write_bytes(content[: content.index(b"\xff\xda") + 14])
    with pytest.raises(Refused) as refused:
        make(source)
    assert refused.value.reason == Reason.BROKEN


def test_bytes_behind_the_end_of_a_jpeg_are_no_damage(tmp_path: Path, make: Make) -> None:
    """Cameras append films and previews; so do those who hide archives in pictures. None of it gets any further."""
    source = written(tmp_path, "JPEG")
    source.write_bytes(source.read_bytes() + b"PK\3\4<script>alert(1)</script>" * 100)
    made = make(source)
    assert made.missing == []
    assert all(b"<script>" not in one.path.read_bytes() for one in made.made)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF"])
def test_bytes_gone_wrong_never_count_as_our_fault(format: str, tmp_path: Path, make: Make) -> None:
    """Either something comes of it, or there is a reason: never an error that would be tried again."""
    chance = random.Random(format)
    whole = written(tmp_path, format).read_bytes()
    for _ in range(4):
        content = bytearray(whole)
        for _ in range(chance.choice([1, 3, 10])):
            content[chance.randrange(8, min(len(content), 600))] = chance.randrange(256)
        source = tmp_path / "wrong"
        source.write_bytes(content)
        with suppress(Refused):
            assert make(source).made


def test_a_picture_that_takes_more_memory_than_there_may_be_fails_alone(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    Image.new("RGB", (9000, 9000), "red").save(source, "BMP")
    facts = pictures.look(source)
    monkeypatch.setattr(
        pictures, "_MAKE", confined.Limits(memory=500_000_000, cpu=60, wall=300, stall=60, file_size=10**8)
    )
    with pytest.raises(Refused) as refused:
        pictures.make(source, facts, tmp_path)
    assert refused.value.reason == Reason.TOO_MUCH_WORK


def test_a_picture_that_takes_more_time_than_there_may_be_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    first, *others = [Image.effect_noise((600, 600), 90) for _ in range(60)]
    first.save(source, "GIF", save_all=True, append_images=others)
    facts = pictures.look(source)
    monkeypatch.setattr(pictures, "_MAKE", confined.Limits(memory=10**9, cpu=1, wall=300, stall=60, file_size=10**8))
    with pytest.raises(Refused) as refused:
        pictures.make(source, facts, tmp_path)
    assert refused.value.reason == Reason.TOO_MUCH_WORK


def test_the_gate_decodes_nothing(tmp_path: Path) -> None:
    """It knows the picture although there are no pixels of it: of a PNG without EXIF, too."""
    source = tmp_path / "source"
    photograph((3000, 2000)).save(source, "PNG")
    source.write_bytes(source.read_bytes()[:200])
    assert (pictures.look(source).width, pictures.look(source).height) == (3000, 2000)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("nothing", b"", Reason.EMPTY),
        ("words", "Ảnh đẹp".encode(), Reason.NOT_MEDIA),
        ("words that begin like a bitmap", b"BM" + b"W sold " * 9, Reason.NOT_MEDIA),
        ("drawing", b"<?xml version='1.0'?><!-- a --><svg xmlns='http://www.w3.org/2000/svg'/>", Reason.DRAWING),
        (
            "drawing with a prefix",
            b"\xef\xbb\xbf\n<s:svg xmlns:s='http://www.w3.org/2000/svg'></s:svg>",
            Reason.DRAWING,
        ),
        ("drawing in UTF-16", "<svg/>".encode("utf-16"), Reason.DRAWING),
        ("web page", b"<!DOCTYPE html><html><svg/></html>", Reason.NOT_MEDIA),
        ("film", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", Reason.NOT_MEDIA),
        ("header alone", b"\x89PNG\r\n\x1a\n", Reason.BROKEN),
        ("another header alone", b"\xff\xd8\xff", Reason.BROKEN),
    ],
)
def test_what_is_no_picture_is_refused_for_what_it_is(
    name: str, content: bytes, reason: Reason, tmp_path: Path
) -> None:
    source = tmp_path / "picture.jpg"
    source.write_bytes(content)
    with pytest.raises(Refused) as refused:
        pictures.look(source)
    assert refused.value.reason == reason, name


def test_a_webp_says_its_size_before_memory_is_got_for_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    body = b"VP8X" + (10).to_bytes(4, "little") + b"\0\0\0\0" + (16382).to_bytes(3, "little") * 2
    source.write_bytes(b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body)
    with pytest.raises(Refused) as refused:
        pictures.look(source)
    assert refused.value.reason == Reason.TOO_MANY_PIXELS


def test_texts_that_unpack_to_more_than_any_would_are_refused(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("a", "a" * 5_000_000, zip=True)
    source = tmp_path / "source"
    photograph().save(source, "PNG", pnginfo=texts)
    with pytest.raises(Refused) as refused:
        pictures.look(source)
    assert refused.value.reason == Reason.TOO_MUCH_WORK


def test_whoever_waits_can_stop_it(tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancelled() -> None:
        raise Cancelled

    source = tmp_path / "source"
    photograph((5000, 5000)).save(source, "PNG", compress_level=0)
    with pytest.raises(Cancelled):
        pictures.make(source, pictures.look(source), tmp_path, checkpoint=cancelled)
