"""For each format: who writes a report's file, and who reads it back.

What writers need is large, so a worker loads that of a format only when a file of it is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import IO, Protocol, cast

from reports.models import Report
from reports.selection import Share, Total
from reports.writers import ROWS_A_PART, Contents, Writer


@dataclass(frozen=True, slots=True)
class Content:
    """What a report's file is to hold, as the database counts it at ``as_of``."""

    as_of: datetime
    rows: int
    totals: list[Total]
    shares: list[Share]


class _Format(Protocol):
    """A module of this package, called like its format."""

    def writer(self, report: Report, content: Content, *, rows_a_part: int) -> Writer: ...

    def read(self, report: Report, file: IO[bytes], *, checkpoint: Callable[[], object]) -> Contents: ...


def writer(report: Report, content: Content) -> Writer:
    """Writes the report's file in the current language."""
    return _format(report).writer(report, content, rows_a_part=ROWS_A_PART)


def read(report: Report, file: IO[bytes], *, checkpoint: Callable[[], object]) -> Contents:
    """Counts and adds up what the finished ``file`` holds. Raises Unreadable."""
    return _format(report).read(report, file, checkpoint=checkpoint)


def _format(report: Report) -> _Format:
    return cast(_Format, import_module(f"{__name__}.{report.format}"))
