"""What the boxes of a HEIF or AVIF file say before anything decodes (ISO/IEC 14496-12 and 23008-12).

The libraries that decode these say neither in which colours an image without a profile is, nor that the data of a part
of it is not there: they paint that grey.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

#: Bytes of the box with all about the pictures: larger ones are not read.
MOST_ABOUT: Final = 4 * 1024 * 1024
#: Boxes of one level, so that millions of empty ones end soon.
_MOST_BOXES: Final = 10_000
#: "Not said", in ITU-T H.273.
UNSAID: Final = 2


@dataclass(slots=True)
class About:
    """What the file says.

    Attributes:
        sizes: widths and heights of all the images in it, parts and small ones too.
        primaries, transfer: the colours of the main image, as in ITU-T H.273.
        cut: the data of an image lies behind the end of the file.
    """

    sizes: list[tuple[int, int]] = field(default_factory=list)
    primaries: int = UNSAID
    transfer: int = UNSAID
    cut: bool = False


class Malformed(Exception):
    """The boxes do not hold what they must."""


def read(source: Path) -> About:
    """Raises Malformed."""
    size = source.stat().st_size
    with source.open("rb") as file:
        place, count = 0, 0
        while place < size and count < _MOST_BOXES:
            file.seek(place)
            head = file.read(16)
            length, start = _length(head, size - place)
            if head[4:8] == b"meta":
                return _about(_body(file, place + start, length - start), size)
            place, count = place + length, count + 1
    raise Malformed("It does not say what is in it.")


def _length(head: bytes, rest: int) -> tuple[int, int]:
    """The length of a box and of its header; ``rest``: how many bytes there are, header included."""
    length, start = int.from_bytes(head[:4], "big"), 8
    if length == 1:
        length, start = int.from_bytes(head[8:16], "big"), 16
    elif length == 0:
        length = rest
    if length < start:
        raise Malformed("A box is smaller than its header.")
    return length, start


def _body(file: io.BufferedReader, place: int, length: int) -> bytes:
    if length > MOST_ABOUT:
        raise Malformed("It says more about the pictures than any would.")
    file.seek(place)
    return file.read(length)


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each box in ``content``."""
    place = 0
    for _ in range(_MOST_BOXES):
        if place + 8 > len(content):
            return
        head = content[place : place + 16]
        length, start = _length(head, len(content) - place)
        yield head[4:8], content[place + start : place + length]
        place += length


def _about(meta: bytes, size: int) -> About:
    about = About()
    main, places, properties, of_images = 0, b"", [], b""
    for kind, body in _boxes(meta[4:]):
        if kind == b"pitm":
            main = int.from_bytes(body[4:8] if body[:1] == b"\1" else body[4:6], "big")
        elif kind == b"iloc":
            places = body
        elif kind == b"iprp":
            for inner, content in _boxes(body):
                if inner == b"ipco":
                    properties = list(_boxes(content))
                elif inner == b"ipma":
                    of_images = content
    about.sizes = [
        (int.from_bytes(body[4:8], "big"), int.from_bytes(body[8:12], "big"))
        for kind, body in properties
        if kind == b"ispe"
    ]
    for number in _properties_of(main, of_images):
        kind, body = properties[number - 1] if 0 < number <= len(properties) else (b"", b"")
        if kind == b"colr" and body[:4] == b"nclx":
            about.primaries = int.from_bytes(body[4:6], "big")
            about.transfer = int.from_bytes(body[6:8], "big")
    about.cut = _end(places) > size
    return about


class _Reader:
    """Numbers from bytes, one after another."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def number(self, length: int) -> int:
        content = self._file.read(length)
        if len(content) < length:
            raise Malformed("A table is shorter than it says.")
        return int.from_bytes(content, "big")


def _properties_of(image: int, associations: bytes) -> list[int]:
    """The numbers, from 1, of an image's properties (ItemPropertyAssociationBox)."""
    if not associations:
        return []
    reader = _Reader(associations)
    release, flags = reader.number(1), reader.number(3)
    wide = 2 if flags & 1 else 1
    for _ in range(reader.number(4)):
        item = reader.number(4 if release else 2)
        numbers = [reader.number(wide) & (0x7FFF if wide == 2 else 0x7F) for _ in range(reader.number(1))]  # noqa: PLR2004
        if item == image:
            return numbers
    return []


def _end(places: bytes) -> int:
    """The end of the data of all images (ItemLocationBox), counted from the file's beginning."""
    if not places:
        return 0
    reader = _Reader(places)
    release, _ = reader.number(1), reader.number(3)
    sizes = reader.number(1)
    of_offset, of_length = sizes >> 4, sizes & 15
    sizes = reader.number(1)
    of_base, of_index = sizes >> 4, sizes & 15 if release else 0
    wide = 4 if release == 2 else 2  # noqa: PLR2004 (the box's releases are 0, 1 and 2)
    end = 0
    for _ in range(reader.number(wide)):
        reader.number(wide)
        in_the_file = not release or reader.number(2) & 15 == 0
        reader.number(2)
        base = reader.number(of_base)
        extents = reader.number(2)
        for _ in range(extents if of_index + of_offset + of_length else 0):  # or nothing would end it
            reader.number(of_index)
            offset, length = reader.number(of_offset), reader.number(of_length)
            if in_the_file:
                end = max(end, base + offset + length)
    return end
