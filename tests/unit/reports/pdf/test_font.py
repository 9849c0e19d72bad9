import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportlab.pdfbase.ttfonts import TTFontFile

from reports.pdf.font import REPLACEMENT, Codes, Style, face
from reports.pdf.text import printable

VIETNAMESE = "aàáảãạăằắẳẵặâầấẩẫậeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵđ₫"
EVERYTHING = range(0x20, 0x3000)


@pytest.mark.parametrize("style", Style)
def test_both_faces_have_all_of_vietnamese_and_digits_of_one_width(style: Style) -> None:
    font = TTFontFile(str(face(style).path))
    assert all(ord(letter) in font.charToGlyph for letter in VIETNAMESE + VIETNAMESE.upper() + REPLACEMENT)
    assert len({face(style).widths[digit] for digit in "0123456789"}) == 1


@pytest.mark.parametrize("style", Style)
def test_a_subset_draws_every_character_by_its_own_glyph(style: Style) -> None:
    whole = TTFontFile(str(face(style).path))
    visible = [chr(point) for point in sorted(whole.charToGlyph) if unicodedata.category(chr(point)) != "Cf"]
    characters = [*visible, "\u200b"]
    embedded = face(style).embed(characters, "")
    part = TTFontFile(io.BytesIO(embedded.file), charInfo=0)
    advances = [whole.hmetrics[whole.charToGlyph[ord(character)]] for character in characters]
    numbers = [int.from_bytes(embedded.glyphs[2 * ord(one) : 2 * ord(one) + 2], "big") for one in characters]
    assert 0 not in numbers
    assert max(numbers) < part.numGlyphs
    assert len(set(numbers)) == len({whole.charToGlyph[ord(one)] for one in characters})
    assert [face(style).widths[one] for one in characters] == [round(advance) for advance, _bearing in advances]


def test_what_the_face_lacks_is_drawn_as_the_replacement_and_what_is_invisible_is_not_drawn() -> None:
    regular = face(Style.REGULAR)
    embedded = regular.embed([REPLACEMENT, "中", "\ufe0f", "\u200b"], "😀")
    glyph = {code: embedded.glyphs[2 * code : 2 * code + 2] for code in (0xFFFD, 0x4E2D, 0xFE0F, 0x200B, 0xDC00)}
    assert glyph[0x4E2D] == glyph[0xDC00] == glyph[0xFFFD] != b"\0\0"
    assert glyph[0xFE0F] == glyph[0x200B] != glyph[0xFFFD]
    assert regular.width("中😀") == 2 * regular.width(REPLACEMENT)
    assert regular.width("\ufe0f\U000e0100\u200d\u202e\u2060\xad") == 0


@given(st.text().map(printable))
def test_a_string_says_how_it_is_to_be_read(text: str) -> None:
    codes = Codes()
    coded = codes.string(text)
    assert re.fullmatch(rb"\((?:[^()\\\r]|\\[()\\r])*\)", coded, re.DOTALL)
    plain = re.sub(rb"\\(.)", lambda match: b"\r" if match[1] == b"r" else match[1], coded[1:-1])
    named = dict(zip(range(0xDC00, 0xE000), codes.beyond, strict=False))
    points = [int.from_bytes(plain[place : place + 2], "big") for place in range(0, len(plain), 2)]
    assert "".join(named.get(point, chr(point)) for point in points) == text
    assert set(text) - set(codes.beyond) <= set(codes.used[Style.REGULAR])


def test_characters_beyond_two_bytes_keep_their_codes_until_there_are_none_left() -> None:
    codes = Codes()
    many = [chr(0x20000 + place) for place in range(1024)]
    first = [codes.string(one) for one in many]
    assert len(set(first)) == 1024
    assert codes.string("😀") == codes.string(REPLACEMENT)
    again = Codes(codes.used, codes.beyond)
    assert [again.string(one) for one in many] == first


def test_the_table_of_characters_keeps_to_the_limits_of_its_format() -> None:
    embedded = face(Style.REGULAR).embed([chr(point) for point in range(0x20, 0x3000)], "😀👩")
    ranges = re.findall(rb"<(\w{4})><(\w{4})><(\w+)>", embedded.to_unicode)
    assert all(first[:2] == last[:2] for first, last, _to in ranges)
    assert (b"DC01", b"DC01", b"D83DDC69") in ranges
    counts = [int(count) for count in re.findall(rb"(\d+) beginbfrange", embedded.to_unicode)]
    assert sum(counts) == len(ranges)
    assert max(counts) <= 100
