"""The embedded fonts, and text in them.

Every character of the Basic Multilingual Plane is its own character code (a Type 0 font with the encoding Identity-H),
so text needs no table on its way into a page, and searching and copying give back what was written. A character that
the font has no picture of is drawn as U+FFFD and stays itself in the text layer. Characters beyond the plane get codes
that are no characters, the surrogates', as they come. ISO 32000-1:2008, 9.6 to 9.10.
"""

import io
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from fontTools import subset
from fontTools.ttLib import TTFont

from reports.pdf.syntax import Body, name, stream

Weight = Literal["regular", "bold"]

#: Shown for what cannot be shown.
REPLACEMENT: Final = "\ufffd"
#: Lengths in the font are thousandths of its size.
UNITS: Final = 1000

_FILES: Final = Path(__file__).with_name("fonts")
#: Every code that no character can have.
_SPARE_CODES: Final = range(0xD800, 0xE000)
_LAST_PLAIN: Final = 0xFFFF
#: Controls (but those that are white space), lone surrogates and what Unicode says is no character.
_UNSHOWABLE: Final = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LINE_END: Final = re.compile("\r\n|[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
_TAB: Final = re.compile("[\t\x1f]")
#: What has to be escaped in a string (7.3.4.2).
_ESCAPE: Final = re.compile(r"[()\\\r]")
_ESCAPED: Final = {"(": r"\(", ")": r"\)", "\\": r"\\", "\r": r"\r"}


def clean(text: str) -> str:
    """``text`` as it can be shown: composed (NFC), line ends as ``\\n``, tabs as spaces, U+FFFD for what is no
    character."""
    if text.isascii() and text.isprintable():
        return text
    text = _TAB.sub(" ", _LINE_END.sub("\n", text))
    return unicodedata.normalize("NFC", _UNSHOWABLE.sub(REPLACEMENT, text))


class Face:
    """One weight of the font, as its file has it.

    Attributes:
        name: as the font calls itself.
        advance: how far each character moves the pen, in ``UNITS``; also of those that the font does not have.
    """

    def __init__(self, weight: Weight) -> None:
        self.path = _FILES / f"noto-sans-{weight}.ttf"
        self.name: Final = f"NotoSans-{weight.title()}"
        font = TTFont(self.path, lazy=True)
        if font["head"].unitsPerEm != UNITS:
            raise ValueError(f"{self.path} is not drawn on {UNITS} units.")
        self._glyphs: dict[int, str] = font.getBestCmap()
        advances = {code: font["hmtx"][glyph][0] for code, glyph in self._glyphs.items()}
        self.advance: Final = _Advances({chr(code): advance for code, advance in advances.items()})
        box, line = font["head"], font["hhea"]
        self._descriptor = (
            f"/FontBBox[{box.xMin} {box.yMin} {box.xMax} {box.yMax}]/Ascent {line.ascent}/Descent {line.descent}"
            f"/CapHeight {font['OS/2'].sCapHeight}/StemV {80 if weight == 'regular' else 140}/ItalicAngle 0/Flags 32"
        )

    def width(self, text: str) -> int:
        """Of one line of clean text, in ``UNITS``."""
        return sum(map(self.advance.__getitem__, text))

    def objects(self, codes: "Codes", first: int) -> Iterator[tuple[int, Body]]:
        """The font as an object of a file, numbered ``first``, and those it needs, numbered on from there
        (``OBJECTS_A_FACE`` in all): only what ``codes`` uses is in it."""
        used = codes.used()
        file = self._subset(character for _, character in used)
        tag = f"{_tag(used)}+{self.name}"
        cid, descriptor, program, glyphs, unicode = range(first + 1, first + OBJECTS_A_FACE)
        yield (
            first,
            f"<</Type/Font/Subtype/Type0/BaseFont{name(tag)}/Encoding/Identity-H/DescendantFonts[{cid} 0 R]"
            f"/ToUnicode {unicode} 0 R>>".encode(),
        )
        widths = "".join(f"{code}[{self.advance[character]}]" for code, character in used)
        yield (
            cid,
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont{name(tag)}/FontDescriptor {descriptor} 0 R"
            "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>"
            f"/CIDToGIDMap {glyphs} 0 R/DW {self.advance[REPLACEMENT]}/W[{widths}]>>".encode(),
        )
        yield (
            descriptor,
            f"<</Type/FontDescriptor/FontName{name(tag)}{self._descriptor}/FontFile2 {program} 0 R>>".encode(),
        )
        yield program, stream(file, f"/Length1 {len(file)}")
        yield glyphs, stream(_glyph_map(file, used))
        yield unicode, stream(_to_unicode(used))

    def _subset(self, characters: Iterable[str]) -> bytes:
        options = subset.Options(notdef_outline=True, glyph_names=False, recalc_timestamp=False, layout_features=[])
        options.drop_tables += ["OS/2", "name", "post"]
        font = subset.load_font(str(self.path), options)
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=[*map(ord, characters), ord(REPLACEMENT), ord(" ")])
        cutter.subset(font)
        file = io.BytesIO()
        font.save(file, reorderTables=None)
        return file.getvalue()


#: A font, its descendant, descriptor, program, CIDToGIDMap and ToUnicode.
OBJECTS_A_FACE: Final = 6


@cache
def face(weight: Weight) -> Face:
    return Face(weight)


class _Advances(dict[str, int]):
    """Characters that the font does not have are as wide as what is shown for them, or have no width where nothing is
    to be shown (joiners, selectors, marks of direction)."""

    def __missing__(self, character: str) -> int:
        advance = self[character] = 0 if _invisible(character) else self[REPLACEMENT]
        return advance


def _invisible(character: str) -> bool:
    return character == "\n" or unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


class Codes:
    """Which characters have been written, and the codes of those beyond the Basic Multilingual Plane.

    ``plain`` and ``beyond`` are all there is to know: the characters written before, as text."""

    def __init__(self, plain: str = "", beyond: str = "") -> None:
        self._plain = set(plain)
        self._beyond: dict[str, str] = {}
        for character in beyond:
            self._code(character)

    @property
    def plain(self) -> str:
        """Those that are their own code, in order."""
        return "".join(sorted(self._plain))

    @property
    def beyond(self) -> str:
        """Those that have another code, in the order of their codes."""
        return "".join(self._beyond)

    def used(self) -> list[tuple[int, str]]:
        """Each code in use, in order, and its character."""
        codes = {ord(character): character for character in self._plain}
        codes.update((ord(code), character) for character, code in self._beyond.items())
        return sorted(codes.items())

    def encode(self, text: str) -> str:
        """Clean text as the inside of a literal string; one character is one byte."""
        if text.isascii():
            self._plain.update(text)
            written = "\0" + "\0".join(text) if text else ""
        else:
            written = self._within_plane(text).encode("utf-16-be", "surrogatepass").decode("latin-1")
        return _ESCAPE.sub(lambda match: _ESCAPED[match[0]], written)

    def _within_plane(self, text: str) -> str:
        if ord(max(text)) > _LAST_PLAIN:
            text = "".join(self._code(character) if ord(character) > _LAST_PLAIN else character for character in text)
        self._plain.update(character for character in text if not _is_spare(character))
        return text

    def _code(self, character: str) -> str:
        code = self._beyond.get(character)
        if code is None:
            if len(self._beyond) == len(_SPARE_CODES):
                return REPLACEMENT
            code = self._beyond[character] = chr(_SPARE_CODES[len(self._beyond)])
        return code


def _is_spare(character: str) -> bool:
    return ord(character) in _SPARE_CODES


def _tag(used: Sequence[tuple[int, str]]) -> str:
    """Six capital letters that tell subsets apart (9.6.4)."""
    digest = sha256("".join(character for _, character in used).encode()).digest()
    return "".join(chr(65 + byte % 26) for byte in digest[:6])


def _glyph_map(file: bytes, used: Sequence[tuple[int, str]]) -> bytes:
    """For each code the number of its glyph in ``file``, in two bytes (9.7.4.2, CIDToGIDMap)."""
    font = TTFont(io.BytesIO(file))
    glyphs = {code: font.getGlyphID(glyph) for code, glyph in font.getBestCmap().items()}
    blank, replacement = glyphs[ord(" ")], glyphs[ord(REPLACEMENT)]
    mapped = bytearray(2 * (used[-1][0] + 1) if used else 0)
    for code, character in used:
        missing = blank if _invisible(character) else replacement
        mapped[2 * code : 2 * code + 2] = glyphs.get(ord(character), missing).to_bytes(2, "big")
    return bytes(mapped)


#: Entries that one section of a CMap may hold (Adobe Technical Note 5014).
_CMAP_SECTION: Final = 100


def _to_unicode(used: Sequence[tuple[int, str]]) -> bytes:
    """What each code stands for (9.10.3)."""
    entries = [f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>" for code, character in used]
    sections = [entries[start : start + _CMAP_SECTION] for start in range(0, len(entries), _CMAP_SECTION)]
    mapped = "\n".join(f"{len(section)} beginbfchar\n" + "\n".join(section) + "\nendbfchar" for section in sections)
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        f"1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{mapped}\n"
        "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()
