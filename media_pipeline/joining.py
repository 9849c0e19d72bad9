"""Puts the parts of a stream together: fragmented MP4 (ISO/IEC 14496-12), box by box, without decoding anything.

Each part was made by itself, with a clock and a count of its own. The pictures stay as they are, byte for byte; what
changes is when they are shown: the base of each fragment's clock (``tfdt`` 8.8.12, ``sidx`` 8.16.3) and its number
(``mfhd`` 8.8.5).
"""

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import IO, Final

_BLOCK: Final = 1 << 20
#: A fragment's index of its samples; more is no index.
_MOST_BOX: Final = 16 << 20
_HEADS: Final = frozenset({b"ftyp", b"moov"})
_INSIDE: Final = frozenset({b"moof", b"traf", b"moov", b"trak", b"mdia"})


class Different(Exception):
    """The parts were not made alike, or are not what this module knows."""


def join(parts: Sequence[tuple[Path, Fraction]], target: Path) -> int:
    """Writes one stream of ``parts``, each with the second at which it begins, to ``target``; returns the bytes of its
    head, before the first fragment. Constant memory. Raises Different."""
    head = b""
    number = 0
    with target.open("wb") as out:
        for path, begins in parts:
            with path.open("rb") as file:
                found = _head(file)
                if not head:
                    head = found
                    out.write(head)
                elif found != head:
                    raise Different(f"{path.name} begins otherwise than the parts before it.")
                number = _fragments(file, out, round(begins * timescale(head)), number)
    return len(head)


def timescale(head: bytes) -> int:
    """Ticks a second of the stream's clock (``mdhd``, 8.4.2)."""
    for kind, at, _ in _boxes(head, 0, len(head)):
        if kind == b"mdhd":
            return int(struct.unpack_from(">I", head, at + (28 if head[at + 8] else 20))[0])
    raise Different("A stream without a clock.")


def _head(file: IO[bytes]) -> bytes:
    head = b""
    while True:
        at = file.tell()
        kind, size = _next(file)
        if kind not in _HEADS:
            file.seek(at)
            return head
        file.seek(at)
        head += file.read(size)


def _fragments(file: IO[bytes], out: IO[bytes], offset: int, number: int) -> int:
    """Copies them with their clock ``offset`` ticks later; returns the number of the last."""
    while True:
        at = file.tell()
        kind, size = _next(file)
        if not kind:
            return number
        file.seek(at)
        if kind in {b"moof", b"sidx"}:
            if size > _MOST_BOX:
                raise Different(f"A box of {size} bytes.")
            box = bytearray(file.read(size))
            number += kind == b"moof"
            _shift(box, offset, number)
            out.write(box)
        else:
            _copy(file, out, size)


def _shift(box: bytearray, offset: int, number: int) -> None:
    for kind, at, _ in _boxes(box, 0, len(box)):
        if kind == b"mfhd":
            struct.pack_into(">I", box, at + 12, number)
        elif kind == b"tfdt":
            _add(box, at + 12, offset, wide=box[at + 8] == 1)
        elif kind == b"sidx":
            _add(box, at + 20, offset, wide=box[at + 8] == 1)


def _add(box: bytearray, at: int, offset: int, *, wide: bool) -> None:
    if not wide:  # 32 bits would run over after some hours, and nothing here writes them
        raise Different("A clock of 32 bits.")
    struct.pack_into(">Q", box, at, struct.unpack_from(">Q", box, at)[0] + offset)


def _next(file: IO[bytes]) -> tuple[bytes, int]:
    """Kind and bytes of the box that begins here; no kind at the end."""
    start = file.read(8)
    if not start:
        return b"", 0
    if len(start) < 8:  # noqa: PLR2004
        raise Different("A box is cut off.")
    size, kind = struct.unpack(">I4s", start)
    if size == 1:  # a larger one than 32 bits can say
        size = struct.unpack(">Q", file.read(8))[0]
    if size < 8:  # noqa: PLR2004
        raise Different(f"A box of {size} bytes.")
    return kind, size


def _boxes(data: bytes | bytearray, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and bytes of each box, also of those inside others."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if not 8 <= size <= end - at:  # noqa: PLR2004
            raise Different(f"A box of {size} bytes.")
        yield kind, at, size
        if kind in _INSIDE:
            yield from _boxes(data, at + 8, at + size)
        at += size


def _copy(file: IO[bytes], out: IO[bytes], size: int) -> None:
    while size:
        block = file.read(min(size, _BLOCK))
        if not block:
            raise Different("A box is cut off.")
        out.write(block)
        size -= len(block)
