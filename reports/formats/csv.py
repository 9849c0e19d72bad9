from collections.abc import Callable
from typing import IO

from reports import csv
from reports.formats import Content
from reports.formats.about import columns, key_and_sums
from reports.models import Report
from reports.writers import Contents, Writer


def writer(report: Report, content: Content, *, rows_a_part: int) -> Writer:  # noqa: ARG001 (text alone says nothing)
    return csv.Writer(columns(report), rows_a_part=rows_a_part)


def read(report: Report, file: IO[bytes], *, checkpoint: Callable[[], object]) -> Contents:
    key, numbers = key_and_sums(report)
    return csv.read_table(file, key=key, numbers=numbers, checkpoint=checkpoint)
