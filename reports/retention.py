"""What becomes of reports with time: files expire, leftovers are swept, and at last the rows go too."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from jobs.adapters import storage
from jobs.models import TERMINAL
from reports import files, parts
from reports.models import Report, ReportPart

#: How long the row of a report, and who downloaded it, is kept.
KEEP_ROWS: Final = timedelta(days=365)
#: Age from which a stored file that no report names is a leftover, not one about to be recorded.
LEFTOVER_AGE: Final = timedelta(days=1)
_BATCH: Final = 500


def sweep(now: datetime) -> dict[str, int]:
    """Expires what is past its time, then deletes files and rows that nobody needs. Safe to run twice at once and to
    kill anywhere: the next run goes on. Returns how many of each."""
    return {
        "expired": expire(now),
        "parts": _discard_parts(),
        "leftovers": _delete_leftovers(now),
        "uploads": files.abort_dead_uploads(now - LEFTOVER_AGE),
        "deleted": _delete_old_rows(now),
    }


def expire(now: datetime) -> int:
    """Marks files past their time as expired, then deletes them, those of an earlier run that was cut off included.
    Returns the number marked."""
    marked = Report.objects.filter(expires_at__lte=now, expired_at=None).update(expired_at=now)
    while gone := list(
        Report.objects.filter(expired_at__isnull=False).exclude(file_key="").values_list("pk", "file_key")[:_BATCH]
    ):
        for pk, key in gone:
            storage.delete(key)
            Report.objects.filter(pk=pk, file_key=key).update(file_key="")
    return marked


def _discard_parts() -> int:
    """Discards the parts of reports that are made or given up. Returns of how many reports."""
    over = Report.objects.filter(Q(ready_at__isnull=False) | Q(job=None) | Q(job__state__in=TERMINAL))
    reports = list(over.filter(parts__isnull=False).distinct())
    for report in reports:
        parts.discard(report)
    return len(reports)


def _delete_leftovers(now: datetime) -> int:
    """Deletes files that a killed worker stored and nobody recorded, or whose report is gone."""
    old = [key for key, written in files.stored() if written < now - LEFTOVER_AGE]
    deleted = 0
    for start in range(0, len(old), _BATCH):
        batch = old[start : start + _BATCH]
        named = {
            key
            for rows in (Report.objects, ReportPart.objects)
            for key in rows.filter(file_key__in=batch).values_list("file_key", flat=True)
        }
        for key in batch:
            if key not in named:
                storage.delete(key)
                deleted += 1
    return deleted


def _delete_old_rows(now: datetime) -> int:
    """Deletes rows of reports long expired, and of those never made whose job is purged."""
    old = Report.objects.filter(expired_at__isnull=False, file_key="", created_at__lt=now - KEEP_ROWS)
    never_made = Report.objects.filter(ready_at=None, job=None)
    return sum(rows.delete()[1].get("reports.Report", 0) for rows in (old, never_made))
