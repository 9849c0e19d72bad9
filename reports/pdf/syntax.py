"""The few constructs of the file format that the writer needs. ISO 32000-1:2008, 7.3 and 7.5."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from isal import isal_zlib

#: What an object is, without its number.
Body = bytes

HEADER: Final = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_ODD_IN_NAME: Final = re.compile(r"[^A-Za-z0-9+_.-]")


def name(text: str) -> str:
    """``/text``."""
    return "/" + _ODD_IN_NAME.sub(lambda match: "".join(f"#{byte:02X}" for byte in match[0].encode()), text)


def text(value: str) -> str:
    """A text string (7.9.2.2), for people: titles, bookmarks."""
    return f"<FEFF{value.encode('utf-16-be', 'replace').hex().upper()}>"


def stream(data: bytes, entries: str = "") -> Body:
    """A compressed stream; ``entries`` stand in its dictionary."""
    packed: bytes = isal_zlib.compress(data, 1)
    return f"<<{entries}/Length {len(packed)}/Filter/FlateDecode>>\nstream\n".encode() + packed + b"\nendstream"


def numbered(number: int, body: Body) -> bytes:
    return b"%d 0 obj\n%b\nendobj\n" % (number, body)


def cross_references(offsets: Mapping[int, int]) -> Iterator[bytes]:
    """The table of where each object begins (7.5.4)."""
    yield b"xref\n0 1\n0000000000 65535 f \n"
    for run in _runs(sorted(offsets)):
        entries = b"".join(b"%010d 00000 n \n" % offsets[number] for number in run)
        yield b"%d %d\n%b" % (run[0], len(run), entries)


def _runs(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """``numbers``, ascending, cut where one is missing."""
    gaps = [place for place, (one, following) in enumerate(pairwise(numbers), start=1) if following != one + 1]
    for start, end in pairwise([0, *gaps, len(numbers)]):
        if start < end:
            yield numbers[start:end]
