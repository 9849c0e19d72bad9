"""What the writer promises, held against readers that are not ours."""

import io
import re
import subprocess
import tracemalloc
import unicodedata
from datetime import timedelta, timezone
from pathlib import Path
from zlib import decompress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from reports.pdf.table import MOST_KEYS, Sums
from reports.pdf.text import CUT, printable
from reports.rows import Column, Holds
from reports.writers import Part
from tests import pdfs
from tests.pdfs import COLUMNS, line, lines, pdftotext, rows_of, table, texts, write, written

NASTY = [
    "Nguyễn Thị Hường ưỡn ẹo 1.290.000 ₫",
    unicodedata.normalize("NFD", "Nguyễn Thị Hường"),
    "\x00\x01\x0b\x1f\x7f\x85",
    "()(( \\ ) \\( \\r \\",
    "\\\\\\",
    "EMC /TR BMC ]TJ",
    "嵔䨠䕍䌠ബ ቒ⽔删䉍䌠䨩",  # bytes of operators, brackets and line ends
    "👩‍👩‍👧‍👦 🇻🇳 𠀀",
    "עברית abc العربية",
    "\u200b\u202eabc\ufeff",
    "a\r\nb\tc\u2028d",
    "  spaces  ",
    "",
]


@pytest.mark.parametrize("text", NASTY)
def test_a_text_comes_back_as_it_was(text: str) -> None:
    assert rows_of(write([[text, 1]], [Column("a", 60), Column("b", 9, Holds.NUMBER)]), 2) == [[printable(text), "1"]]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=60) | st.text("()\\\r\n\u0d0a嵔䨠 x", max_size=40), min_size=1, max_size=12))
@example(["\ud800", "\U0010ffff"])
def test_any_texts_come_back_as_they_were(found: list[str]) -> None:
    shown = rows_of(write([["x", text] for text in found], [Column("a", 4), Column("b", 12)]), 2)
    assert shown == [["x", printable(text)] for text in found]


def test_naughty_strings_come_back_as_they_were(corpus: Path) -> None:
    (source,) = (corpus / "mail" / "naughty-strings").rglob("blns.txt")
    found = [text for text in source.read_text().splitlines() if text and not text.startswith("#")]
    assert len(found) > 400
    file = write([[text] for text in found], [Column("a", 200)])
    cut = [printable(text) for text in found if len(text) > 700]
    for (shown,), text in zip(rows_of(file, 1), found, strict=True):
        assert shown == printable(text) or (shown.endswith(CUT) and printable(text) in cut)
    assert len(cut) <= 3


def test_poppler_and_pypdf_read_vietnamese_as_it_was_written(tmp_path: Path) -> None:
    names = ["Nguyễn Thị Hường", "Đặng Hữu Phước", "Ẫn Ậm Ữ Ợ ẵ ặ ỹ", "Số tiền: 1.290.000 ₫"]
    file = write([[name] for name in names], [Column("Khách hàng")])
    assert set(names) <= set(pdftotext(file, tmp_path))
    assert set(names) <= {read.strip() for read in texts(file)[1].splitlines()}


def test_a_page_shows_head_rows_sums_and_its_number(tmp_path: Path) -> None:
    file = written(pdfs.document(table()), lines(120))
    read = [" ".join(found.split()) for found in pdftotext(file, tmp_path, "-layout")]
    assert read.count("Doanh thu từng dòng 01/01/2025 – 31/12/2025") == 4
    assert read.count("Thời gian Đơn hàng Sản phẩm Số lượng Doanh thu Tiền tệ") == 4
    assert "01/01/2025 00:00:00 DH00000000 Áo sơ mi trắng cổ tàu 1 -19.000 VND" in read
    assert "10/01/2025 00:00:09 DH00000009 Áo sơ mi trắng cổ tàu 3 3.140,00 USD" in read
    assert [found for found in read if found.startswith("Trang")] == [
        f"Trang {page} / 5 Mã tra cứu K7QM-2XWD" for page in range(2, 6)
    ]


def test_sums_so_far_stand_on_each_page_and_sums_of_all_at_the_end(tmp_path: Path) -> None:
    content = lines(150)
    read = pdftotext(written(pdfs.document(table()), content), tmp_path, "-layout")
    so_far = [found.split()[-2:] for found in read if found.startswith("Lũy kế VND")]
    fields = [found.split("\t") for found in content]

    def sums(rows: int, currency: str) -> list[str]:
        ours = [found for found in fields[:rows] if found[5] == currency]
        quantity, revenue = sum(int(found[3]) for found in ours), sum(int(found[4]) for found in ours)
        decimals = int(ours[0][6])
        return [pdfs.VIETNAMESE.number(str(quantity)), pdfs.VIETNAMESE.amount(str(revenue), decimals)]

    counts = [0]
    for page in PdfReader(io.BytesIO(written(pdfs.document(table()), content))).pages[1:]:
        counts.append(counts[-1] + page.get_contents().get_data().count(b"/TR BMC"))
    assert so_far == [sums(rows, "VND") for rows in counts[1:-1]]
    for currency in ("VND", "USD"):
        (total,) = [found.split()[-2:] for found in read if found.startswith(f"Tổng cộng {currency}")]
        assert total == sums(150, currency)


def test_amounts_of_one_currency_with_different_decimals_are_added_up(tmp_path: Path) -> None:
    content = ["x\tVND\t5\t0", "x\tVND\t-125\t2"]
    columns = [Column("a"), Column("b"), Column("c", holds=Holds.MONEY)]
    of = table(columns, sums=Sums(key=1, numbers=(2,), keys=("VND",)))
    read = pdftotext(written(pdfs.document(of), content), tmp_path, "-layout")
    assert [found.split()[-1] for found in read if found.startswith("Tổng cộng")] == ["3,75"]


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 60), st.integers(0, 130))
def test_where_parts_end_is_nowhere_to_be_seen(rows_a_part: int, rows: int) -> None:
    content = lines(rows)
    assert written(pdfs.document(table(), rows_a_part=rows_a_part), content) == written(pdfs.document(table()), content)


def test_the_same_content_is_the_same_file_whatever_the_time_zone_of_its_creation() -> None:
    there = pdfs.CREATED.astimezone(timezone(timedelta(hours=7)))
    about = pdfs.About("Doanh thu", "Nguyễn Thị Hường", there, "vi")
    assert written(pdfs.document(table(), about=about), lines(50)) == written(pdfs.document(table()), lines(50))


def test_the_signature_tells_what_would_be_written_differently() -> None:
    def signature(**changes: object) -> bytes:
        return pdfs.document(table(**changes)).signature

    assert signature() == signature()
    different = [
        signature(),
        signature(note="other"),
        signature(words=pdfs.Words()),
        signature(notation=pdfs.Notation()),
        signature(months=None),
        pdfs.document(table(), compression="zlib").signature,
        pdfs.document(table([*COLUMNS, Column("more")])).signature,
    ]
    assert len(set(different)) == len(different)


@pytest.mark.parametrize("compression", ["isal", "zlib"])
@pytest.mark.parametrize("rows", [0, 1, 300])
def test_qpdf_finds_nothing_wrong(rows: int, compression: str, tmp_path: Path) -> None:
    qpdf = pdfs.program("qpdf")
    path = tmp_path / "file.pdf"
    path.write_bytes(written(pdfs.document(table(), compression=compression), lines(rows)))
    checked = subprocess.run([qpdf, "--check", str(path)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_table_without_rows_says_so(tmp_path: Path) -> None:
    read = pdftotext(written(pdfs.document(table()), []), tmp_path)
    assert "Không có gì trong kỳ này." in read
    assert "Trang 2 / 2" in read


def test_what_the_file_says_about_itself() -> None:
    reader = PdfReader(io.BytesIO(written(pdfs.document(table()), lines(120))), strict=True)
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Doanh thu", "Nguyễn Thị Hường")
    assert reader.metadata.creation_date == pdfs.CREATED
    assert reader.xmp_metadata is not None
    assert reader.xmp_metadata.dc_title == {"x-default": "Doanh thu"}
    assert reader.root_object["/Lang"] == "vi"
    assert [(entry.title, reader.get_destination_page_number(entry) + 1) for entry in reader.outline] == [
        ("Bìa", 1),
        *((f"{month:02}/2025", page) for month, page in zip(range(1, 13), _first_pages(reader), strict=True)),
    ]


def _first_pages(reader: PdfReader) -> list[int]:
    first: dict[str, int] = {}
    for number, page in enumerate(reader.pages, start=1):
        for month in re.findall(r"\d\d/(\d\d)/2025 \d\d:", page.extract_text()):
            first.setdefault(month, number)
    return list(first.values())


def test_pages_of_a_long_table_are_in_order_under_a_balanced_tree() -> None:
    file = written(pdfs.document(table([Column("n")]), rows_a_part=1000), [f"{row}\t0" for row in range(5_000)])
    reader = PdfReader(io.BytesIO(file))
    root = reader.root_object["/Pages"]
    assert root["/Count"] == len(reader.pages) > 64
    assert all(len(kid.get_object()["/Kids"]) <= 64 for kid in root["/Kids"])
    assert [int(row) for (row,) in rows_of(file, 1)] == list(range(5_000))


def test_the_pages_of_a_very_long_table_are_in_order() -> None:
    made = pdfs.document(table([Column("n")]))
    packed, state = made.part(0, [[f"{row}\t0" for row in range(100)]], {})
    (one,) = {state["page"] - 2}
    pages = 64 * 64 // one + 1
    # A part's pages may be used again and again: what is in them does not matter here.
    state |= {"page": 2 + pages * one}
    file = b"".join(made.whole([Part(state, 0, [packed] * pages)]))
    reader = PdfReader(io.BytesIO(file))
    assert len(reader.pages) == pages * one + 2
    assert len(reader.root_object["/Pages"]["/Kids"]) == 2


def test_a_number_is_drawn_narrower_before_it_is_broken() -> None:
    columns = [Column("a", 60), Column("b", 10, Holds.NUMBER), Column("c", 60)]
    file = write([["x", 123_456_789_012, "y"]], columns)
    content = PdfReader(io.BytesIO(file)).pages[1].get_contents().get_data()
    assert b" Tz[" in content
    assert rows_of(file, 3) == [["x", "123.456.789.012", "y"]]
    wider = rows_of(write([["x", int("9" * 60), "y"]], columns), 3)
    assert wider == [["x", pdfs.VIETNAMESE.number("9" * 60), "y"]]


def test_fields_are_shown_by_what_they_hold() -> None:
    columns = [
        Column("state", labels={"paid": "Đã trả"}),
        Column("text", 40),
        Column("at", 20, Holds.MOMENT),
        Column("day", 12, Holds.DATE),
        Column("pieces", 12, Holds.NUMBER),
        Column("amount", 12, Holds.MONEY),
        Column("month", 12, Holds.MONTH),
        Column("share", 12, Holds.PERCENT),
    ]
    content = [
        "paid\ta\\tb \\\\ c\t2026-01-31 08:05:09.5\t2026-01-31\t1234\t-123456\t2026-01-01\t1234\t2",
        "new\t\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t0",
        "paid\tx\t2026-01-31 08:05:09\t2026-01-31\t0\t123456\t2026-12-01\t-5\t0",
    ]
    assert rows_of(written(pdfs.document(table(columns)), content), 8) == [
        ["Đã trả", "a b \\ c", "31/01/2026 08:05:09", "31/01/2026", "1.234", "-1.234,56", "01/2026", "12,34\xa0%"],
        ["new", "", "", "", "", "", "", ""],
        ["Đã trả", "x", "31/01/2026 08:05:09", "31/01/2026", "0", "123.456", "12/2026", "-0,05\xa0%"],
    ]


def test_texts_are_inside_their_columns(tmp_path: Path) -> None:
    content = [line(row, rows=40, product="W" * 300 + " ữ" * 99) for row in range(40)]
    path = tmp_path / "file.pdf"
    path.write_bytes(written(pdfs.document(table()), content))
    command = [pdfs.program("pdftotext"), "-bbox", "-f", "2", str(path), "-"]
    boxes = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    edges = table().edges
    product = [
        (float(left), float(right))
        for left, right, word in re.findall(
            r'xMin="([\d.]+)" yMin="[\d.]+" xMax="([\d.]+)" yMax="[\d.]+">(.*?)<', boxes
        )
        if word.startswith("WWW") or word == "ữ"
    ]
    assert len(product) > 40
    assert all(edges[2] - 0.1 <= left and right <= table().right_of(2) + 0.1 for left, right in product)


def test_a_text_that_takes_too_many_lines_is_cut_with_a_mark() -> None:
    ((shown,),) = rows_of(write([["dài " * 5000]], [Column("a")]), 1)
    assert shown.endswith(CUT)
    assert shown[:-1] in "dài " * 5000


def test_rules_stay_on_the_page_and_rows_above_the_sums() -> None:
    reader = PdfReader(io.BytesIO(written(pdfs.document(table()), lines(200))))
    for page in reader.pages[1:-1]:
        content = page.get_contents().get_data()
        lowest = min(float(y) for y in re.findall(rb"36\.00 ([\d.]+) m [\d.]+ [\d.]+ l\n", content))
        assert lowest >= table().bottom - 0.01


@pytest.mark.parametrize("asked", [[3], [9] * 16, [40] * 16, [1] * 40])
def test_columns_share_the_page(asked: list[int]) -> None:
    of = table([Column("Tên cột", width) for width in asked])
    assert of.right <= 841.89 - 36 + 0.01
    file = written(pdfs.document(of), ["\t".join(["nội dung"] * len(asked) + ["0"])] * 3)
    assert rows_of(file, len(asked)) == [["nội dung"] * len(asked)] * 3


@pytest.mark.parametrize(
    "content", ["a\tb", "2025-01-01 00:00:00\tDH\tx\t1\t2\tEUR\t0", "2025-01-01 00:00:00\tDH\tx\t1,5\t2\tVND\t0"]
)
def test_a_line_that_does_not_belong_to_the_table_is_refused(content: str) -> None:
    with pytest.raises(ValueError):
        written(pdfs.document(table()), [content])


def test_what_a_table_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="first column"):
        table([Column("a", holds=Holds.NUMBER)], sums=Sums(0, (0,), ("VND",)))
    with pytest.raises(ValueError, match="first column"):
        table([])
    with pytest.raises(ValueError, match="13 keys"):
        table([Column("a"), Column("b")], sums=Sums(0, (1,), [f"{n}" for n in range(MOST_KEYS + 1)]))


def test_bytes_of_a_part_that_are_not_what_was_written_are_refused() -> None:
    made = pdfs.document(table())
    packed, state = made.part(0, [lines(100)], {})
    for broken in (packed[:-1], packed[: len(packed) // 2], b"", packed + packed):
        with pytest.raises(ValueError):
            b"".join(made.whole([Part(state, 100, [broken])]))


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(parts: int) -> int:
        made = pdfs.document(table(), rows_a_part=1000)
        tracemalloc.start()
        with (tmp_path / "file").open("wb") as file:
            kept, state = [], {}
            for number in range(parts):
                content = (line(number * 1000 + row, rows=20_000) for row in range(1000))
                packed, state = made.part(number, ([one] for one in content), state)
                path = tmp_path / f"{number}"
                path.write_bytes(packed)
                kept.append(Part(state, 1000, (path.read_bytes() for path in [path])))
            file.writelines(made.whole(kept))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(20) < peak(2) + 1_000_000


def test_streams_are_what_their_compression_says() -> None:
    for compression in ("isal", "zlib"):
        packed, _ = pdfs.document(table(), compression=compression).part(0, [lines(100)], {})
        length = int.from_bytes(packed[:4], "big")
        assert decompress(packed[4 : 4 + length]).startswith(b"/Artifact BMC /Head Do EMC")


def test_percents_are_set_right_as_numbers_are(tmp_path: Path) -> None:
    columns = [Column("a", 20), Column("share", 30, Holds.PERCENT)]
    path = tmp_path / "file.pdf"
    path.write_bytes(write([["x", 5], ["y", 123_456]], columns))
    command = [pdfs.program("pdftotext"), "-bbox", "-f", "2", str(path), "-"]
    boxes = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    ends = [float(right) for right in re.findall(r'xMax="([\d.]+)" yMax="[\d.]+">[^<]*%<', boxes)]
    assert len(ends) == 2
    assert ends == pytest.approx([table(columns).right_of(1)] * 2, abs=0.1)
