"""A year of a real shop: 541,909 lines that nobody here made up."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from python_calamine import CalamineWorkbook

from reports.periods import Period
from shop.orders import services
from shop.orders.sales_csv import ONLINE_RETAIL
from tests.factories.orders import ChannelFactory


@pytest.mark.timeout(900)
def test_every_line_and_the_exact_revenue_of_a_real_year_are_in_the_file(transactional_db, make, corpus: Path) -> None:
    source = corpus / "reports" / "online_retail_541909.csv.gz"
    services.import_orders(path=source, channel=ChannelFactory(code="retail"), layout=ONLINE_RETAIL)
    lines = pieces = 0
    revenue = Decimal(0)
    with gzip.open(source, "rt", encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            lines += 1
            pieces += int(row["Quantity"])
            revenue += int(row["Quantity"]) * Decimal(row["UnitPrice"])
    assert (lines, revenue) == (541_909, Decimal("9747747.934"))

    report = make(Period.year(2010), columns=["product"])
    later = make(Period.year(2011), columns=["product", "number", "sku"])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(quantity * unit_price - discount) FROM orders_orderline"
            " WHERE extract(year FROM placed_at AT TIME ZONE 'Asia/Ho_Chi_Minh') = 2011"
        )
        counted, earned = cursor.fetchone()
    assert later.totals == [
        {
            "currency": "GBP",
            "decimals": 3,
            "sums": {"quantity": pieces - report.totals[0]["sums"]["quantity"], "revenue": int(earned)},
        }
    ]
    assert later.row_count == counted
    assert report.row_count + later.row_count == lines
    assert report.headlines[0].money.value + later.headlines[0].money.value == revenue

    # A reader that is not ours adds up the larger file.
    with default_storage.open(later.file_key) as file:
        book = CalamineWorkbook.from_filelike(file)
    summary = {row[0]: row[1] for row in book.get_sheet_by_index(0).to_python()}
    sheet = book.get_sheet_by_name("Revenue")
    rows = iter(sheet.iter_rows())
    heading = next(rows)
    place = heading.index("Revenue")
    read, total = 0, Decimal(0)
    for row in rows:
        read += 1
        total += Decimal(repr(row[place]))
    assert (read, total) == (later.row_count, later.headlines[0].money.value)
    assert Decimal(repr(summary["Revenue in GBP"])) == total
