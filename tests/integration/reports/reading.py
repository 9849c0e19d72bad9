"""Finished files of every format, read by programs that are not ours, as the values that their cells stand for."""

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import openpyxl
from django.utils import translation
from openpyxl.utils.escape import unescape
from pyarrow import parquet

from reports.models import Report
from reports.rows import Holds
from reports.specs import Column, Format
from tests import pdfs
from tests.integration.reports.conftest import content_of

#: A row: texts ("" where there is none), numbers as Decimal, times to the second, months as their first days.
Row = tuple[Any, ...]

#: What a spreadsheet may take for the beginning of a formula (OWASP, "CSV Injection").
GUARDED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def table_of(report: Report) -> list[Row]:
    """The rows of the report's table. It must have been made in English."""
    return _READERS[report.format](content_of(report), report.choice.selected, _title(report))


def headings_of(report: Report) -> list[str]:
    with translation.override(report.language):
        return [str(column.title) for column in report.choice.selected]


def expected(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[Row]:
    """What the files of ``rows`` hold, as SQL has them: with the number of decimals behind them."""
    return [
        tuple(_expected(column, value, row[-1]) for column, value in zip(columns, row, strict=False)) for row in rows
    ]


def _expected(column: Column, value: Any, decimals: int) -> Any:
    if column.holds == Holds.TEXT:
        return "" if value is None else str(dict(column.labels.choices if column.labels else ()).get(value, value))
    if value is None:
        return None
    if column.holds == Holds.MOMENT:
        return value.replace(microsecond=0)
    if column.holds == Holds.MONTH:
        return value
    return Decimal(value).scaleb(-{Holds.MONEY: decimals, Holds.PERCENT: 2}.get(column.holds, 0))


def _title(report: Report) -> str:
    with translation.override(report.language):
        return str(report.spec.title)


# --- workbooks -------------------------------------------------------------------------------------------------------


def by_openpyxl(content: bytes, columns: Sequence[Column], title: str) -> list[Row]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheets = [sheet for sheet in book if sheet.title == title or sheet.title.removeprefix(f"{title} ").isdigit()]
    return [
        tuple(_from_sheet(column, cell.value) for column, cell in zip(columns, row, strict=True))
        for sheet in sheets
        for row in sheet.iter_rows(min_row=2)
    ]


def _from_sheet(column: Column, value: Any) -> Any:
    if column.holds == Holds.TEXT:
        return "" if value is None else unescape(value)
    if isinstance(value, datetime):
        return value.date() if column.holds == Holds.MONTH else value
    if isinstance(value, str):  # a number with more digits than a cell keeps
        return Decimal(value.removesuffix("%"))
    return value if value is None else Decimal(repr(value)) * (100 if column.holds == Holds.PERCENT else 1)


# --- texts -----------------------------------------------------------------------------------------------------------


def by_csv(content: bytes, columns: Sequence[Column], _title: str) -> list[Row]:
    text = content.decode("utf-8")
    assert text.startswith("\ufeff")
    _heading, *rows = csv.reader(io.StringIO(text[1:], newline=""), strict=True)
    return [tuple(_from_text(column, cell) for column, cell in zip(columns, row, strict=True)) for row in rows]


def _from_text(column: Column, cell: str) -> Any:
    if column.holds == Holds.TEXT:
        return cell[1:] if cell[:1] == "'" and cell[1:].startswith(GUARDED) else cell
    return _typed(column, cell, moment="%Y-%m-%d %H:%M:%S", month="%Y-%m")


def by_pypdf(content: bytes, columns: Sequence[Column], _title: str) -> list[Row]:
    rows = pdfs.rows_of(content, len(columns))
    return [tuple(_from_page(column, cell) for column, cell in zip(columns, row, strict=True)) for row in rows]


def _from_page(column: Column, cell: str) -> Any:
    if column.holds == Holds.TEXT:
        return cell
    return _typed(column, cell.removesuffix("%").replace(",", ""), moment="%d/%m/%Y %H:%M:%S", month="%m/%Y")


def _typed(column: Column, text: str, *, moment: str, month: str) -> Any:
    if not text:
        return None
    if column.holds == Holds.MOMENT:
        return datetime.strptime(text.partition(".")[0], moment)
    if column.holds == Holds.MONTH:
        return datetime.strptime(text, month).date()
    return Decimal(text)


def by_arrow(content: bytes, columns: Sequence[Column], _title: str) -> list[Row]:
    found = parquet.read_table(io.BytesIO(content))
    return [
        tuple(_from_column(column, cell) for column, cell in zip(columns, row, strict=True))
        for row in zip(*(one.to_pylist() for one in found.columns), strict=True)
    ]


def _from_column(column: Column, cell: Any) -> Any:
    if column.holds == Holds.TEXT:
        return cell or ""
    if isinstance(cell, datetime):
        return cell.replace(microsecond=0)
    return cell if cell is None or isinstance(cell, date) else Decimal(cell)


_READERS: Final[dict[str, Callable[[bytes, Sequence[Column], str], list[Row]]]] = {
    Format.XLSX: by_openpyxl,
    Format.CSV: by_csv,
    Format.PDF: by_pypdf,
    Format.PARQUET: by_arrow,
}
