from collections.abc import Callable
from typing import IO

from reports import parquet
from reports.formats import Content
from reports.formats.about import about, columns, key_and_sums
from reports.models import Report
from reports.writers import Contents, Writer


def writer(report: Report, content: Content, *, rows_a_part: int) -> Writer:
    return parquet.Writer(
        columns(report),
        decimals=max((total.decimals for total in content.totals), default=0),
        about=about(report, content),
        rows_a_part=rows_a_part,
    )


def read(report: Report, file: IO[bytes], *, checkpoint: Callable[[], object]) -> Contents:
    key, numbers = key_and_sums(report)
    return parquet.read_table(file, key=key, numbers=numbers, checkpoint=checkpoint)
