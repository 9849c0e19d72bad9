import csv
import gzip
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.orders import sales_csv
from shop.orders.sales_csv import Layout, Rejected, SoldLine, UnreadableFile

COLUMNS = {
    "number": "Mã đơn",
    "sku": "SKU",
    "name": "Tên",
    "quantity": "SL",
    "unit_price": "Giá",
    "placed_at": "Ngày",
    "customer": "Khách",
}
HEADINGS = "Mã đơn,SKU,Tên,SL,Giá,Ngày,Khách\n"
GOOD = 'DH1,AO01,"Áo thun, trắng",2,159000,2026-11-25 20:15:00,KH1\n'


def read(tmp_path, text, layout=None, *, encoding="utf-8", after=1):
    path = tmp_path / "sales.csv"
    path.write_bytes(text.encode(encoding))
    return list(sales_csv.read(path, layout or Layout(columns=COLUMNS), after=after))


def test_a_row_becomes_a_sold_line(tmp_path):
    [sold] = read(tmp_path, HEADINGS + GOOD)
    assert isinstance(sold, SoldLine)
    assert (sold.number, sold.sku, sold.name, sold.quantity, sold.unit_price) == (
        "DH1",
        "AO01",
        "Áo thun, trắng",
        2,
        159_000,
    )
    assert sold.placed_at == datetime(2026, 11, 25, 13, 15, tzinfo=UTC)
    assert (sold.line, sold.revenue, sold.customer, sold.raw) == (2, 318_000, "KH1", GOOD.strip())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("DH1,AO01,x,2,159000,2026-11-25\n", "6 fields under 7 headings"),
        ("DH1,AO01,x,2,159000,2026-11-25,KH1,more\n", "8 fields under 7 headings"),
        (",AO01,x,2,159000,2026-11-25,KH1\n", "number is missing"),
        ("DH1,AO01,x,2.5,159000,2026-11-25,KH1\n", "not a whole quantity"),
        ("DH1,AO01,x,٣,159000,2026-11-25,KH1\n", "not a whole quantity"),
        ("DH1,AO01,x,3000000000,159000,2026-11-25,KH1\n", "too large"),
        ("DH1,AO01,x,2000000000,9000000000000000000,2026-11-25,KH1\n", "Quantity times price"),
        ("DH1,AO01,x,2,159000.5,2026-11-25,KH1\n", "more than 0 decimals"),
        ("DH1,AO01,x,2,free,2026-11-25,KH1\n", "'free' is not an amount"),
        ("DH1,AO01,x,2,159000,25/11/2026,KH1\n", "not a time"),
        ("DH1,AO01,x,2,159000,0001-01-01,KH1\n", "out of range"),
        ("DH1,AO\0,x,2,159000,2026-11-25,KH1\n", "NUL"),
        (f"DH1,AO01,{'x' * 256},2,159000,2026-11-25,KH1\n", "longer than 255"),
    ],
)
def test_a_row_that_cannot_be_is_listed_with_its_reason_and_the_next_still_comes_in(tmp_path, row, reason):
    bad, good = read(tmp_path, HEADINGS + row + GOOD)
    assert isinstance(bad, Rejected)
    assert reason in bad.reason
    assert bad.line == 2
    assert bad.raw == row.strip().replace("\0", "␀")
    assert good.line == 3


WITH_COST = COLUMNS | {"unit_cost": "Giá vốn", "vat_rate": "GTGT"}
COST_HEADINGS = HEADINGS.strip() + ",Giá vốn,GTGT\n"


@pytest.mark.parametrize(
    ("cost", "vat", "known"),
    [
        ("61000", "8", (61_000, 8)),
        ("0", "0", (0, 0)),
        ("", "", (None, None)),
        ("61000", "10%", (61_000, 10)),
        ("", "5.0 %", (None, 5)),
        ("", "100", (None, 100)),
    ],
)
def test_cost_and_vat_are_what_the_file_says_or_unknown(tmp_path, cost, vat, known):
    [sold] = read(tmp_path, f"{COST_HEADINGS}{GOOD.strip()},{cost},{vat}\n", Layout(columns=WITH_COST))
    assert (sold.unit_cost, sold.vat_rate) == known


def test_a_file_without_those_columns_leaves_them_unknown(tmp_path):
    [sold] = read(tmp_path, HEADINGS + GOOD)
    assert (sold.unit_cost, sold.vat_rate) == (None, None)


@pytest.mark.parametrize(
    ("cost", "vat", "reason"),
    [
        ("-1", "8", "unit_cost is below zero"),
        ("61000.5", "8", "more than 0 decimals"),
        ("free", "8", "'free' is not an amount"),
        ("61000", "101", "not a VAT rate"),
        ("61000", "-8", "not a VAT rate"),
        ("61000", "8.5", "not a VAT rate"),
        ("61000", "٨", "not a VAT rate"),
        ("61000", "KCT", "not a VAT rate"),
    ],
)
def test_a_cost_or_vat_that_cannot_be_is_a_rejected_row(tmp_path, cost, vat, reason):
    [bad] = read(tmp_path, f"{COST_HEADINGS}{GOOD.strip()},{cost},{vat}\n", Layout(columns=WITH_COST))
    assert isinstance(bad, Rejected)
    assert reason in bad.reason


def test_lines_are_counted_as_the_file_has_them(tmp_path):
    over_two_lines = 'DH2,AO01,"Áo thun\nhai dòng",1,159000,2026-11-25,KH1\n'
    rows = read(tmp_path, HEADINGS + "\n" + over_two_lines + "\r\n" + GOOD)
    assert [row.line for row in rows] == [4, 6]
    assert rows[0].raw == over_two_lines.strip()


def test_reading_goes_on_after_a_line(tmp_path):
    text = HEADINGS + "".join(GOOD.replace("DH1", f"DH{n}") for n in range(5))
    assert [row.number for row in read(tmp_path, text, after=4)] == ["DH3", "DH4"]


def test_a_quote_that_never_closes_is_one_rejected_row_not_a_lost_file(tmp_path):
    text = HEADINGS + GOOD + 'DH2,AO01,"Áo' + "x" * 200_000 + "\n" + GOOD
    first, bad, *_ = read(tmp_path, text)
    assert isinstance(first, SoldLine)
    assert isinstance(bad, Rejected)
    assert "not CSV" in bad.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1258", "utf-16"])
def test_the_same_rows_in_other_encodings(tmp_path, encoding):
    # Windows-1258 composes its tones from two characters, so the text stays with what it has whole.
    text = (HEADINGS + GOOD).replace("Tên", "Ten").replace("Mã đơn", "Ma").replace("Giá", "Gia")
    text = text.replace("Ngày", "Ngay").replace("Áo thun, trắng", "Áo thun")
    columns = COLUMNS | {"number": "Ma", "name": "Ten", "unit_price": "Gia", "placed_at": "Ngay"}
    text = text.replace("Khách", "Khach")
    columns["customer"] = "Khach"
    layout = Layout(columns=columns, encoding="utf-8" if encoding == "utf-8-sig" else encoding)
    [sold] = read(tmp_path, text, layout, encoding=encoding)
    assert sold.name == "Áo thun"


def test_bytes_of_another_encoding_are_found_before_anything_comes_in(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_bytes((HEADINGS + GOOD * 3).encode() + "DH9,AO01,Café,1,1,2026-01-01,\n".encode("latin-1"))
    with pytest.raises(UnreadableFile, match="Line 5 is not utf-8"):
        sales_csv.survey(path, "utf-8")
    assert sales_csv.survey(path, "latin-1").lines == 5


def test_a_file_and_its_gzip_are_the_same_file(tmp_path):
    plain, zipped = tmp_path / "sales.csv", tmp_path / "sales.csv.gz"
    plain.write_text(HEADINGS + GOOD)
    zipped.write_bytes(gzip.compress((HEADINGS + GOOD).encode()))
    assert sales_csv.survey(plain, "utf-8") == sales_csv.survey(zipped, "utf-8")
    layout = Layout(columns=COLUMNS)
    assert list(sales_csv.read(plain, layout)) == list(sales_csv.read(zipped, layout))


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: data[:40] + b"\0" * 20 + data[60:]])
def test_a_damaged_gzip_is_refused_in_words(tmp_path, spoil):
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(spoil(gzip.compress((HEADINGS + GOOD * 50).encode())))
    with pytest.raises(UnreadableFile, match="cannot be read"):
        sales_csv.survey(path, "utf-8")


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path):
    with pytest.raises(UnreadableFile, match=r"has no column Giá. Its columns are: Mã đơn, SKU"):
        read(tmp_path, "Mã đơn,SKU,Tên,SL,Price,Ngày,Khách\n" + GOOD)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"columns": {"number": "a"}}, "No column is mapped to sku, quantity"),
        ({"columns": COLUMNS | {"colour": "x"}}, "Unknown field colour"),
        ({"columns": COLUMNS, "currency": "GBP", "decimals": 1}, "GBP is kept with 2 to 6"),
        ({"columns": COLUMNS, "time_zone": "Mars/Olympus"}, "no time zone"),
        ({"columns": COLUMNS, "delimiter": ";;"}, "one character"),
    ],
)
def test_a_layout_that_cannot_work_is_refused(changes, reason):
    with pytest.raises(UnreadableFile, match=reason):
        Layout(**changes)


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=9), max_size=20))
def test_whatever_the_rows_hold_each_is_accounted_for(tmp_path_factory, rows):
    text = io.StringIO()
    csv.writer(text).writerows([HEADINGS.strip().split(","), *rows])
    path = tmp_path_factory.mktemp("any") / "sales.csv"
    path.write_bytes(text.getvalue().encode())
    found = list(sales_csv.read(path, Layout(columns=COLUMNS)))
    assert len(found) == len(rows) - rows.count([])
    assert [row.line for row in found] == sorted({row.line for row in found})
