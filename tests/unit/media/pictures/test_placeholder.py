"""Thumbhashes, held against another implementation, and against what the format's own has made."""

import base64
import io
import random

import pytest
import thumbhash as another
from PIL import Image

from media_pipeline import placeholders
from media_pipeline.pixels.placeholder import decoded, thumbhash


def noisy(width: int, height: int, alpha: int = 255) -> bytes:
    chance = random.Random(f"{width}×{height}")
    return b"".join(
        bytes([(3 * x + chance.randrange(30)) % 256, 5 * y % 256, x * y % 256, alpha])
        for y in range(height)
        for x in range(width)
    )


@pytest.mark.parametrize("size", [(100, 75), (75, 100), (1, 1), (100, 1), (1, 100), (33, 17), (50, 50)])
def test_an_opaque_picture_is_hashed_as_others_do(size: tuple[int, int]) -> None:
    pixels = noisy(*size)
    assert thumbhash(*size, pixels) == bytes(another.rgba_to_thumb_hash(*size, list(pixels)))


def test_what_shows_through_is_hashed_as_by_the_formats_own_encoder() -> None:
    """By thumbhash 0.1.1 from npm; the package that the other test asks cannot do these."""
    pixels = bytes(
        value
        for y in range(3)
        for x in range(4)
        for value in (37 * x * x % 256, 80 * y + 11 * x, 200 - 23 * x * y, 255 - 29 * x * y)
    )
    theirs = "dad4853c941c227d30878788180468438fe887f78477878807"
    # Where a wave is not in the picture at all, it is chance which of two neighbours stands for nothing.
    assert (
        max(
            abs(int(one, 16) - int(other, 16)) for one, other in zip(thumbhash(4, 3, pixels).hex(), theirs, strict=True)
        )
        <= 1
    )


def test_a_picture_that_cannot_be_seen_has_a_hash() -> None:
    assert thumbhash(2, 2, bytes(16))


def colour(x: int, y: int, width: int, height: int) -> tuple[int, int, int]:
    """Of a picture that is red on its left and green below."""
    return 40 + 180 * x // width, 60 + 120 * y // height, 200 - 100 * x // width


@pytest.mark.parametrize("size", [(80, 60), (60, 80), (64, 64), (100, 20)])
def test_what_was_hashed_can_be_seen_again(size: tuple[int, int]) -> None:
    pixels = b"".join(bytes([*colour(x, y, *size), 255]) for y in range(size[1]) for x in range(size[0]))

    found = decoded(thumbhash(*size, pixels), 32)

    assert found is not None
    width, height, again = found
    assert max(width, height) == 32
    assert abs(width / height - size[0] / size[1]) < 0.4 * size[0] / size[1]  # as near as seven waves can say
    for y in range(height):
        for x in range(width):
            shown = again[3 * (y * width + x) : 3 * (y * width + x) + 3]
            meant = colour(x * size[0] // width, y * size[1] // height, *size)
            assert max(abs(one - other) for one, other in zip(shown, meant, strict=True)) < 45, (x, y)


def test_a_single_colour_stays_that() -> None:
    found = decoded(thumbhash(10, 10, bytes([200, 30, 90, 255]) * 100), 8)
    assert found is not None
    assert all(abs(one - other) < 6 for one, other in zip(found[2], [200, 30, 90] * 64, strict=True))


def test_it_is_a_small_picture_in_its_own_address() -> None:
    kept = base64.b64encode(thumbhash(80, 60, noisy(80, 60))).decode()
    address = placeholders.address(kept, placeholders.SMALL)
    kind, _, content = address.partition(",")
    assert kind == "data:image/png;base64"
    assert len(address) < 1000
    assert Image.open(io.BytesIO(base64.b64decode(content))).size == (16, 11)


def test_what_something_shows_through_has_none() -> None:
    kept = base64.b64encode(thumbhash(10, 10, noisy(10, 10, alpha=100))).decode()
    assert placeholders.address(kept, placeholders.SMALL) == ""
    assert placeholders.address("", placeholders.SMALL) == ""
