"""PDF reports made of Python's values, and programs that read them which are not ours."""

import io
import json
import re
import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from reports.pdf import cover
from reports.pdf.document import Document
from reports.pdf.notation import Notation
from reports.pdf.table import Sums, Table, Words
from reports.rows import Column, Holds
from reports.writers import About, Part, State
from tests.workbooks import CREATED, Field, line_of

VIETNAMESE = Notation(
    group=".", point=",", date="{day}/{month}/{year}", month="{month}/{year}", percent="{number}\xa0%"
)
WORDS = Words(
    so_far="Lũy kế",
    total="Tổng cộng",
    nothing="Không có gì trong kỳ này.",
    page="Trang {page}",
    of_pages=" / {pages}",
)
ABOUT = About(title="Doanh thu", author="Nguyễn Thị Hường", created=CREATED, language="vi")

#: The columns of a revenue report.
COLUMNS = [
    Column("Thời gian", 19, Holds.MOMENT),
    Column("Đơn hàng", 16, repeats=False),
    Column("Sản phẩm", 40),
    Column("Số lượng", 10, Holds.NUMBER),
    Column("Doanh thu", 16, Holds.MONEY),
    Column("Tiền tệ", 9),
]
SUMS = Sums(key=5, numbers=(3, 4), keys=("VND", "USD"))
MONTHS = 0


def line(row: int, *, rows: int, product: str = "Áo sơ mi trắng cổ tàu") -> str:
    """A line of ``COLUMNS``, one of so many over a year. Every tenth is in dollars."""
    month, second = row * 12 // rows + 1, row % 86_400
    moment = f"2025-{month:02}-{row % 28 + 1:02} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    currency, decimals = ("USD", 2) if row % 10 == 9 else ("VND", 0)
    fields = [moment, f"DH{row:08}", product, str(row % 7 + 1), str(1000 * (row * 37 % 900 - 19)), currency]
    return "\t".join([*fields, str(decimals)])


def lines(rows: int) -> list[str]:
    products = ["Áo sơ mi trắng cổ tàu", "Ấm đun nước siêu tốc 1,8 lít, vỏ inox hai lớp chống bỏng " * 2, "Sách"]
    return [line(row, rows=rows, product=products[row % 3]) for row in range(rows)]


@cache
def small_cover() -> bytes:
    return cover.draw(cover.Cover("Doanh thu", "Năm 2025", [("Mã tra cứu", "K7QM-2XWD")]))


def table(columns: Sequence[Column] = COLUMNS, **changes: Any) -> Table:
    about: dict[str, Any] = {"sums": SUMS, "months": MONTHS} if columns is COLUMNS else {}
    about |= {"note": "Mã tra cứu K7QM-2XWD", "notation": VIETNAMESE, "words": WORDS}
    return Table("Doanh thu từng dòng", "01/01/2025 – 31/12/2025", columns, **about | changes)


def document(of: Table, **changes: Any) -> Document:
    return Document(of, **{"cover": small_cover(), "cover_label": "Bìa", "about": ABOUT, "rows_a_part": 100} | changes)


def written(made: Document, content: Iterable[str]) -> bytes:
    """The file of these lines. Between parts the state goes through JSON, and parts come back in other pieces."""
    left, parts, state = iter(content), list[Part](), dict[str, Any]()
    known: State = state
    while part := list(islice(left, made.rows_a_part)):
        packed, known = made.part(len(parts), [part[:7], part[7:]], known)
        known = json.loads(json.dumps(known))
        parts.append(Part(known, len(part), _in_pieces(packed)))
    return b"".join(made.whole(parts))


def _in_pieces(data: bytes, size: int = 1009) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def write(rows: Sequence[Sequence[Field]], columns: Sequence[Column], **changes: Any) -> bytes:
    return written(document(table(columns, **changes)), map(line_of, rows))


def texts(file: bytes) -> list[str]:
    """Of each page, as pypdf reads it."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(file)).pages]


def program(name: str) -> str:
    """Skips the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def pdftotext(file: bytes, folder: Path, *options: str) -> list[str]:
    """The lines of all pages as poppler reads them."""
    path = folder / "file.pdf"
    path.write_bytes(file)
    command = [program("pdftotext"), *options, "-enc", "UTF-8", str(path), "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout.decode().splitlines()


def rows_of(file: bytes, columns: int) -> list[list[str]]:
    """The texts of all rows' cells: content as pypdf takes it apart, codes as the font's own table explains them."""
    reader = PdfReader(io.BytesIO(file))
    rows = []
    for page in reader.pages:
        if page.get_contents() is None or "/R" not in page["/Resources"]["/Font"]:
            continue
        known = _characters(page["/Resources"]["/Font"]["/R"]["/ToUnicode"].get_data().decode())
        strings: list[str] | None = None
        for operands, operator in page.get_contents().operations:
            if operator == b"BMC" and operands == ["/TR"]:
                strings = []
            elif operator == b"TJ" and strings is not None:
                strings += [
                    _decoded(item.original_bytes, known) for item in operands[0] if hasattr(item, "original_bytes")
                ]
            elif operator == b"EMC" and strings is not None:
                rows.append(["".join(strings[place::columns]) for place in range(columns)])
                strings = None
    return rows


def _characters(cmap: str) -> dict[int, str]:
    known = {}
    for first, last, to in re.findall(r"<(\w+)><(\w+)><(\w+)>", cmap):
        for code in range(int(first, 16), int(last, 16) + 1):
            start = bytes.fromhex(to).decode("utf-16-be")
            known[code] = start[:-1] + chr(ord(start[-1]) + code - int(first, 16))
    return known


def _decoded(coded: bytes, known: dict[int, str]) -> str:
    return "".join(known[code] for (code,) in struct.iter_unpack(">H", coded))
