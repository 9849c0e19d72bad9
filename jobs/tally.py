"""Counts for metrics: added up in this process, written to the database a few times a minute.

What a process killed in between had not written is missing from the metrics, never from the jobs.
"""

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from jobs import db

#: Upper bounds of the duration histogram, in seconds; the last bucket is everything above.
BOUNDS: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)


@dataclass(slots=True)
class _Count:
    count: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))


_lock = threading.Lock()
_counts: defaultdict[tuple[str, str, str], _Count] = defaultdict(_Count)


def add(task: str, queue: str, outcome: str, seconds: float = 0.0, count: int = 1) -> None:
    """Counts ``count`` attempts of ``task`` that ended as ``outcome`` after ``seconds``."""
    with _lock:
        row = _counts[task, queue, outcome]
        row.count += count
        row.seconds += seconds
        row.buckets[sum(seconds > bound for bound in BOUNDS)] += count


def flush() -> None:
    """Writes what was counted since the last time. Raises database errors; the counts are kept then."""
    global _counts
    with _lock:
        if not _counts:
            return
        counts, _counts = _counts, defaultdict(_Count)
    try:
        # In one order everywhere, so that two processes cannot lock each other's rows.
        for (task, queue, outcome), row in sorted(counts.items()):
            db.fetch(
                """
                INSERT INTO jobs_tasktally (task, queue, outcome, count, seconds, buckets)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (task, queue, outcome) DO UPDATE
                   SET count = jobs_tasktally.count + excluded.count,
                       seconds = jobs_tasktally.seconds + excluded.seconds,
                       buckets = ARRAY(SELECT coalesce(a, 0) + coalesce(b, 0)
                                         FROM unnest(jobs_tasktally.buckets, excluded.buckets) AS t(a, b))
                """,
                (task, queue, outcome, row.count, row.seconds, row.buckets),
            )
            row.count = 0
    except BaseException:
        with _lock:
            for key, row in counts.items():
                if row.count:
                    kept = _counts[key]
                    kept.count += row.count
                    kept.seconds += row.seconds
                    kept.buckets = [a + b for a, b in zip(kept.buckets, row.buckets, strict=True)]
        raise
