"""Thumbhashes, held against another implementation, and against what the format's own has made."""

import random

import pytest
import thumbhash as another

from media_pipeline.pixels.placeholder import thumbhash


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
