"""Animations move on as WebP, with stills of their first picture."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from media_pipeline.pictures import Pictures, look
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused

Make = Callable[[Path], Pictures]
COLOURS = ("red", "lime", "blue")


def saved(source: Path, format: str, *, size: tuple[int, int] = (60, 40), count: int = 3, **options: object) -> Path:
    frames = [Image.new("RGB", size, COLOURS[number % 3]) for number in range(count)]
    frames[0].save(source, format, save_all=True, append_images=frames[1:], duration=120, **options)
    return source


def moves(path: Path) -> list[tuple[tuple[int, ...], int]]:
    """The mean colour of each picture, and its milliseconds."""
    found = []
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            frame = image.convert("RGB")
            found.append((tuple(round(mean) for mean in ImageStat.Stat(frame).mean), image.info["duration"]))
    return found


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_stays_one(format: str, tmp_path: Path, make: Make) -> None:
    made = make(saved(tmp_path / "source", format, loop=0))
    assert made.missing == []
    *stills, animation = made.made
    assert {still.kind for still in stills} == {"poster"}
    assert {still.name for still in stills} == {"w60.avif", "w60.webp", "w60.jpg"}
    assert (animation.name, animation.kind, animation.width, animation.height) == ("animation.webp", "picture", 60, 40)
    shown = moves(animation.path)
    assert [duration for _, duration in shown] == [120, 120, 120]
    for (colour, _), wanted in zip(shown, ((255, 0, 0), (0, 255, 0), (0, 0, 255)), strict=True):
        assert all(abs(one - other) < 12 for one, other in zip(colour, wanted, strict=True))
    with Image.open(stills[0].path) as first:
        assert ImageStat.Stat(first.convert("RGB")).mean[0] > 240


@pytest.mark.parametrize(("said", "shown"), [(0, 0), (2, 3), (None, 1)])
def test_a_gif_is_shown_as_often_as_it_asks(said: int | None, shown: int, tmp_path: Path, make: Make) -> None:
    options = {} if said is None else {"loop": said}
    with Image.open(make(saved(tmp_path / "source", "GIF", **options)).made[-1].path) as image:
        assert image.info["loop"] == shown


def test_a_large_animation_is_made_small_enough_for_a_page(tmp_path: Path, make: Make) -> None:
    source = saved(tmp_path / "source", "GIF", size=(1000, 500), count=5)
    made = make(source)
    assert (made.made[-1].width, made.made[-1].height) == (640, 320)
    assert made.made[0].width == 1000


def test_an_animation_that_breaks_off_moves_as_far_as_it_goes(tmp_path: Path, make: Make) -> None:
    source = saved(tmp_path / "source", "GIF", size=(200, 200), count=9)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    made = make(source)
    assert Missing.END in made.missing
    assert 2 <= len(moves(made.made[-1].path)) < 9


def test_too_many_pictures_are_refused_by_their_header(tmp_path: Path) -> None:
    source = tmp_path / "source"
    frames = [Image.new("L", (2, 1), number % 256) for number in range(501)]
    frames[0].save(
        source, "GIF", save_all=True, append_images=frames[1:], duration=[20 + n % 2 * 10 for n in range(501)]
    )
    assert Image.open(source).n_frames == 501
    with pytest.raises(Refused) as refused:
        look(source)
    assert refused.value.reason == Reason.TOO_MANY_FRAMES


def test_pages_of_a_tiff_are_no_animation(tmp_path: Path, make: Make) -> None:
    made = make(saved(tmp_path / "source", "TIFF"))
    assert {one.kind for one in made.made} == {"picture"}
    assert len(made.made) == 3
