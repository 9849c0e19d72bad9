"""What is known after a run: the rows, every move they made, and what the jobs' bodies wrote down themselves.

A row is the truth about how a job ended, the journal about what was done: a process may be killed between the two.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection

from jobs import db
from jobs.models import Job
from tests.chaos.plan import Plan
from tests.harness import journal
from tests.harness.journal import Line

_RECORD = """
    DROP TABLE IF EXISTS chaos_move;
    CREATE TABLE chaos_move (
        job uuid, at timestamptz, old text, new text, attempt int, message text
    );
    CREATE OR REPLACE FUNCTION chaos_record() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_move VALUES (NEW.id, clock_timestamp(), OLD.state, NEW.state, NEW.attempt, NEW.message);
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER chaos_record AFTER UPDATE OF state, message ON jobs_job FOR EACH ROW
        WHEN (OLD.state <> NEW.state OR OLD.message <> NEW.message) EXECUTE FUNCTION chaos_record();
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A job's row. Times in seconds since 1970; ``due``: the time that its submitter named, 0 where none was."""

    id: str
    number: int
    state: str
    attempt: int
    failures: int
    deaths: int
    parent: str | None
    created: float
    finished: float | None
    due: float


@dataclass(frozen=True, slots=True)
class Move:
    """A committed change of a row's state from ``old`` to ``new``."""

    job: str
    at: float
    old: str
    new: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Death:
    """Process ``pid`` was killed at ``at`` by ``blow``: one of ``plan.Blow``, or of another play's."""

    pid: int
    at: float
    blow: str


@dataclass(frozen=True, slots=True)
class Outage:
    """Between ``start`` and ``end`` the processes ``pids`` stood still (none: the database was away)."""

    start: float
    end: float
    pids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Evidence:
    """``rung``: doorbells by job id; ``heard``: those that reached a worker; ``late``: conclusions that the fence
    refused."""

    plan: Plan
    rows: Sequence[Row]
    moves: Sequence[Move]
    lines: Sequence[Line]
    effects: frozenset[str]
    deaths: Sequence[Death] = ()
    freezes: Sequence[Outage] = ()
    outages: Sequence[Outage] = ()
    rung: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)
    late: int = 0


def record_moves() -> None:
    """Makes the database write down every move of a job, in the transaction that makes it."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD)


def collect(
    plan: Plan,
    *,
    journal_file: Path,
    worker_logs: Iterable[Path],
    deaths: Sequence[Death],
    freezes: Sequence[Outage],
    outages: Sequence[Outage],
) -> Evidence:
    """Reads everything there is to know about a run that is over."""
    said = "\n".join(log.read_text(errors="replace") for log in worker_logs)
    of_message = {
        message: job
        for job, message in db.fetch("SELECT DISTINCT job::text, message FROM chaos_move WHERE message <> ''")
    }
    heard = re.findall(r"Task harness\.\w+\[([-0-9a-f]+)\] received", said)
    return Evidence(
        plan=plan,
        rows=rows(),
        moves=moves(),
        lines=sorted(journal.read(journal_file), key=lambda line: line.at),
        effects=frozenset(file.name for file in journal.effects_of(journal_file).glob("*")),
        deaths=deaths,
        freezes=freezes,
        outages=outages,
        rung=Counter(of_message.values()),
        heard=Counter(of_message[message] for message in heard if message in of_message),
        late=said.count("came too late to conclude") + said.count("Lost the lease of attempt"),
    )


def rows() -> list[Row]:
    return [
        Row(
            id=str(job.id),
            number=job.arguments.get("number", -1),
            state=job.state,
            attempt=job.attempt,
            failures=job.failures,
            deaths=job.deaths,
            parent=str(job.parent_id) if job.parent_id else None,
            created=job.created_at.timestamp(),
            finished=job.finished_at.timestamp() if job.finished_at else None,
            due=job.arguments.get("due", 0.0),
        )
        for job in Job.objects.order_by("id")
    ]


def keep(table: str, file: Path) -> None:
    """Writes what a trigger wrote down to ``file`` as CSV, for whoever has to find out what happened."""
    with connection.cursor() as cursor, file.open("wb") as lines:
        with cursor.copy(f"COPY (SELECT * FROM {table} ORDER BY at) TO STDOUT (FORMAT csv, HEADER)") as copy:
            for data in copy:
                lines.write(data)


def moves() -> list[Move]:
    found = db.fetch("""
        SELECT job::text, extract(epoch FROM at)::float8, old, new, attempt
          FROM chaos_move WHERE old <> new ORDER BY at
    """)
    return [Move(*row) for row in found]
