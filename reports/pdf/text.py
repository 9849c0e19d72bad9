"""Text fitted into columns: made printable, measured, broken into lines, and cut where there is no more room.

Nothing is set in any other order than it is written: there is no shaping, and text that runs from right to left is not
turned round.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Final

from reports.pdf.font import REPLACEMENT, Face

#: Stands where text was cut.
CUT: Final = "…"

_BREAK: Final = re.compile("\r\n|[\t\n\v\f\r\x85\u2028\u2029]")
#: Controls, halves of UTF-16's pairs, and code points that are no characters.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
#: Spaces behind which a line may end. A no-break space is none of them.
_SPACES: Final = " \u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u2009\u200a\u200b\u205f\u3000"
#: Words with the spaces behind them.
_WORD: Final = re.compile(f"[^{_SPACES}]*[{_SPACES}]+|[^{_SPACES}]+")


def printable(text: str) -> str:
    """``text`` in composed form (NFC), on one line: ends of lines and tabs become spaces, and what is no character
    becomes U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    text = _UNPRINTABLE.sub(REPLACEMENT, _BREAK.sub(" ", text))
    return unicodedata.normalize("NFC", text)


def visible(line: str) -> str:
    """``line`` without the spaces that end it."""
    return line.rstrip(_SPACES)


def wrap(text: str, room: int, face: Face) -> Iterator[str]:
    """Lines of which nothing visible is wider than ``room``, in thousandths of the size of the type. They end behind
    spaces, and within words that have no room on a line of their own. Put together they are ``text``.

    Only a character that is wider than ``room`` on its own, with the marks on it, makes a wider line.
    """
    line, width = "", 0
    for match in _WORD.finditer(text):
        word = match[0]
        for piece in _split(word, room, face) if face.width(visible(word)) > room else (word,):
            if line and width + face.width(visible(piece)) > room:
                yield line
                line, width = "", 0
            line += piece
            width += face.width(piece)
    yield line


def _split(word: str, room: int, face: Face) -> Iterator[str]:
    start, width, end = 0, 0, len(visible(word))
    for place, character in enumerate(word):
        wide = face.widths[character]
        # A character without width belongs to the one before it, and spaces may stand out.
        if wide and width and width + wide > room and place < end:
            yield word[start:place]
            start, width = place, 0
        width += wide
    yield word[start:]


def fit(text: str, room: int, face: Face, lines: int) -> list[str]:
    """``text`` on at most that many ``lines``; where it takes more, the last one ends in ``CUT``."""
    wrapped = list(islice(wrap(text, room, face), lines + 1))
    if len(wrapped) > lines:
        wrapped[lines - 1 :] = [_cut(wrapped[lines - 1], room - face.width(CUT), face)]
    return wrapped


def _cut(line: str, room: int, face: Face) -> str:
    line = visible(line)
    width, end = face.width(line), len(line)
    while end and width > room:
        end -= 1
        width -= face.widths[line[end]]
    return line[:end] + CUT
