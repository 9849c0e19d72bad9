"""One PDF file: a cover, and a table of any length. It knows the format and nothing else.

The rows of the table go straight from COPY's text to compressed pages, in parts that can be kept and put together
later, in constant memory. The cover is ReportLab's work: for a few pages it is the better tool, for the rows it would
take many times as long, and the memory of all of them.

A part holds the pages that its rows filled. The rows on the page that they did not fill are in its state and go on
with the next part, so where parts end is nowhere to be seen. Format of a part: for each page the length of its content
stream (four bytes, most significant first) and the stream, compressed.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Final

from reports.archive import Compression
from reports.pdf.drawn import Drawn
from reports.pdf.file import File
from reports.pdf.font import Codes
from reports.pdf.layout import Layout, Progress
from reports.pdf.table import HEIGHT, WIDTH, Table
from reports.writers import ROWS_A_PART, About, Part, State

_LENGTH: Final = struct.Struct(">I")
#: Bytes that are handed out at once, about.
_BLOCK: Final = 1 << 18


class Document:
    """The file. Write its parts in order, then ``whole`` puts them together.

    ``cover`` is a PDF file of the pages before the table, and ``cover_label`` their bookmark. The same content with the
    same ``about.created`` is the same file, byte for byte.
    """

    def __init__(
        self,
        table: Table,
        *,
        cover: bytes,
        cover_label: str,
        about: About,
        compression: Compression = "isal",
        rows_a_part: int = ROWS_A_PART,
    ) -> None:
        self.rows_a_part = rows_a_part
        self._table, self._about, self._compression = table, about, compression
        self._cover, self._cover_label = Drawn(cover), cover_label
        self._start = Progress.start(table, len(self._cover.pages) + 1)

    @property
    def signature(self) -> bytes:
        """See ``writers.Writer``."""
        head = self._table.head(Codes())
        return head + f"{self._table} {self._start.page} {self.rows_a_part} {self._compression}".encode()

    def part(self, number: int, lines: Iterable[Sequence[str]], before: State) -> tuple[bytes, State]:  # noqa: ARG002
        """See ``writers.Writer``."""
        progress = Progress(**before) if before else self._start
        layout = Layout(self._table, progress, self._compression)
        pages = layout.pages(chain(progress.open, chain.from_iterable(lines)))
        packed = b"".join(_LENGTH.pack(len(page)) + page for page in pages)
        return packed, asdict(layout.progress)

    def whole(self, parts: Sequence[Part]) -> Iterator[bytes]:
        """The file. Raises ValueError where the parts' bytes are not what their states say."""
        block = bytearray()
        for piece in self._pieces(parts):
            block += piece
            if len(block) >= _BLOCK:
                yield bytes(block)
                block.clear()
        yield bytes(block)

    def _pieces(self, parts: Sequence[Part]) -> Iterator[bytes]:
        file = File()
        yield file.begin()
        yield from file.copied(self._cover)
        progress = self._start
        for part in parts:
            progress = Progress(**part.state)
            for page in _pages(part.packed):
                yield file.page(page)
            if file.pages != progress.page - 1:
                raise ValueError(f"A part should end with page {progress.page - 1}, and ends with page {file.pages}.")
        layout = Layout(self._table, progress, self._compression)
        yield from map(file.page, layout.pages(progress.open))
        yield file.page(layout.end())
        progress = layout.progress
        codes = Codes(progress.used, progress.beyond)
        forms = self._table.forms(file.pages, codes)
        bookmarks = [(self._cover_label, 1), *progress.bookmarks]
        yield from file.end((WIDTH, HEIGHT), forms, codes, bookmarks, self._about)


def _pages(packed: Iterable[bytes]) -> Iterator[bytes]:
    """The pages in a part's bytes. Raises ValueError where they end within one."""
    rest = bytearray()
    for block in packed:
        rest += block
        start = 0
        while start + _LENGTH.size <= len(rest):
            (length,) = _LENGTH.unpack_from(rest, start)
            end = start + _LENGTH.size + length
            if end > len(rest):
                break
            yield bytes(rest[start + _LENGTH.size : end])
            start = end
        del rest[:start]
    if rest:
        raise ValueError(f"{len(rest)} bytes of a part are no whole page.")
