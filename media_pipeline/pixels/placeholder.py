"""Thumbhash: a picture in some twenty bytes, that pages show until it has come (https://evanw.github.io/thumbhash/)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

#: Pixels of the longer side that one is made of at most.
LONGEST: Final = 100
_OPAQUE: Final = 255
#: Waves on the longer side of an opaque picture.
_WAVES: Final = 7


@dataclass(frozen=True, slots=True)
class _Waves:
    """A channel as waves: its mean, and how much there is of each of the others, from 0 to 1 of what ``scale`` is."""

    mean: float
    others: list[float]
    scale: float


def thumbhash(width: int, height: int, rgba: bytes) -> bytes:
    """Of at most 100 × 100 pixels, four bytes each, row by row."""
    longer = max(width, height)
    pixels = [tuple(value / _OPAQUE for value in rgba[place : place + 4]) for place in range(0, len(rgba), 4)]
    opacity = sum(pixel[3] for pixel in pixels)
    see_through = min(pixel[3] for pixel in pixels) < 1
    mean = [sum(pixel[band] * pixel[3] for pixel in pixels) / opacity if opacity else 0.0 for band in range(3)]
    lights, yellows, reds = [], [], []
    for *bands, alpha in pixels:
        red, green, blue = (back * (1 - alpha) + band * alpha for back, band in zip(mean, bands, strict=True))
        lights.append((red + green + blue) / 3)
        yellows.append((red + green) / 2 - blue)
        reds.append(red - green)

    limit = 5 if see_through else _WAVES
    across, down = (max(1, _rounded(limit * side / longer)) for side in (width, height))
    light = _waves(lights, width, max(3, across), max(3, down))
    yellow = _waves(yellows, width, 3, 3)
    red_wave = _waves(reds, width, 3, 3)
    channels = [light, yellow, red_wave]

    lying = width > height
    head = (
        _rounded(63 * light.mean)
        | _rounded(31.5 + 31.5 * yellow.mean) << 6
        | _rounded(31.5 + 31.5 * red_wave.mean) << 12
        | _rounded(31 * light.scale) << 18
        | see_through << 23
    )
    more = (
        (down if lying else across)
        | _rounded(63 * yellow.scale) << 3
        | _rounded(63 * red_wave.scale) << 9
        | lying << 15
    )
    content = head.to_bytes(3, "little") + more.to_bytes(2, "little")
    if see_through:
        opaque = _waves([pixel[3] for pixel in pixels], width, 5, 5)
        content += bytes([_rounded(15 * opaque.mean) | _rounded(15 * opaque.scale) << 4])
        channels.append(opaque)
    nibbles = [_rounded(15 * part) for channel in channels for part in channel.others]
    nibbles += [0] * (len(nibbles) % 2)
    return content + bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def _rounded(number: float) -> int:
    """As JavaScript rounds, which the format was first written in."""
    return math.floor(number + 0.5)


def _waves(values: Sequence[float], width: int, across: int, down: int) -> _Waves:
    """The lowest ``across`` × ``down`` parts of the channel's cosine transform, but for the corner of the finest."""
    rows = [values[start : start + width] for start in range(0, len(values), width)]
    along = [_cosines(width, wave) for wave in range(across)]
    down_rows = [[sum(map(float.__mul__, row, cosines)) for row in rows] for cosines in along]
    parts = []
    for y in range(down):
        cosines = _cosines(len(rows), y)
        parts += [
            sum(map(float.__mul__, down_rows[x], cosines)) / len(values)
            for x in range(across)
            if x * down < across * (down - y)
        ]
    mean, *others = parts
    scale = max(map(abs, others))
    return _Waves(mean, [0.5 + 0.5 * part / scale for part in others] if scale else [0.0] * len(others), scale)


def _cosines(count: int, wave: int) -> list[float]:
    return [math.cos(math.pi / count * wave * (place + 0.5)) for place in range(count)]


def decoded(content: bytes, longest: int) -> tuple[int, int, bytes] | None:
    """Width, height and pixels, three bytes each, of a thumbhash; ``longest``: pixels of the longer side. None of a
    picture that something shows through: what is shown in its place would be seen behind it."""
    head, more = int.from_bytes(content[:3], "little"), int.from_bytes(content[3:5], "little")
    if head >> 23:
        return None
    across, down = (_WAVES, more & 7) if more >> 15 else (more & 7, _WAVES)
    longer = max(across, down)
    width, height = size = [max(1, _rounded(longest * side / longer)) for side in (across, down)]
    nibbles = (half for byte in content[5:] for half in (byte & 15, byte >> 4))
    light = _unwaved(nibbles, (head & 63) / 63, (head >> 18 & 31) / 31, (max(3, across), max(3, down)), size)
    # Rounding has weakened the colours; the format makes up for that.
    yellow = _unwaved(nibbles, (head >> 6 & 63) / 31.5 - 1, (more >> 3 & 63) / 63 * 1.25, (3, 3), size)
    reds = _unwaved(nibbles, (head >> 12 & 63) / 31.5 - 1, (more >> 9 & 63) / 63 * 1.25, (3, 3), size)
    pixels = bytearray()
    for bright, yellowness, redness in zip(light, yellow, reds, strict=True):
        blue = bright - 2 / 3 * yellowness
        red = (3 * bright - blue + redness) / 2
        pixels += bytes(_rounded(_OPAQUE * min(max(band, 0.0), 1.0)) for band in (red, red - redness, blue))
    return width, height, bytes(pixels)


def _unwaved(
    nibbles: Iterator[int], mean: float, scale: float, waves: tuple[int, int], size: Sequence[int]
) -> list[float]:
    """The values of a channel, row by row; the inverse of ``_waves``."""
    (across, down), (width, height) = waves, size
    parts = [[0.0] * across for _ in range(down)]
    for y in range(down):
        for x in range(across):
            if x * down < across * (down - y):
                parts[y][x] = 2 * scale * (next(nibbles) / 7.5 - 1) if x or y else mean
    along, below = (
        [_cosines(side, wave) for wave in range(count)] for side, count in ((width, across), (height, down))
    )
    values = []
    for row in range(height):
        of_row = [sum(parts[y][x] * below[y][row] for y in range(down)) for x in range(across)]
        values += [sum(of_row[x] * along[x][place] for x in range(across)) for place in range(width)]
    return values
