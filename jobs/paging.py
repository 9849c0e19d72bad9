"""Pages of a list that is newest first, without counting it and without skipping rows: keyset paging.

A page begins after the last row of the one before it, so page 10,000 costs what page 1 does, and rows that arrive in
between neither repeat nor hide others.
"""

import base64
import binascii
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from jobs.models import Job


class BadCursor(ValueError):
    """A cursor that no page of ours has given out."""


class Page(NamedTuple):
    """``rows`` of one page and the cursor of the next (None: this is the last)."""

    rows: list[Job]
    next: str | None


def page(jobs: QuerySet[Job], *, after: str = "", size: int = 50) -> Page:
    """The ``size`` newest of ``jobs`` after the cursor ``after`` (empty: from the top). Raises BadCursor."""
    if after:
        at, last = _read(after)
        jobs = jobs.filter(created_at__lte=at).exclude(created_at=at, id__gte=last)
    rows = list(jobs.order_by("-created_at", "-id")[: size + 1])
    more = len(rows) > size
    rows = rows[:size]
    return Page(rows, _write(rows[-1]) if more else None)


def _write(job: Job) -> str:
    return base64.urlsafe_b64encode(f"{job.created_at.isoformat()} {job.id}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, UUID]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, last = text.partition(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise BadCursor(cursor)
        return moment, UUID(last)
    except (binascii.Error, ValueError) as error:
        raise BadCursor(cursor) from error
