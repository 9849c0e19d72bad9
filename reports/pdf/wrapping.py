"""Breaks text into lines."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

#: A word with the spaces behind it, or spaces alone; then the line end, if one is there.
_WORD: Final = re.compile(r"[^ \n]* *\n?")


def wrap(text: str, advance: Mapping[str, int], room: int) -> Iterator[str]:
    """The lines of clean ``text``, none wider than ``room`` but for the spaces at its end.

    Lines end behind spaces and at line ends, which they keep, so that all lines together are the text again. A word
    that is wider than ``room`` is broken where it must, never before a mark that sits on the character in front. Only
    a single character can be wider than its line. At least one line comes, if an empty one.
    """
    line, left = "", room
    for word in _WORD.findall(text):
        width = _width(word.rstrip(" \n"), advance)
        if width > left and line:
            yield line
            line, left = "", room
        if width > room:
            *whole, word = _pieces(word, advance, room)  # noqa: PLW2901
            yield from whole
        line += word
        left -= _width(word, advance)
        if word.endswith("\n"):
            yield line
            line, left = "", room
    if line or not text:
        yield line


def _pieces(word: str, advance: Mapping[str, int], room: int) -> list[str]:
    """``word`` in pieces that fit."""
    pieces, start, width = [], 0, 0
    for place, character in enumerate(word):
        width += advance[character]
        if width > room and advance[character] and character not in " \n" and place > start:
            pieces.append(word[start:place])
            start, width = place, advance[character]
    return [*pieces, word[start:]]


def _width(text: str, advance: Mapping[str, int]) -> int:
    return sum(map(advance.__getitem__, text))
