"""Reads a finished PDF file back and counts what is in it, sharing nothing with the writer but the way numbers are put.

It is what stands between a wrong file and a person who trusts it: it finds every page as any reader would (from the end
of the file by the table of objects and down the tree of pages), decompresses all of them (their checksums are verified
on the way), and adds the table's rows up from the text that is shown. It knows of the format what the writer needs: one
table of objects, one compressed stream a page, and rows marked as such. Format: ISO 32000-1, 7.3.4 (strings), 7.5
(structure of files), 7.7.3 (tree of pages) and 14.6 (marked content).
"""

import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import IO, Final

from reports.pdf.notation import Notation
from reports.summing import Sums
from reports.writers import Contents, Unreadable

#: Bytes at the end of the file in which it says where its table is, and those that are read for an object at first.
_END, _OBJECT = 1024, 4096
#: Bytes of an entry of the table.
_ENTRY: Final = 20
#: Texts that are remembered with their codes.
_REMEMBERED: Final = 4096
#: Nodes above a page; more would be a circle.
_DEEPEST: Final = 16

_START: Final = re.compile(rb"startxref\s+(\d+)\s+%%EOF\s*\Z")
_TABLE: Final = re.compile(rb"\Axref\s+0 (\d+)\s*\n")
_OFFSET: Final = re.compile(rb"\A(\d{10}) 00000 n")
_ROOT: Final = re.compile(rb"\Atrailer\s*<<.*?/Root (\d+) 0 R", re.DOTALL)
_PAGES: Final = re.compile(rb"/Pages (\d+) 0 R")
_COUNT: Final = re.compile(rb"/Count (\d+)")
_KIDS: Final = re.compile(rb"/Kids\[([^\]]*)\]")
_CONTENTS: Final = re.compile(rb"/Contents (\d+) 0 R")
_LENGTH: Final = re.compile(rb"/Length (\d+)")
_REFERENCE: Final = re.compile(rb"(\d+) 0 R")
_DICTIONARY_END: Final = re.compile(rb"stream\r?\n|endobj")
_STREAM_END: Final = b"\nendstream"
_STRING: Final = re.compile(rb"\((?:[^\\()]++|\\.)*+\)", re.DOTALL)
#: What rows are made of. Strings come first: they may hold what looks like the begin or end of marked content.
_TOKEN: Final = re.compile(_STRING.pattern + rb"|/TR BMC|\bEMC\b", re.DOTALL)
_ROW, _ROW_END = b"/TR BMC", b"EMC"
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_ESCAPED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def read_table(
    stream: IO[bytes],
    *,
    columns: int,
    key: int,
    numbers: Sequence[int],
    notation: Notation,
    checkpoint: Callable[[], object],
) -> Contents:
    """Adds up the table of so many ``columns`` by the texts of column ``key``; columns are counted from 0.

    ``checkpoint`` is called for every page. Raises Unreadable.
    """
    sums, rows = Sums(), 0
    try:
        for page, content in enumerate(_pages(_File(stream)), start=1):
            checkpoint()
            found = list(_rows(content, columns, page))
            sums.add([_cells(row, columns, key, numbers, notation) for row in found])
            rows += len(found)
        return Contents(rows, sums.total())
    except (zlib.error, ValueError, ArithmeticError, IndexError) as error:
        raise Unreadable(str(error)) from error


class _File:
    """Finds objects by their numbers."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        size = stream.seek(0, io.SEEK_END)
        end = self._read(max(size - _END, 0), _END)
        table = int(_found(_START, end, "the end of the file")[1])
        head = _found(_TABLE, self._read(table, _OBJECT), "the table of objects")
        self._count, self._entries = int(head[1]), table + head.end()
        trailer = self._read(self._entries + self._count * _ENTRY, _OBJECT)
        self.root = int(_found(_ROOT, trailer, "the trailer")[1])

    def dictionary(self, number: int) -> bytes:
        return self._open(number)[0]

    def stream(self, number: int) -> bytes:
        """The decompressed content of a stream."""
        dictionary, start = self._open(number)
        length = int(_found(_LENGTH, dictionary, f"the length of stream {number}")[1])
        packed = self._read(start, length + len(_STREAM_END))
        if b"/Filter/FlateDecode" not in dictionary or packed[length:] != _STREAM_END:
            raise Unreadable(f"Stream {number} is not what it says.")
        return zlib.decompress(packed[:length])

    def _open(self, number: int) -> tuple[bytes, int]:
        """An object's dictionary, and where what follows it begins."""
        if not 0 < number < self._count:
            raise Unreadable(f"There is no object {number}.")
        entry = self._read(self._entries + number * _ENTRY, _ENTRY)
        offset = int(_found(_OFFSET, entry, f"object {number}")[1])
        start = b"%d 0 obj" % number
        data = self._read(offset, _OBJECT)
        end = _DICTIONARY_END.search(data)
        if not data.startswith(start) or end is None:
            raise Unreadable(f"Object {number} is not at {offset}.")
        return data[len(start) : end.start()], offset + end.end()

    def _read(self, offset: int, size: int) -> bytes:
        self._stream.seek(offset)
        return self._stream.read(size)


def _found(pattern: re.Pattern[bytes], data: bytes, what: str) -> re.Match[bytes]:
    found = pattern.search(data)
    if found is None:
        raise Unreadable(f"There is no sign of {what}.")
    return found


def _pages(file: _File) -> Iterator[bytes]:
    """The contents of all pages, in order. Raises Unreadable where there are not as many as the tree says."""
    root = int(_found(_PAGES, file.dictionary(file.root), "pages")[1])
    promised = int(_found(_COUNT, file.dictionary(root), "the number of pages")[1])
    pages = 0
    for page in _leaves(file, root, _DEEPEST):
        pages += 1
        if pages > promised:
            break
        yield file.stream(int(_found(_CONTENTS, page, f"the content of page {pages}")[1]))
    if pages != promised:
        raise Unreadable(f"There are not {promised} pages.")


def _leaves(file: _File, node: int, depth: int) -> Iterator[bytes]:
    """The dictionaries of the pages under a node."""
    dictionary = file.dictionary(node)
    kids = _KIDS.search(dictionary)
    if kids is None:
        yield dictionary
    elif depth:
        for kid in _REFERENCE.finditer(kids[1]):
            yield from _leaves(file, int(kid[1]), depth - 1)
    else:
        raise Unreadable("The tree of pages has no end.")


def _rows(content: bytes, columns: int, page: int) -> Iterator[list[bytes]]:
    """The strings of each row: one for each column, as often as the row has lines."""
    tokens = _TOKEN.findall(content)
    end = 0
    for _ in range(tokens.count(_ROW)):
        start = tokens.index(_ROW, end) + 1
        end = tokens.index(_ROW_END, start)  # raises ValueError where the row does not end
        if start == end or (end - start) % columns:
            raise Unreadable(f"A row on page {page} has {end - start} texts for {columns} columns.")
        yield tokens[start:end]


def _cells(
    strings: Sequence[bytes], columns: int, key: int, numbers: Sequence[int], notation: Notation
) -> tuple[str, ...]:
    """The texts of a row that are asked for, with numbers as Python reads them. Raises ArithmeticError."""
    name, *texts = (_text(b"".join(strings[place::columns])) for place in (key, *numbers))
    return name, *(str(notation.read(text)) if text else "" for text in texts)


@lru_cache(_REMEMBERED)
def _text(strings: bytes) -> str:
    """The text that literal strings, one behind the other, hold together."""
    coded = b"".join(string[1:-1] for string in _STRING.findall(strings))
    plain = _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), coded) if b"\\" in coded else coded
    return plain.decode("utf-16-be")
