"""The faces that reports are set in, and how text becomes codes that every reader turns back into the same text.

The code of a character is its Unicode code point in two bytes (the encoding ``Identity-H``), and a table leads from
codes to the font's glyphs. So pages can be written without knowing what the font file will hold: it is cut down to the
characters met when everything is written. Characters that a face lacks are shown as U+FFFD, and those that no two bytes
can name get one of the codes that UTF-16 leaves free; readers are told of both what they really are, so that searching
and copying work. Format: ISO 32000-1, 9.7 (composite fonts) and 9.10.3 (ToUnicode).
"""

import hashlib
import struct
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Final

from reportlab.pdfbase.ttfonts import TTFontFile

FOLDER: Final = Path(__file__).parent / "fonts"
REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

_LAST_CODE: Final = "\uffff"
#: Codes for characters beyond two bytes: the second halves of UTF-16's pairs. No text holds one alone, and none of them
#: can form a pair with another, should a reader take codes for UTF-16.
_FREE: Final = range(0xDC00, 0xE000)
_ZERO_WIDTH_SPACE: Final = "\u200b"
_VARIATION_SELECTORS: Final = frozenset([*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
#: bfrange sections of a CMap hold at most that many ranges each (ISO 32000-1, 9.10.3, by Adobe's technical note 5014).
_RANGES_A_SECTION: Final = 100
_ASCII: Final = "".join(map(chr, range(0x20, 0x7F)))
_ESCAPES: Final = ((b"\\", b"\\\\"), (b"(", b"\\("), (b")", b"\\)"), (b"\r", b"\\r"))
#: In a font descriptor: characters outside the standard Latin set (ISO 32000-1, table 123).
_SYMBOLIC: Final = 4


class Style(StrEnum):
    """The faces, by the names that they have in pages."""

    REGULAR = "R"
    BOLD = "B"


_FILES: Final = {
    Style.REGULAR: "NotoSans-SemiCondensedRegular.ttf",
    Style.BOLD: "NotoSans-SemiCondensedSemiBold.ttf",
}


class Widths(dict[str, int]):
    """Advance widths by character, in thousandths of the size of the type."""

    def __init__(self, known: Mapping[int, int]) -> None:
        super().__init__({chr(point): round(width) for point, width in known.items() if not _is_invisible(chr(point))})

    def __missing__(self, character: str) -> int:
        return 0 if _is_invisible(character) else self[REPLACEMENT]


def _is_invisible(character: str) -> bool:
    """Characters that steer others and are never seen themselves."""
    return unicodedata.category(character) == "Cf" or ord(character) in _VARIATION_SELECTORS


@dataclass(frozen=True, slots=True)
class Embedded:
    """A face cut down to the characters of one file, in the pieces that PDF wants.

    Attributes:
        name: PostScript's, with a tag that says it is a subset.
        file: TrueType.
        glyphs: the CIDToGIDMap.
        widths: the W array.
        to_unicode: the CMap.
        descriptor: the entries of the FontDescriptor, but for the file.
    """

    name: str
    file: bytes
    glyphs: bytes
    widths: str
    to_unicode: bytes
    descriptor: str


class Face:
    """One face. Sizes are in thousandths of the size of the type."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.path = FOLDER / _FILES[style]
        self._font = TTFontFile(str(self.path))
        self.widths = Widths(self._font.charWidths)

    def width(self, text: str) -> int:
        return sum(map(self.widths.__getitem__, text))

    def embed(self, characters: Iterable[str], beyond: str) -> Embedded:
        """What a file needs to show these ``characters``; ``beyond`` is as in ``Codes``."""
        codes = {ord(character): character for character in characters if character <= _LAST_CODE}
        codes |= dict(zip(_FREE, beyond, strict=False))
        codes = dict(sorted(codes.items()))
        shown = {code: ord(self._shown(character)) for code, character in codes.items()}
        points = sorted(set(shown.values()))
        file = self._font.makeSubset(points)
        tag = "".join(chr(ord("A") + byte % 26) for byte in hashlib.sha256(file).digest()[:6])
        name = f"{tag}+{self._font.name.decode()}"
        return Embedded(
            name=name,
            file=file,
            glyphs=self._glyphs(points, shown),
            widths=_widths({code: self.widths[character] for code, character in codes.items()}),
            to_unicode=_to_unicode(codes),
            descriptor=self._descriptor(name),
        )

    def _shown(self, character: str) -> str:
        if _is_invisible(character):
            return _ZERO_WIDTH_SPACE
        return character if ord(character) in self._font.charToGlyph else REPLACEMENT

    def _glyphs(self, points: Iterable[int], shown: Mapping[int, int]) -> bytes:
        """Numbers of glyphs in the subset, by code. A subset has its glyphs in the order they are asked for, each
        once; number 0 stands before them."""
        numbers: dict[int, int] = {}
        for point in points:
            numbers.setdefault(self._font.charToGlyph[point], len(numbers) + 1)
        glyphs = [0] * 0x10000
        for code, point in shown.items():
            glyphs[code] = numbers[self._font.charToGlyph[point]]
        return struct.pack(f">{len(glyphs)}H", *glyphs)

    def _descriptor(self, name: str) -> str:
        font = self._font
        box = " ".join(str(round(edge)) for edge in font.bbox)
        return (
            f"/FontName/{name}/Flags {_SYMBOLIC}/FontBBox[{box}]/ItalicAngle 0/Ascent {round(font.ascent)}"
            f"/Descent {round(font.descent)}/CapHeight {round(font.capHeight)}/StemV {round(font.stemV)}"
        )


@cache
def face(style: Style) -> Face:
    return Face(style)


class Codes:
    """Turns text into strings of PDF, and remembers which characters it met.

    ``used`` are the characters so far by face, and ``beyond`` those beyond two bytes in the order of their codes. There
    is room for 1,024 different ones in a file; further ones become U+FFFD.
    """

    def __init__(self, used: Mapping[str, str] = MappingProxyType({}), beyond: str = "") -> None:
        # Printable ASCII is part of every file: to ask whether a text has nothing else is cheaper than to collect it.
        self._used = {style: {*_ASCII, *used.get(style, "")} for style in Style}
        self._beyond = {character: chr(code) for code, character in zip(_FREE, beyond, strict=False)}

    @property
    def used(self) -> dict[str, str]:
        return {style: "".join(sorted(characters)) for style, characters in self._used.items()}

    @property
    def beyond(self) -> str:
        return "".join(self._beyond)

    def string(self, text: str, style: Style = Style.REGULAR) -> bytes:
        """``text``, which must be ``printable``, as a literal string with its parentheses."""
        if not text.isascii():
            self._used[style].update(text)
        coded = text.encode("utf-16-be")
        if len(coded) > 2 * len(text):
            coded = "".join(map(self._code, text)).encode("utf-16-be", "surrogatepass")
        for byte, escaped in _ESCAPES:
            coded = coded.replace(byte, escaped)
        return b"(%b)" % coded

    def _code(self, character: str) -> str:
        if character <= _LAST_CODE:
            return character
        if character not in self._beyond and len(self._beyond) == len(_FREE):
            self._used[Style.REGULAR].add(REPLACEMENT)
            return REPLACEMENT
        return self._beyond.setdefault(character, chr(_FREE[len(self._beyond) % len(_FREE)]))


def _runs(codes: Iterable[int]) -> Iterator[list[int]]:
    """Runs of codes without a gap, out of ascending ones."""
    for _, run in groupby(enumerate(codes), key=lambda placed: placed[1] - placed[0]):
        yield [code for _, code in run]


def _widths(widths: Mapping[int, int]) -> str:
    runs = [f"{run[0]}[{' '.join(str(widths[code]) for code in run)}]" for run in _runs(widths)]
    return f"[{''.join(runs)}]"


def _to_unicode(codes: Mapping[int, str]) -> bytes:
    ranges = []
    # A range must not go past a code whose last byte is FF.
    pages = groupby((code for code in codes if code not in _FREE), key=lambda code: code >> 8)
    for _, page in pages:
        ranges += [f"<{run[0]:04X}><{run[-1]:04X}><{run[0]:04X}>" for run in _runs(page)]
    for code in codes:
        if code in _FREE:
            ranges.append(f"<{code:04X}><{code:04X}><{codes[code].encode('utf-16-be').hex().upper()}>")
    sections = []
    for first in range(0, len(ranges), _RANGES_A_SECTION):
        section = ranges[first : first + _RANGES_A_SECTION]
        sections += [f"{len(section)} beginbfrange", *section, "endbfrange"]
    return (
        "/CIDInit/ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n"
        "/CMapName/Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n"
        + "\n".join(sections)
        + "\nendcmap\nCMapName currentdict/CMap defineresource pop\nend\nend\n"
    ).encode()
