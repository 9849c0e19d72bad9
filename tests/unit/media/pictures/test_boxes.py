"""What the boxes of HEIF and AVIF files say, in files of other programs' making and in ones that make no sense."""

import io
import random
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from media_pipeline.pixels import boxes


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    image = Image.linear_gradient("L").resize((96, 64)).convert("RGB")
    pillow_heif.from_pillow(image).save(path, color_primaries=9, transfer_characteristics=16, matrix_coefficients=9)
    return path


def test_sizes_and_colours_of_a_heif(written: Path) -> None:
    about = boxes.read(written)
    assert (96, 64) in about.sizes
    assert (about.primaries, about.transfer, about.cut) == (9, 16, False)


def test_sizes_of_an_avif(tmp_path: Path) -> None:
    path = tmp_path / "source"
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(path, "AVIF")
    about = boxes.read(path)
    assert (96, 64) in about.sizes
    assert not about.cut


def test_a_file_that_lacks_its_last_byte_is_cut(written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-1])
    assert boxes.read(written).cut


def test_bytes_that_make_no_sense_end_in_one_way(written: Path) -> None:
    chance = random.Random(4)
    whole = written.read_bytes()
    for _ in range(500):
        content = bytearray(whole[: chance.randrange(8, 700)] if chance.random() < 0.3 else whole)
        for _ in range(chance.choice([1, 3, 10])):
            content[chance.randrange(min(len(content), 700))] = chance.choice([0, 1, 255, chance.randrange(256)])
        written.write_bytes(content)
        try:
            boxes.read(written)
        except boxes.Malformed:
            continue


def test_a_file_of_empty_boxes_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "source"
    file = io.BytesIO()
    for _ in range(200_000):
        file.write(b"\0\0\0\x08free")
    path.write_bytes(file.getvalue())
    with pytest.raises(boxes.Malformed):
        boxes.read(path)
