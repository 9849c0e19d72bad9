"""What the writer promises, held against two readers that are not ours."""

import io
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape
from python_calamine import CalamineWorkbook

from reports.rows import Column, Holds
from reports.writers import ROWS_A_PART, About, Part
from reports.xlsx import cells, workbook
from reports.xlsx.styles import Style
from reports.xlsx.workbook import Chart, Summary, Workbook
from tests.workbooks import CREATED, Field, line_of, write


def by_openpyxl(file: bytes, sheet: str = "Rows") -> list[list[Any]]:
    rows = openpyxl.load_workbook(io.BytesIO(file))[sheet].iter_rows(min_row=2)
    return [[unescape(cell.value) if isinstance(cell.value, str) else cell.value for cell in row] for row in rows]


def by_calamine(file: bytes, sheet: str = "Rows") -> list[list[Any]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(file)).get_sheet_by_name(sheet).to_python()[1:]


def texts_through_both(texts: Sequence[str]) -> tuple[list[Any], list[Any]]:
    # The second column keeps a row of an empty text from looking empty.
    file = write([[text, 1] for text in texts])
    return [row[0] for row in by_openpyxl(file)], [row[0] for row in by_calamine(file)]


NASTY = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "0000123",
    "1234567890123456789",
    "9,99E+5",
    "  spaces  ",
    "a\r\nb",
    "a\rb",
    "a\nb\tc",
    "\x00\x01\x0b\x1f\x7f\x85",
    "_x000D_",
    "_x005F_x000D_",
    "_x000d_ _X000D_ _x00_ __x0041_",
    '<a href="x">&amp;</a> ]]>',
    "Nguyễn Thị Hường ưỡn ẹo",
    "Nguyễn Thị Hường",
    "👩‍👩‍👧‍👦 🇻🇳",
    "\u200b\u202eabc\ufeff",
    "TRUE",
    "2026-11-25",
    "#REF!",
    "\U0010ffff",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_text_comes_back_as_it_was(text: str) -> None:
    openpyxl_read, calamine_read = texts_through_both([text])
    assert openpyxl_read == [text]
    assert calamine_read == [text]


# Calamine does not decode the two non-characters that XML cannot hold; openpyxl does.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=60)
TRICKY = st.text(st.sampled_from("_x0005FDAfdX=\r\n<&\x00 é"), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT | TRICKY, min_size=1, max_size=20))
@example(["_x005F_x0041_"])
def test_any_texts_come_back_as_they_were(texts: list[str]) -> None:
    openpyxl_read, calamine_read = texts_through_both(texts)
    assert [text or "" for text in openpyxl_read] == texts
    assert calamine_read == texts


def test_naughty_strings_come_back_as_they_were(corpus: Path) -> None:
    (source,) = (corpus / "mail" / "naughty-strings").rglob("blns.txt")
    texts = [line for line in source.read_text().splitlines() if line and not line.startswith("#")]
    assert len(texts) > 400
    openpyxl_read, calamine_read = texts_through_both(texts)
    assert openpyxl_read == texts
    assert [read for read, text in zip(calamine_read, texts, strict=True) if "\ufffe" not in text] == [
        text for text in texts if "\ufffe" not in text
    ]


def test_no_text_is_a_formula_and_what_looks_like_one_is_guarded() -> None:
    book = openpyxl.load_workbook(io.BytesIO(write([[text] for text in NASTY])))
    for (cell,), text in zip(book["Rows"].iter_rows(min_row=2), NASTY, strict=True):
        assert cell.data_type == "s"
        assert cell.number_format == "@"
        assert cell.quotePrefix == text.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert texts_through_both(["a\ud800b"]) == (["a\ufffdb"], ["a\ufffdb"])


@pytest.mark.parametrize("text", ["a" * 32_767, "ữ" * 32_767, "😀" * 16_383])
def test_a_text_that_just_fits_is_whole(text: str) -> None:
    assert texts_through_both([text]) == ([text], [text])


@pytest.mark.parametrize("letter", ["a", "ữ", "😀", "\x01"])
def test_a_text_too_long_for_a_cell_is_cut_and_says_so(letter: str) -> None:
    (read,), _ = texts_through_both([letter * 40_000])
    assert read.endswith(cells.CUT_MARK)
    assert len(read.encode("utf-16-le")) // 2 in (32_766, 32_767)
    assert set(read.removesuffix(cells.CUT_MARK)) == {letter}


@pytest.mark.parametrize(
    ("value", "read", "style"),
    [
        (0, 0, "#,##0"),
        (-999_999_999_999_999, -999_999_999_999_999, "#,##0"),
        (10**15, "1000000000000000", "@"),
        (-(2**63), str(-(2**63)), "@"),
        (Decimal(1290000), 1290000, "#,##0"),
        (Decimal(2**63), str(2**63), "@"),
        (Decimal("12.5"), 12.5, "#,##0.0"),
        (Decimal("-0.10"), -0.1, "#,##0.00"),
        (Decimal("0.001"), 0.001, "#,##0.00####"),
        (Decimal("1234567890123.45"), 1234567890123.45, "#,##0.00"),
        (Decimal("12345678901234.56"), "12345678901234.56", "@"),
        (Decimal("1234567890123456.0"), "1234567890123456.0", "@"),
        (Decimal("1000000000000.000"), 1000000000000, "#,##0.00####"),
        (datetime(2025, 12, 31, 23, 59, 59), datetime(2025, 12, 31, 23, 59, 59), r"yyyy\-mm\-dd\ hh:mm:ss"),
        (datetime(2025, 12, 31, 23, 59, 59, 999_999), datetime(2025, 12, 31, 23, 59, 59), r"yyyy\-mm\-dd\ hh:mm:ss"),
        (datetime(1899, 1, 1), "1899-01-01 00:00:00", "@"),
        (date(2024, 2, 29), datetime(2024, 2, 29), r"yyyy\-mm\-dd"),
        (date(1900, 2, 28), "1900-02-28", "@"),
    ],
)
def test_typed_cells(value: Field, read: Any, style: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(write([[value, 1]])))
    cell = book["Rows"]["A2"]
    assert (cell.value, cell.number_format) == (read, style)


@pytest.mark.parametrize(
    ("field", "read", "style"),
    [
        ("2026-01-01", datetime(2026, 1, 1), r"mm\/yyyy"),
        ("infinity", "infinity", "@"),
        ("10000-01-01", "10000-01-01", "@"),
    ],
)
def test_a_month_is_a_date_of_which_the_month_shows(field: str, read: Any, style: str) -> None:
    cell = openpyxl.load_workbook(io.BytesIO(write([[field]], columns=[Column("m", holds=Holds.MONTH)])))["Rows"]["A2"]
    assert (cell.value, cell.number_format) == (read, style)


@pytest.mark.parametrize(
    ("hundredths", "read", "style"),
    [
        (1234, 0.1234, "0.00%"),
        (0, 0, "0.00%"),
        (-5, -0.0005, "0.00%"),
        (10**15 - 1, 99_999_999_999.9999, "0.00%"),
        (10**15, 100_000_000_000, "0.00%"),
        (10**15 + 1, "10000000000000.01%", "@"),
    ],
)
def test_a_percent_is_its_share_of_one(hundredths: int, read: Any, style: str) -> None:
    file = write([[hundredths]], columns=[Column("p", holds=Holds.PERCENT)])
    cell = openpyxl.load_workbook(io.BytesIO(file))["Rows"]["A2"]
    assert (cell.value, cell.number_format) == (read, style)
    assert by_calamine(file) == [[read]]


@pytest.mark.parametrize("holds", Holds)
def test_a_row_without_a_value_has_an_empty_cell(holds: Holds) -> None:
    for repeats in (True, False):
        file = write([[None, 1]], columns=[Column("a", holds=holds, repeats=repeats), Column("b", holds=Holds.NUMBER)])
        assert by_openpyxl(file) == [[None, 1]]


@pytest.mark.parametrize("at", ["infinity", "-infinity", "0044-03-15 00:00:00 BC", "10000-01-01 00:00:00"])
def test_a_time_that_the_format_does_not_know_is_a_text(at: str) -> None:
    file = write([[at]], columns=[Column("at", holds=Holds.MOMENT)])
    assert by_openpyxl(file) == [[at]]


def test_amounts_of_one_column_with_different_decimals() -> None:
    file = write([[Decimal("1.5")], [Decimal(2)], [Decimal("0.125")], [Decimal(3)]])
    assert by_openpyxl(file) == [[1.5], [2], [0.125], [3]]


def test_stored_values_become_words() -> None:
    columns = [Column("state", labels={"paid": "Đã trả", "odd": "=1"})]
    assert by_openpyxl(write([["paid"], ["odd"], ["other"]], columns=columns)) == [["Đã trả"], ["=1"], ["other"]]


@settings(max_examples=100, deadline=None)
@given(st.decimals(-(10**12), 10**12, places=3), st.datetimes(datetime(1901, 1, 1), datetime(9999, 12, 31)))
def test_amounts_and_times_come_back_exactly(amount: Decimal, at: datetime) -> None:
    at = at.replace(microsecond=0)
    ((read_amount, read_at),) = by_openpyxl(write([[amount, at]]))
    assert Decimal(str(read_amount)) == amount
    assert read_at == at
    ((calamine_amount, calamine_at),) = by_calamine(write([[amount, at]]))
    assert Decimal(repr(calamine_amount)) == amount
    # Calamine reads a midnight as a day.
    assert calamine_at == (at.date() if at == datetime.combine(at, time.min) else at)


def test_a_full_sheet_goes_on_in_the_next_under_the_same_heading() -> None:
    file = write([[number] for number in range(25)], max_rows=10)
    book = openpyxl.load_workbook(io.BytesIO(file))
    assert book.sheetnames == ["Summary", "Rows", "Rows 2", "Rows 3"]
    assert [sheet["A1"].value for sheet in book.worksheets[1:]] == ["c0"] * 3
    assert [sheet.auto_filter.ref for sheet in book.worksheets[1:]] == ["A1:A10", "A1:A10", "A1:A8"]
    assert [row for name in book.sheetnames[1:] for row in by_openpyxl(file, name)] == [[n] for n in range(25)]


def test_the_last_row_that_fits_opens_no_sheet() -> None:
    assert openpyxl.load_workbook(io.BytesIO(write([[1]] * 9, max_rows=10))).sheetnames == ["Summary", "Rows"]


def test_a_real_sheet_holds_nearly_as_many_rows_as_excel_does() -> None:
    """As many as whole parts fit."""
    a_sheet = 40 * ROWS_A_PART
    assert workbook.MAX_ROWS - ROWS_A_PART < a_sheet + 1 <= workbook.MAX_ROWS
    file = write([[number] for number in range(a_sheet + 1)], rows_a_part=ROWS_A_PART)
    book = CalamineWorkbook.from_filelike(io.BytesIO(file))
    assert book.sheet_names == ["Summary", "Rows", "Rows 2"]
    assert book.get_sheet_by_name("Rows").end == (a_sheet, 0)
    assert book.get_sheet_by_name("Rows 2").to_python() == [["c0"], [a_sheet]]


def test_no_rows_make_a_table_with_its_heading() -> None:
    file = write([])
    assert by_openpyxl(file) == []
    assert openpyxl.load_workbook(io.BytesIO(file)).sheetnames == ["Summary", "Rows"]


@pytest.mark.parametrize("row", [[1, 2], []])
def test_a_row_of_the_wrong_length_is_refused(row: list[Field]) -> None:
    with pytest.raises(ValueError, match="unpack"):
        write([row], columns=[Column("a", holds=Holds.NUMBER)])


@pytest.mark.parametrize("count", [0, 16_385])
def test_a_table_without_columns_or_with_too_many_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="columns"):
        write([], columns=[Column("a")] * count)


def test_the_heading_stays_in_sight_and_columns_have_their_width() -> None:
    file = write([["x", 2]], columns=[Column("a", 33.5), Column("b", holds=Holds.NUMBER)], table="It's")
    read = openpyxl.load_workbook(io.BytesIO(file))
    assert read["It's"].freeze_panes == "A2"
    assert read["It's"].column_dimensions["A"].width == 33.5
    assert read["It's"].print_title_rows == "$1:$1"
    assert read.active is read["Summary"]


def test_a_summary_holds_values_and_charts() -> None:
    charts = [Chart("Theo tháng", ["Tháng 1", "=2"], [Decimal(5), Decimal("7.25")]), Chart("K", ["a"], [Decimal(1)])]
    values = [
        ("Rows", 3),
        ("From", date(2025, 1, 1)),
        ("=1+1", "=cmd"),
        ("Long", 10**15),
        ("At", datetime(2025, 1, 1, 5)),
    ]
    file = write([["x"]], summary=Summary("Tóm tắt", "=Báo cáo\x01", values, charts))
    page = openpyxl.load_workbook(io.BytesIO(file))["Tóm tắt"]
    assert page["A1"].value == "=Báo cáo\ufffd"
    assert [(row[0].value, row[1].value) for row in page.iter_rows(min_row=2, max_row=6)] == [
        ("Rows", 3),
        ("From", datetime(2025, 1, 1)),
        ("=1+1", "=cmd"),
        ("Long", "1000000000000000"),
        ("At", datetime(2025, 1, 1, 5)),
    ]
    assert all(cell.data_type != "f" for row in page.iter_rows() for cell in row)
    assert page["B4"].quotePrefix
    assert [(page.cell(row, 4).value, page.cell(row, 5).value) for row in (2, 3)] == [("Tháng 1", 5), ("=2", 7.25)]
    assert len(page._charts) == 2


def test_the_file_says_what_it_is() -> None:
    properties = openpyxl.load_workbook(io.BytesIO(write([]))).properties
    assert properties.title == "Tiêu đề & <x>"
    assert properties.creator == "Lê Thị “An”"
    assert properties.created == datetime(2026, 11, 25, 7, 30)


def test_every_part_is_declared_and_well_formed() -> None:
    with zipfile.ZipFile(
        io.BytesIO(
            write(
                [[text] for text in NASTY], max_rows=5, summary=Summary("S", "", [], [Chart("c", ["a"], [Decimal(1)])])
            )
        )
    ) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            fromstring(archive.read(name))
        types = archive.read("[Content_Types].xml").decode()
        for name in archive.namelist():
            assert f"/{name}" in types or name.endswith(".rels") or name == "[Content_Types].xml"
        styles = fromstring(archive.read("xl/styles.xml"))
        namespace = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
        for family in ("fonts", "fills", "borders", "cellXfs", "numFmts"):
            element = styles.find(namespace + family)
            assert element is not None
            assert int(element.get("count", "0")) == len(element)
        assert len(styles.find(namespace + "cellXfs") or ()) == len(Style)


def test_the_same_content_is_the_same_file() -> None:
    assert write([["a"], [1]]) == write([["a"], [1]])


def test_pieces_that_are_not_what_was_packed_make_no_file() -> None:
    book = Workbook(
        about=About("", "", CREATED, "en"), summary=Summary("S", "", []), table="T", columns=[Column("a")], rows=1
    )
    packed, state = book.part(0, [[line_of(["x"])]], {})
    with pytest.raises(ValueError, match="packed"):
        list(book.whole([Part(state, 1, [packed[:-1]])]))


@pytest.mark.parametrize("name", ["", "a" * 32, "a/b", "a[b", "what?", "Summary", "summary"])
def test_a_name_that_excel_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"[Ss]heet|title"):
        write([], table=name)


def test_column_letters() -> None:
    assert [cells.column_letters(place) for place in (0, 25, 26, 51, 701, 702, 16_383)] == [
        "A", "Z", "AA", "AZ", "ZZ", "AAA", "XFD",
    ]  # fmt: skip
