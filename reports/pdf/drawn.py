"""The pages of a file that ReportLab drew, taken over into another one.

It knows of the format what ReportLab writes: one table of objects, numbers of generation 0, no references but in
dictionaries and arrays, streams by length. For those few pages a library that reads any PDF file would cost a worker as
much memory as Django does. Format: ISO 32000-1, 7.3.8 (streams), 7.4 (filters) and 7.5.4 (table of objects).
"""

import re
import zlib
from base64 import a85decode
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_START: Final = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")
_TABLE: Final = re.compile(rb"xref\s+0 (\d+)\s*\n")
#: Bytes of an entry of the table.
_ENTRY: Final = 20
_BODY_END: Final = re.compile(rb"\s*(?:\bstream\r?\n|\bendobj\b)")
_REFERENCE: Final = re.compile(rb"\b(\d+) 0 R\b")
_KIDS: Final = re.compile(rb"/Kids\s*\[([^\]]*)\]")
_LENGTH: Final = re.compile(rb"/Length (\d+)")
_FILTER: Final = re.compile(rb"/Filter\s*\[([^\]]*)\]")
#: What a page says of its place in its old file.
_OF_PLACE: Final = re.compile(rb"/Parent \d+ 0 R|/Type /Page\b")


class NotReadable(ValueError):
    """ReportLab has written what this does not know."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its dictionary's entries (or, where it is none, all of it), and its decoded stream."""

    body: bytes
    stream: bytes | None


class Drawn:
    """A file as ReportLab has saved it. Raises NotReadable."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        table = _TABLE.match(data, int(_search(_START, data)[1]))
        if table is None:
            raise NotReadable("There is no table of objects.")
        entries = data[table.end() : table.end() + int(table[1]) * _ENTRY]
        self._offsets = [int(entries[start : start + 10]) for start in range(0, len(entries), _ENTRY)]
        root = self.object(int(_search(re.compile(rb"/Root (\d+) 0 R"), data[table.end() :])[1]))
        tree = self.object(int(_search(re.compile(rb"/Pages (\d+) 0 R"), root.body)[1]))
        self.pages = [int(number) for number in _REFERENCE.findall(_search(_KIDS, tree.body)[1])]

    def object(self, number: int) -> Found:
        start = self._data.index(b"obj", self._offsets[number]) + 3
        end = _BODY_END.search(self._data, start)
        if end is None:
            raise NotReadable(f"Object {number} has no end.")
        body = self._data[start : end.start()].strip()
        if b"stream" not in end[0]:
            return Found(body, None)
        length = int(_search(_LENGTH, body)[1])
        stream = self._data[end.end() : end.end() + length]
        filters = _search(_FILTER, body)[1].split()
        for one in filters:
            stream = _decoded(one, stream)
        return Found(_FILTER.sub(b"", _LENGTH.sub(b"", body)), stream)


def _search(pattern: re.Pattern[bytes], data: bytes) -> re.Match[bytes]:
    found = pattern.search(data)
    if found is None:
        raise NotReadable(f"There is no {pattern.pattern!r}.")
    return found


def _decoded(filter: bytes, stream: bytes) -> bytes:
    if filter == b"/ASCII85Decode":
        return a85decode(stream.strip().removesuffix(b"~>"))
    if filter == b"/FlateDecode":
        return zlib.decompress(stream)
    raise NotReadable(f"A stream is encoded by {filter!r}.")


class Copy:
    """Objects of ``drawn`` under new numbers, which ``number`` gives."""

    def __init__(self, drawn: Drawn, number: Callable[[], int]) -> None:
        self._drawn, self._number = drawn, number
        self._numbers: dict[int, int] = {}
        self._waiting: deque[int] = deque()

    def pages(self) -> Iterator[bytes]:
        """The entries of each page but those that say where in the file it is."""
        for page in self._drawn.pages:
            entries = self._drawn.object(page).body.removeprefix(b"<<").removesuffix(b">>")
            yield self._renumbered(_OF_PLACE.sub(b"", entries))

    def rest(self) -> Iterator[tuple[int, Found]]:
        """All that the pages refer to, with the new numbers."""
        while self._waiting:
            old = self._waiting.popleft()
            found = self._drawn.object(old)
            yield self._numbers[old], Found(self._renumbered(found.body), found.stream)

    def _renumbered(self, body: bytes) -> bytes:
        return _REFERENCE.sub(lambda match: b"%d 0 R" % self._new(int(match[1])), body)

    def _new(self, old: int) -> int:
        if old not in self._numbers:
            self._numbers[old] = self._number()
            self._waiting.append(old)
        return self._numbers[old]
