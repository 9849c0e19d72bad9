"""Processes that say they live: workers, dispatchers, beat."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from jobs import db
from jobs.models import Worker

#: A process that has not been heard of for this long is taken for dead.
SILENCE: Final = timedelta(seconds=20)


def alive(name: str, *, kind: str, queues: Sequence[str] = (), concurrency: int = 1) -> None:
    """Writes that process ``name`` (of ``kind`` worker, dispatcher or beat) lives, by the database's clock."""
    db.fetch(
        """
        INSERT INTO jobs_worker (name, kind, queues, concurrency, started_at, seen_at)
        VALUES (%s, %s, %s, %s, now(), now())
        ON CONFLICT (name) DO UPDATE SET
            kind = excluded.kind, queues = excluded.queues, concurrency = excluded.concurrency, seen_at = now(),
            started_at = CASE WHEN jobs_worker.seen_at < now() - %s::interval THEN now() ELSE jobs_worker.started_at END
        """,
        (name, kind, list(queues), concurrency, SILENCE),
    )


def gone(name: str) -> None:
    """The process ends in good order."""
    db.fetch("DELETE FROM jobs_worker WHERE name = %s", (name,))


def live(now: datetime) -> QuerySet[Worker]:
    """Processes heard of lately."""
    return Worker.objects.filter(seen_at__gt=now - SILENCE).order_by("kind", "name")
