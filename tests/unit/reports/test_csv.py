"""CSV files, held against Python's own reader and a spreadsheet's rules."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import csv as writing
from reports.rows import Column, Holds
from reports.writers import Part, Unreadable
from tests.workbooks import Field, line_of

TEXTS = [Column("a"), Column("b")]


def write(rows: Sequence[Sequence[Field]], columns: Sequence[Column] = TEXTS, rows_a_part: int = 3) -> bytes:
    writer = writing.Writer(columns, rows_a_part=rows_a_part)
    lines = [line_of(row) for row in rows]
    parts = []
    for number, start in enumerate(range(0, len(lines), rows_a_part)):
        part = lines[start : start + rows_a_part]
        packed, state = writer.part(number, [part[:2], part[2:]], {})
        parts.append(Part(state, len(part), [packed]))
    return b"".join(writer.whole(parts))


def read(file: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.decode("utf-8-sig"), newline=""), strict=True))


def test_it_says_that_it_is_utf_8_and_ends_lines_as_the_standard_does() -> None:
    assert write([["ữ", "x"]], [Column("Tên, đủ"), Column("b")]) == '\ufeff"Tên, đủ",b\r\nữ,x\r\n'.encode()


def test_no_rows_make_a_heading() -> None:
    assert read(write([])) == [["a", "b"]]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=12))
def test_any_texts_come_back_but_for_the_mark_before_formulas(rows: list[tuple[str, str]]) -> None:
    expected = [[f"'{text}" if text[:1] in tuple("=+-@\t\r\n＝＋－＠") else text for text in row] for row in rows]
    assert read(write(rows))[1:] == expected


def test_naughty_strings_never_begin_a_formula(corpus: Path) -> None:
    (source,) = (corpus / "mail" / "naughty-strings").rglob("blns.txt")
    texts = [line for line in source.read_text().splitlines() if line and not line.startswith("#")]
    rows = read(write([[text, "x"] for text in texts]))[1:]
    assert [row[0].removeprefix("'") for row in rows] == [text.removeprefix("'") for text in texts]
    assert not [row for row in rows if row[0].startswith(("=", "+", "-", "@"))]


def test_numbers_keep_their_signs_and_all_their_digits() -> None:
    columns = [Column("n", holds=Holds.NUMBER), Column("m", holds=Holds.MONEY), Column("t", holds=Holds.MOMENT)]
    rows: list[list[Field]] = [
        [-5, Decimal("-0.010"), datetime(2025, 1, 2, 3, 4, 5)],
        [2**63 - 1, Decimal("12345678901234567.89"), None],
    ]
    assert read(write(rows, columns))[1:] == [
        ["-5", "-0.010", "2025-01-02 03:04:05"],
        ["9223372036854775807", "12345678901234567.89", ""],
    ]


def test_months_and_percents() -> None:
    columns = [Column("m", holds=Holds.MONTH), Column("p", holds=Holds.PERCENT)]
    rows: list[list[Field]] = [
        ["2026-01-01", 1234],
        ["10000-12-01", -5],
        ["infinity", 12345678901234567890],
        [None, None],
    ]
    assert read(write(rows, columns))[1:] == [
        ["2026-01", "12.34"],
        ["10000-12", "-0.05"],
        ["infinity", "123456789012345678.90"],
        ["", ""],
    ]


def test_stored_values_become_words() -> None:
    columns = [Column("state", labels={"paid": "Đã trả, đủ", "odd": "=1"}), Column("b")]
    assert read(write([["paid", None], ["odd", ""], ["-x", "y"]], columns))[1:] == [
        ["Đã trả, đủ", ""],
        ["'=1", ""],
        ["'-x", "y"],
    ]


SUMMED = [Column("currency"), Column("amount", holds=Holds.MONEY), Column("pieces", holds=Holds.NUMBER)]


def added(file: bytes) -> dict[str, tuple[Decimal, ...]]:
    found = writing.read_table(io.BytesIO(file), key=0, numbers=[1, 2], checkpoint=lambda: None)
    assert found.rows == file.count(b"\r\n") - 1
    return dict(found.sums)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["VND", "GBP"]), st.decimals(-(10**17), 10**17, places=3), st.integers())))
def test_read_back_the_sums_are_exact(rows: list[tuple[str, Decimal, int]]) -> None:
    expected = {
        currency: (
            sum((row[1] for row in rows if row[0] == currency), Decimal(0)),
            Decimal(sum(row[2] for row in rows if row[0] == currency)),
        )
        for currency in {row[0] for row in rows}
    }
    assert added(write(rows, SUMMED)) == expected


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: b"",
        lambda file: file.replace(b"1.50", b"1.5.0"),
        lambda file: file.replace(b",2\r\n", b"\r\n"),
        lambda file: file.replace(b"VND", b"\xff\xfe"),
        lambda file: file.replace(b"VND,", b'"VND,'),
    ],
)
def test_a_damaged_file_is_unreadable(damage) -> None:
    with pytest.raises(Unreadable):
        added(damage(write([["VND", Decimal("1.50"), 2], ["GBP", Decimal("2.50"), 3]], SUMMED)))
