"""What is known after a run: the rows, every part and file that a row ever named, what the files hold, what is stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection

from jobs import db
from jobs.models import Job
from reports.models import Report, ReportPart
from tests.chaos.evidence import Move
from tests.chaos.reports.plan import Plan

#: Rows, pieces and revenue (in the currency's smallest unit) by currency.
Sums = Mapping[str, tuple[int, int, int]]

_RECORD: Final = """
    DROP TABLE IF EXISTS chaos_part, chaos_file;
    CREATE TABLE chaos_part (at timestamptz, made boolean, report uuid, number int, chain text, rows int, key text);
    CREATE TABLE chaos_file (at timestamptz, report uuid, key text);
    CREATE OR REPLACE FUNCTION chaos_part() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        part reports_reportpart := coalesce(NEW, OLD);
    BEGIN
        INSERT INTO chaos_part VALUES (clock_timestamp(), TG_OP = 'INSERT', part.report_id, part.number, part.chain,
                                       part.rows, part.file_key);
        RETURN NULL;
    END $$;
    CREATE OR REPLACE FUNCTION chaos_file() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_file VALUES (clock_timestamp(), NEW.id, NEW.file_key);
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER chaos_part AFTER INSERT OR DELETE ON reports_reportpart
        FOR EACH ROW EXECUTE FUNCTION chaos_part();
    CREATE OR REPLACE TRIGGER chaos_file AFTER UPDATE OF file_key ON reports_report
        FOR EACH ROW WHEN (NEW.file_key <> OLD.file_key) EXECUTE FUNCTION chaos_file();
"""

_SUMS: Final = """
    SELECT currency, count(*), sum(quantity), sum(quantity * unit_price - discount)
      FROM orders_orderline
     WHERE placed_at >= '%(year)s-01-01 00:00+07' AND placed_at < '%(next)s-01-01 00:00+07'
     GROUP BY currency
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A report's row and its job's. ``code``: the lookup code without dashes; ``failures``: attempts that failed."""

    id: str
    number: int
    code: str
    format: str
    job: str
    state: str
    attempt: int
    failures: int
    deaths: int
    error: str
    file_key: str
    size: int
    sha256: str
    as_of: datetime | None
    rows: int


@dataclass(frozen=True, slots=True)
class PartMade:
    """A part that was written down at ``at`` (seconds since 1970)."""

    at: float
    report: str
    number: int
    chain: str
    rows: int
    key: str

    @property
    def attempt(self) -> int:
        """Who made it: its number is the end of the key."""
        return int(self.key.rpartition("-")[2])


@dataclass(frozen=True, slots=True)
class Changed:
    """A row written between ``began`` and ``ended`` (aware, by the database's clock), committed in between. ``word``: the
    name of its product, which no other row has; ``adds``: what it adds to rows, pieces and revenue of ``currency``."""

    began: datetime
    ended: datetime
    word: str
    currency: str
    adds: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Held:
    """What a file holds, as a program reads it that is not ours. ``words``: the names of changed rows that are in it,
    None where they were not looked for. ``unreadable``: what that program says of a file that it cannot read."""

    size: int
    sha256: str
    sums: Sums
    words: frozenset[str] | None
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """What is in the file store: keys of files, keys of uploads that were never completed."""

    files: frozenset[str] = frozenset()
    uploads: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Attributes:
    before: what the year's lines added up to when the run began.
    stopped: the reports whose owner was told that they are being stopped.
    to_sweep: how many parts of cancelled reports no worker has discarded.
    named: keys that rows name at the end.
    left: what is in the store after the sweep of a day later.
    unswept: the same after the ordinary one at the run's end.
    stored: keys that the store took, in order.
    """

    plan: Plan
    before: Sums
    asked: Sequence[Asked]
    moves: Sequence[Move]
    parts: Sequence[PartMade]
    files: Sequence[tuple[str, str]]
    changes: Sequence[Changed]
    held: Mapping[str, Held]
    stopped: frozenset[str] = frozenset()
    to_sweep: int = 0
    named: frozenset[str] = frozenset()
    unswept: Left = field(default_factory=Left)
    left: Left = field(default_factory=Left)
    stored: Sequence[str] = ()
    hits: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def record() -> None:
    """Makes the database write down every part and every file that a row names, in the transaction that does."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD)


def forget() -> None:
    """Deletes reports, jobs and what was written down of them."""
    Report.objects.all().delete()
    Job.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE chaos_part, chaos_file, chaos_move")


def sums(year: int) -> Sums:
    rows = db.fetch(_SUMS % {"year": year, "next": year + 1})
    return {currency: (int(count), int(pieces), int(revenue)) for currency, count, pieces, revenue in rows}


def asked(numbers: Mapping[str, int]) -> list[Asked]:
    """``numbers``: those of the orders, by the report's id."""
    return [
        Asked(
            id=str(report.id),
            number=numbers[str(report.id)],
            code=report.code,
            format=report.format,
            job=str(job.id),
            state=job.state,
            attempt=job.attempt,
            failures=job.failures,
            deaths=job.deaths,
            error=f"{job.error_class}: {job.error_message}" if job.error_class else "",
            file_key=report.file_key,
            size=report.size or 0,
            sha256=report.sha256,
            as_of=report.as_of,
            rows=report.row_count or 0,
        )
        for report, job in _with_jobs()
    ]


def _with_jobs() -> list[tuple[Report, Job]]:
    found: list[tuple[Report, Any]] = [
        (report, report.job) for report in Report.objects.select_related("job").order_by("created_at")
    ]
    return [(report, job) for report, job in found if job is not None]


def parts() -> list[PartMade]:
    rows = db.fetch("""
        SELECT extract(epoch FROM at)::float8, report::text, number, chain, rows, key
          FROM chaos_part WHERE made ORDER BY at
    """)
    return [PartMade(*row) for row in rows]


def files() -> list[tuple[str, str]]:
    """Each time that a report's row came to name a file: the report and the key."""
    return [(report, key) for report, key in db.fetch("SELECT report::text, key FROM chaos_file ORDER BY at")]


def named() -> frozenset[str]:
    keys = [
        *Report.objects.exclude(file_key="").values_list("file_key", flat=True),
        *ReportPart.objects.values_list("file_key", flat=True),
    ]
    return frozenset(keys)
