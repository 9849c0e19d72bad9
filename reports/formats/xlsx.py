from collections.abc import Callable
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from reports.breakdown import breakdowns
from reports.formats import Content
from reports.formats.about import about, columns, facts, key_and_sums, sums, title
from reports.models import Report
from reports.writers import Contents, Writer
from reports.xlsx import readback
from reports.xlsx.cells import column_letters
from reports.xlsx.workbook import Chart, Summary, Workbook


def writer(report: Report, content: Content, *, rows_a_part: int) -> Writer:
    return Workbook(
        about=about(report, content),
        summary=Summary(
            _("Summary"),
            title(report),
            [*facts(report, content), *sums(report, content)],
            [Chart(one.title, one.labels, one.amounts) for one in breakdowns(report.spec.charts, content.shares)],
        ),
        table=str(report.spec.title),
        columns=columns(report),
        rows=content.rows,
        compression=settings.REPORT_COMPRESSION,
        rows_a_part=rows_a_part,
    )


def read(report: Report, file: IO[bytes], *, checkpoint: Callable[[], object]) -> Contents:
    key, numbers = key_and_sums(report)
    return readback.read_table(
        file,
        table=str(report.spec.title),
        key=column_letters(key),
        numbers=[column_letters(place) for place in numbers],
        checkpoint=checkpoint,
    )
