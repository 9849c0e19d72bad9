"""The contestants: each writes one year's lines into an .xlsx file, and says what it cost.

``python -m benchmarks.reports.contestants NAME OUT``, one process each. Prints one JSON object.
"""

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.db import connection  # noqa: E402
from django.db.models import QuerySet  # noqa: E402
from django.utils import timezone, translation  # noqa: E402

from reports import extract, formats, parts  # noqa: E402
from reports.kinds import KINDS  # noqa: E402
from reports.models import Report  # noqa: E402
from reports.pdf.font import Style, face  # noqa: E402
from reports.periods import Period  # noqa: E402
from reports.specs import Format  # noqa: E402
from reports.writers import Part, State  # noqa: E402
from shop.accounts.models import User  # noqa: E402
from shop.money import to_decimal  # noqa: E402
from shop.orders.models import OrderLine  # noqa: E402

#: Twelve columns, in the report's order.
COLUMNS = (
    "time", "order", "channel", "region", "customer", "sku", "product", "quantity", "unit_price", "discount", "revenue",
    "currency",
)  # fmt: skip
PERIOD = Period(datetime(2000, 1, 1).date(), datetime(2099, 12, 31).date())  # noqa: DTZ001
PATHS = [column.value for column in KINDS["revenue"].columns if column.name in COLUMNS]


def _report(format: Format) -> Report:
    return Report(
        owner=User(username="bench", email="bench@example.test"),
        kind="revenue",
        format=format,
        first_day=PERIOD.first,
        last_day=PERIOD.last,
        columns=list(COLUMNS),
        language="en",
    )


class _Undisturbed:
    """A run that nobody stops."""

    def progress(self, *_: object) -> None: ...
    def checkpoint(self) -> None: ...


def ours(out: Path, format: Format = Format.XLSX) -> int:
    """The product's own way, but for the rows that say how far it is: totals, snapshot, COPY, parts, file."""
    report, run = _report(format), _Undisturbed()
    selection = report.selection
    with extract.moment() as moment:
        content = formats.Content(moment.as_of, selection.count(), selection.totals(), selection.shares())
        reader = extract.Reader(moment)
    book = formats.writer(report, content)
    written, chain, number = [], hashlib.sha256(), 0
    before: State = {}
    with reader:
        batches = reader.lines(selection.rows(), at_once=parts.LINES_AT_ONCE)
        while batch := parts._read(_some(batches, book.rows_a_part // parts.LINES_AT_ONCE), chain, run):  # type: ignore[arg-type]
            path = out.with_suffix(f".{number}")
            rows = sum(one.count(b"\n") for one in batch)
            packed, before = book.part(number, parts._lines(batch, run, 0), before)  # type: ignore[arg-type]
            path.write_bytes(packed)
            written.append(Part(before, rows, _blocks(path)))
            number += 1
    with out.open("wb") as file:
        for piece in book.whole(written):
            file.write(piece)
    for place in range(number):
        out.with_suffix(f".{place}").unlink()
    return content.rows


def _some(batches: Iterator[bytes], count: int) -> Iterator[bytes]:
    for _ in range(count):
        batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block


def ours_read_back(out: Path, format: Format = Format.XLSX) -> int:
    """The same, and what the product does before anybody gets the file: read it back and add it up."""
    ours(out, format)
    with out.open("rb") as file:
        return formats.read(_report(format), file, checkpoint=lambda: None).rows


def ours_pdf(out: Path) -> int:
    return ours(out, Format.PDF)


def ours_pdf_read_back(out: Path) -> int:
    return ours_read_back(out, Format.PDF)


def _lines() -> QuerySet[OrderLine]:
    start, end = PERIOD.instants(timezone.get_default_timezone())
    return OrderLine.objects.filter(placed_at__gte=start, placed_at__lt=end).order_by("placed_at", "id")


def _rows() -> Iterator[tuple[Any, ...]]:
    """Tuples as an exporter in Django would fetch them, converted for a spreadsheet."""
    zone = timezone.get_default_timezone()
    found = _lines().values_list(*PATHS, "decimals")
    for at, *texts, quantity, price, discount, revenue, currency, decimals in found.iterator(chunk_size=2000):
        yield (
            at.astimezone(zone).replace(tzinfo=None),
            *texts,
            quantity,
            to_decimal(price, currency, decimals),
            to_decimal(discount, currency, decimals),
            to_decimal(revenue, currency, decimals),
            currency,
        )


def openpyxl_models(out: Path) -> int:
    """Model objects by ``iterator()``, openpyxl's write-only mode with lxml."""
    from openpyxl import Workbook

    zone = timezone.get_default_timezone()
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Revenue")
    sheet.append(COLUMNS)
    count = 0
    found = _lines().select_related("order__channel", "order__customer")
    for line in found.iterator(chunk_size=2000):
        order = line.order
        sheet.append(
            (
                line.placed_at.astimezone(zone).replace(tzinfo=None),
                order.code,
                order.channel.name,
                order.region,
                order.customer.name if order.customer else None,
                line.sku,
                line.name,
                line.quantity,
                to_decimal(line.unit_price, line.currency, line.decimals),
                to_decimal(line.discount, line.currency, line.decimals),
                to_decimal(line.revenue, line.currency, line.decimals),
                line.currency,
            )
        )
        count += 1
    book.save(out)
    return count


def openpyxl_tuples(out: Path) -> int:
    """The same from ``values_list``."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Revenue")
    sheet.append(COLUMNS)
    count = 0
    for row in _rows():
        sheet.append(row)
        count += 1
    book.save(out)
    return count


def xlsxwriter(out: Path) -> int:
    """``values_list`` and XlsxWriter in constant memory, with the options that keep texts texts."""
    import xlsxwriter as library

    book = library.Workbook(str(out), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet("Revenue")
    at = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet.write_row(0, 0, COLUMNS)
    number = 0
    for number, (moment, *rest) in enumerate(_rows(), start=1):
        sheet.write_datetime(number, 0, moment, at)
        sheet.write_row(number, 1, rest)
    book.close()
    return number


def rustpy(out: Path) -> int:
    """``values_list`` and rustpy-xlsxwriter, fed by a generator."""
    from rustpy_xlsxwriter import write_worksheet

    count = 0

    def records() -> Iterator[dict[str, Any]]:
        nonlocal count
        for row in _rows():
            count += 1
            yield dict(zip(COLUMNS, (float(v) if type(v).__name__ == "Decimal" else v for v in row), strict=True))

    write_worksheet(records(), str(out), sheet_name="Revenue")
    return count


#: Of a PDF page: the heads and the widths of its columns in points, and the rows that it has room for.
_PAGE_ROWS: Final = 44
_COLUMN: Final = 64.0


def _as_words(row: tuple[Any, ...]) -> list[str]:
    return [str(value) for value in row]


def reportlab_canvas(out: Path) -> int:
    """``values_list`` and ReportLab's canvas, a text object for each page."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(TTFont("Noto", str(face(Style.REGULAR).path)))
    canvas = Canvas(str(out), pagesize=(841.89, 595.28))
    count = 0
    rows = map(_as_words, _rows())
    while page := list(islice(rows, _PAGE_ROWS)):
        text = canvas.beginText()
        text.setFont("Noto", 6)
        for place, row in enumerate([list(COLUMNS), *page]):
            for column, word in enumerate(row):
                text.setTextOrigin(36 + column * _COLUMN, 560 - place * 12)
                text.textOut(word)
        canvas.drawText(text)
        canvas.showPage()
        count += len(page)
    canvas.save()
    return count


def reportlab_longtable(out: Path) -> int:
    """``values_list`` and ReportLab's Platypus as its guide has it: one table, which splits itself into pages."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import LongTable, SimpleDocTemplate

    pdfmetrics.registerFont(TTFont("Noto", str(face(Style.REGULAR).path)))
    rows = [list(COLUMNS), *map(_as_words, _rows())]
    widths, heights = [_COLUMN] * len(COLUMNS), [11.0] * len(rows)
    table = LongTable(rows, colWidths=widths, rowHeights=heights, repeatRows=1)
    table.setStyle([("FONT", (0, 0), (-1, -1), "Noto", 6)])
    SimpleDocTemplate(str(out), pagesize=(841.89, 595.28), leftMargin=24, rightMargin=24).build([table])
    return len(rows) - 1


def reportlab_tables(out: Path) -> int:
    """``values_list`` and ReportLab's Platypus, a table for each page: in time linear to the rows."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import PageBreak, SimpleDocTemplate, Table

    pdfmetrics.registerFont(TTFont("Noto", str(face(Style.REGULAR).path)))
    story: list[Any] = []
    count = 0
    rows = map(_as_words, _rows())
    while page := list(islice(rows, _PAGE_ROWS)):
        table = Table([list(COLUMNS), *page], colWidths=[_COLUMN] * len(COLUMNS), rowHeights=[11] * (len(page) + 1))
        table.setStyle([("FONT", (0, 0), (-1, -1), "Noto", 6)])
        story += [table, PageBreak()]
        count += len(page)
    SimpleDocTemplate(str(out), pagesize=(841.89, 595.28), leftMargin=24, rightMargin=24).build(story)
    return count


def floor(out: Path) -> int:
    """COPY's text, compressed: nothing is made of it."""
    from isal import isal_zlib

    found = _report(Format.XLSX).selection.rows()
    count = 0
    packer = isal_zlib.compressobj(1)
    with extract.moment() as moment:
        reader = extract.Reader(moment)
    with reader, out.open("wb") as file:
        for batch in reader.lines(found, at_once=500):
            file.write(packer.compress(batch))
            count += batch.count(b"\n")
        file.write(packer.flush())
    return count


CONTESTANTS: dict[str, Callable[[Path], int]] = {
    "ours": ours,
    "ours_read_back": ours_read_back,
    "ours_pdf": ours_pdf,
    "ours_pdf_read_back": ours_pdf_read_back,
    "reportlab_canvas": reportlab_canvas,
    "reportlab_longtable": reportlab_longtable,
    "reportlab_tables": reportlab_tables,
    "openpyxl_models": openpyxl_models,
    "openpyxl_tuples": openpyxl_tuples,
    "xlsxwriter": xlsxwriter,
    "rustpy": rustpy,
    "floor": floor,
}


def peak() -> float:
    """MB of memory resident at most. Not getrusage's, which counts the program before exec as well."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    name, out = sys.argv[1], Path(sys.argv[2])
    connection.ensure_connection()
    before = peak()
    cpu, wall = time.process_time(), time.perf_counter()
    with translation.override("en"):
        rows = CONTESTANTS[name](out)
    print(
        json.dumps(
            {
                "rows": rows,
                "cpu": time.process_time() - cpu,
                "wall": time.perf_counter() - wall,
                "rss_before": before,
                "rss": peak(),
                "size": out.stat().st_size,
            }
        )
    )


if __name__ == "__main__":
    main()
