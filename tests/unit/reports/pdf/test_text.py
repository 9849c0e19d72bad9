import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.pdf.font import Style, face
from reports.pdf.text import CUT, fit, printable, visible, wrap

REGULAR = face(Style.REGULAR)
TEXT = st.text(max_size=120) | st.text(st.sampled_from("abWữ .,-—\u0301\u0323\u200b\u3000\xa0😀中"), max_size=120)
ROOM = st.integers(0, 30_000)


def widest_cluster(text: str) -> int:
    return max(map(REGULAR.widths.__getitem__, text), default=0)


@given(TEXT.map(printable), ROOM)
def test_lines_together_are_the_text(text: str, room: int) -> None:
    assert "".join(wrap(text, room, REGULAR)) == text


@given(TEXT.map(printable), ROOM)
def test_no_line_is_wider_than_its_room(text: str, room: int) -> None:
    for line in wrap(text, room, REGULAR):
        assert REGULAR.width(visible(line)) <= max(room, widest_cluster(text))


@given(TEXT.map(printable), ROOM)
def test_a_line_ends_within_a_word_only_where_the_word_has_no_line_of_its_own(text: str, room: int) -> None:
    for line, following in pairwise(wrap(text, room, REGULAR)):
        if visible(line) == line:
            word = line.split(" ")[-1] + following.split(" ")[0]
            assert REGULAR.width(word) > room


@given(TEXT.map(printable), ROOM)
def test_a_mark_stays_with_its_character(text: str, room: int) -> None:
    for line, following in pairwise(wrap(text, room, REGULAR)):
        if visible(line) == line:
            assert not unicodedata.combining(following[0]) or REGULAR.widths[following[0]]


@given(TEXT.map(printable), ROOM, st.integers(1, 5))
def test_what_is_cut_says_so(text: str, room: int, most: int) -> None:
    lines = fit(text, room, REGULAR, most)
    assert 1 <= len(lines) <= most
    if "".join(lines) != text:
        assert lines[-1].endswith(CUT)
        assert text.startswith("".join(lines)[: -len(CUT)])
        assert REGULAR.width(lines[-1]) <= max(room, REGULAR.width(CUT))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("một hai ba", ["một hai ", "ba"]),
        ("khônghềcódấucách", ["khôngh", "ềcódấuc", "ách"]),
        ("a\xa0b\xa0c\xa0d\xa0e\xa0f\xa0g", ["a\xa0b\xa0c\xa0d\xa0e", "\xa0f\xa0g"]),
    ],
)
def test_wrapping(text: str, lines: list[str]) -> None:
    assert list(wrap(text, 3_600, REGULAR)) == lines


@given(st.text())
def test_printable_text_is_composed_and_holds_characters_alone(text: str) -> None:
    made = printable(text)
    assert printable(made) == made == unicodedata.normalize("NFC", made)
    assert not {unicodedata.category(character) for character in made} & {"Cc", "Cs"}
    made.encode()


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Nguyễn", "Nguyễn"),
        (unicodedata.normalize("NFD", "Nguyễn Thị Hường"), "Nguyễn Thị Hường"),
        ("a\tb\r\nc\nd\u2028e", "a b c d e"),
        ("\x00a\x7f\x9fb\ud83d", "�a��b�"),
        ("\ufdd0\uffff", "��"),
    ],
)
def test_what_is_made_printable(text: str, made: str) -> None:
    assert printable(text) == made


def test_a_very_long_text_takes_time_in_step_with_its_length() -> None:
    for text in ("x" * 300_000, " " * 300_000 + "x", "x" + " " * 300_000, "ab " * 100_000, "\u0301" * 1000):
        assert fit(printable(text), 10_000, REGULAR, 4)
