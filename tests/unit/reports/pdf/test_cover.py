import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from reports.pdf.cover import MOST_BARS, Chart, Cover, draw
from tests import pdfs
from tests.pdfs import lines, pdftotext, table, texts, written

MONTHS = Chart(
    "Doanh thu theo tháng",
    [f"{month:02}/2025" for month in range(1, 13)],
    [Decimal(month * 7919 % 83) * 1_000_000 for month in range(1, 13)],
    upright=True,
)
CHANNELS = Chart(
    "Theo kênh", ["Shopee", "Lazada", "Cửa hàng"], [Decimal(9_000_000), Decimal("4200000.5"), Decimal(-10)]
)


def cover(**changes: Any) -> Cover:
    about: dict[str, Any] = {
        "title": "Doanh thu từng dòng",
        "period": "01/01/2025 – 31/12/2025",
        "facts": [("Mã tra cứu", "K7QM-2XWD"), ("Người lập", "Nguyễn Thị Hường")],
        "shop": "Cửa hàng Ánh Dương",
        "sums_title": "Số liệu đối chiếu",
        "sums": [("Tiền tệ", "Số dòng", "Doanh thu"), ("VND", "1.000", "1.234.567.890.123"), ("USD", "9", "12,50")],
        "charts": [MONTHS, CHANNELS],
        "notation": pdfs.VIETNAMESE,
    }
    return Cover(**about | changes)


def test_everything_can_be_read(tmp_path: Path) -> None:
    read = "\n".join(pdftotext(draw(cover()), tmp_path, "-layout"))
    for text in [
        *("Doanh thu từng dòng", "01/01/2025 – 31/12/2025", "Mã tra cứu", "K7QM-2XWD", "Nguyễn Thị Hường"),
        *("Cửa hàng Ánh Dương", "Số liệu đối chiếu", "1.234.567.890.123", "12,50", *MONTHS.labels, *CHANNELS.labels),
        *("76.000.000", "4.200.000,5", "-10"),
    ]:
        assert text in read


def test_the_same_cover_is_the_same_file() -> None:
    assert draw(cover()) == draw(cover())


def test_its_pages_come_first_and_look_the_same_in_the_whole_file() -> None:
    alone = draw(cover())
    whole = written(pdfs.document(table(), cover=alone), lines(60))
    pages = len(PdfReader(io.BytesIO(alone)).pages)
    assert texts(whole)[:pages] == texts(alone)
    assert f"Trang {pages + 1} / {pages + 2}" in texts(whole)[pages].replace("\n", "")
    for mine, its in zip(PdfReader(io.BytesIO(whole)).pages, PdfReader(io.BytesIO(alone)).pages, strict=False):
        assert mine.get_contents().get_data() == its.get_contents().get_data()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=300), st.text(max_size=900)), max_size=40),
    st.lists(st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=1, max_size=MOST_BARS), max_size=5),
    st.text(max_size=200),
    st.booleans(),
)
def test_any_cover_can_be_drawn_and_taken_over(
    facts: list[tuple[str, str]], amounts: list[list[Decimal]], text: str, upright: bool
) -> None:
    charts = [Chart(text, [text[place:] for place in range(len(some))], some, upright) for some in amounts]
    alone = draw(cover(title=text, period=text, facts=facts, charts=charts, sums=[(text, text), (text, "1")]))
    whole = written(pdfs.document(table(), cover=alone), [])
    assert len(PdfReader(io.BytesIO(whole)).pages) == len(PdfReader(io.BytesIO(alone)).pages) + 1


@pytest.mark.parametrize("changes", [{"facts": []}, {"sums": []}, {"charts": []}, {"shop": "", "sums_title": ""}])
def test_what_is_not_there_is_left_out(changes: dict[str, Any]) -> None:
    assert "Doanh thu từng dòng" in texts(draw(cover(**changes)))[0]


def test_charts_go_on_where_there_is_room_and_then_on_further_pages() -> None:
    facts = [("Nội dung", "dòng " * 60)] * 4
    assert len(texts(draw(cover(charts=[MONTHS])))) == 1
    assert len(texts(draw(cover(charts=[MONTHS], facts=facts)))) == 2
    assert len(texts(draw(cover(charts=[MONTHS] * 5)))) == 3


def test_amounts_of_nothing_but_zero_are_bars_of_no_length() -> None:
    zero = Chart("a", ["b"], [Decimal(0)])
    assert "b" in texts(draw(cover(charts=[zero])))[0]


def test_bars_without_labels_and_too_many_bars_are_refused() -> None:
    with pytest.raises(ValueError):
        Chart("a", ["b"], [])
    with pytest.raises(ValueError):
        Chart("a", [], [])
    with pytest.raises(ValueError):
        Chart("a", ["b"] * (MOST_BARS + 1), [Decimal(1)] * (MOST_BARS + 1))
