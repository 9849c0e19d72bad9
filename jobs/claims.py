"""The worker's side of a job's life: claim it, keep it, conclude it. Every move is a conditional UPDATE.

The attempt number is the fence: a conclusion is written only while the row is still running *that* attempt.
"""

import json
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from jobs import backoff, db
from jobs import task as tasks
from jobs.models import JobEvent, State
from jobs.run import LEASE, Run, clock

log = logging.getLogger(__name__)

#: A doorbell with an ETA is timed by the broker's clock; by ours it may come this much early (seconds).
CLOCK_SKEW: Final = 0.05
#: Seconds to keep trying to conclude while the database is away. The child waits; the job is done, only not yet told.
CONCLUDE_PATIENCE: Final = 900.0
#: Seconds to keep trying to claim. After that the doorbell is dropped: its row will be rung again.
CLAIM_PATIENCE: Final = 30.0
#: Seconds until a job whose process is being killed may start again: it must be dead by then.
KILL_GRACE: Final = 2.0
#: Seconds until a job that lost its database may start again.
OUTAGE_PAUSE: Final = 1.0

_DIED_MESSAGE: Final = gettext_noop("The process working on it stopped unexpectedly. It starts again by itself.")
_TIMED_OUT_MESSAGE: Final = gettext_noop("It took longer than allowed and was stopped. It starts again by itself.")
_GIVEN_BACK_MESSAGE: Final = gettext_noop("The process working on it was shut down. It starts again by itself.")
_POISON_MESSAGE: Final = gettext_noop(
    "It stopped the process working on it several times, so it was not tried again. The operators have been told."
)

_COLUMNS: Final = (
    "id, code, task, queue, attempt, holder, message, owner_id, parent_id, trace_id, arguments, failures,"
    " children_failed, cancel_requested_at IS NOT NULL, done, total, unit"
)

_CLAIM: Final = f"""
    UPDATE jobs_job
       SET state = 'running', attempt = attempt + 1, holder = %s, message = %s, started_at = now(),
           lease_until = now() + make_interval(secs => {LEASE}), turn = NULL, rings = 0
     WHERE id = %s AND state = 'waiting' AND children_left = 0
       AND run_at <= now() + make_interval(secs => {CLOCK_SKEW})
    RETURNING {_COLUMNS}
"""

# The claim may have been carried out although its answer was lost with the connection.
_ADOPT: Final = f"""
    UPDATE jobs_job SET lease_until = now() + make_interval(secs => {LEASE})
     WHERE id = %s AND state = 'running' AND holder = %s AND message = %s
    RETURNING {_COLUMNS}
"""


def claim(job_id: UUID, *, holder: str, message: str) -> Run | None:
    """Takes the job for ``holder`` (unique to this worker start). None: somebody else has it, or it is not due, or it
    is over; a doorbell may ring twice, so that is nothing to report."""

    def attempt(again: bool) -> tuple[float, list[tuple[Any, ...]]]:
        asked = clock()
        rows = db.fetch(_CLAIM, (holder, message, job_id))
        if not rows and again:
            rows = db.fetch(_ADOPT, (job_id, holder, message))
        return asked, rows

    asked, rows = db.outlasting_outages(attempt, patience=CLAIM_PATIENCE)
    if not rows:
        return None
    row = rows[0]
    return Run(
        id=row[0],
        code=row[1],
        task=row[2],
        queue=row[3],
        attempt=row[4],
        holder=row[5],
        message=row[6],
        owner_id=row[7],
        parent_id=row[8],
        trace_id=row[9],
        arguments=json.loads(row[10]),
        failures=row[11],
        children_failed=row[12],
        cancel_requested=row[13],
        done=row[14],
        total=row[15],
        unit=row[16],
        confirmed=asked,
    )


PARENT_HEARS: Final = """
    UPDATE jobs_job p
       SET children_left = p.children_left - c.concluded,
           children_failed = p.children_failed + c.failed,
           ring_at = CASE WHEN p.children_left <= c.concluded THEN now() ELSE p.ring_at END
      FROM (SELECT parent_id, count(*) AS concluded, count(*) FILTER (WHERE state <> 'succeeded') AS failed
              FROM done WHERE parent_id IS NOT NULL AND state <> 'waiting' GROUP BY parent_id) c
     WHERE p.id = c.parent_id AND p.state = 'waiting' AND p.children_left > 0
"""

_CONCLUDE: Final = """
    UPDATE jobs_job
       SET state = %s, finished_at = now(), lease_until = NULL, result = %s, error_class = %s, error_message = %s,
           error_detail = %s, failures = %s, done = %s, total = %s, unit = %s
     WHERE id = %s AND attempt = %s AND state = 'running'
    RETURNING id, parent_id, state
"""
_CONCLUDE_CHILD: Final = f"WITH done AS ({_CONCLUDE}), heard AS ({PARENT_HEARS}) SELECT id FROM done"

Conclusion = Literal["succeeded", "failed", "cancelled"]


def conclude(
    run: Run,
    state: Conclusion,
    *,
    result: Mapping[str, Any] | None = None,
    error: BaseException | None = None,
    message: str = "",
    detail: str = "",
    counts_as_failure: bool = False,
) -> bool:
    """Ends the job. False: the lease was lost and somebody else works on it, or it has ended; nothing was written."""
    parameters = (
        state,
        None if result is None else json.dumps(result, ensure_ascii=False),
        _class_of(error),
        message,
        detail,
        run.failures + counts_as_failure,
        run.done,
        run.total,
        run.unit,
        run.id,
        run.attempt,
    )

    def write(again: bool) -> bool:
        if db.fetch(_CONCLUDE_CHILD if run.parent_id else _CONCLUDE, parameters):
            return True
        # Our own earlier try may have been carried out although its answer was lost.
        return again and bool(
            db.fetch(
                "SELECT 1 FROM jobs_job WHERE id = %s AND attempt = %s AND state = %s", (run.id, run.attempt, state)
            )
        )

    return db.outlasting_outages(write, patience=CONCLUDE_PATIENCE)


def conclude_failed_attempt(
    run: Run, error: BaseException, *, message: str, detail: str, retry_in: float | None = None
) -> Literal["retried", "failed", "fenced"]:
    """Puts the job back for another try (after ``retry_in`` seconds or its backoff), or fails it where its attempts are
    used up. Says which; "fenced": the lease was lost and nothing was written."""
    task = tasks.get(run.task)
    failures = run.failures + 1
    if failures >= (task.patience if isinstance(error, tasks.Transient) else task.attempts):
        failed = conclude(run, "failed", error=error, message=message, detail=detail, counts_as_failure=True)
        return "failed" if failed else "fenced"
    wait = retry_in if retry_in is not None else backoff.delay(failures, base=task.backoff, chance=random.random())  # noqa: S311

    def write(again: bool) -> bool:
        with transaction.atomic():
            if _put_back(run, wait=wait, failures=failures):
                JobEvent.objects.create(
                    job_id=run.id,
                    kind=JobEvent.Kind.ATTEMPT_FAILED,
                    attempt=run.attempt,
                    message=message,
                    detail=f"{_class_of(error)}\n{detail}".strip(),
                )
                return True
        return again and _was_put_back(run)

    return "retried" if db.outlasting_outages(write, patience=CONCLUDE_PATIENCE) else "fenced"


def give_back(run: Run, *, wait: float = OUTAGE_PAUSE) -> bool:
    """Puts the job back without counting a failure: the worker, not the job, was hindered (its database went away)."""

    def write(again: bool) -> bool:
        return _put_back(run, wait=wait, failures=run.failures) or (again and _was_put_back(run))

    return db.outlasting_outages(write, patience=CONCLUDE_PATIENCE)


_PUT_BACK: Final = f"""
    WITH done AS (
        UPDATE jobs_job
           SET state = CASE WHEN cancel_requested_at IS NULL THEN 'waiting' ELSE 'cancelled' END,
               finished_at = CASE WHEN cancel_requested_at IS NULL THEN NULL ELSE now() END,
               lease_until = NULL, rings = 0, failures = %s,
               run_at = now() + make_interval(secs => %s), ring_at = now() + make_interval(secs => %s)
         WHERE id = %s AND attempt = %s AND state = 'running'
        RETURNING id, parent_id, state
    ), heard AS ({PARENT_HEARS})
    SELECT id FROM done
"""


def _put_back(run: Run, *, wait: float, failures: int) -> bool:
    return bool(db.fetch(_PUT_BACK, (failures, wait, wait, run.id, run.attempt)))


def _was_put_back(run: Run) -> bool:
    rows = db.fetch(
        "SELECT 1 FROM jobs_job WHERE id = %s AND attempt = %s AND state IN ('waiting', 'cancelled')",
        (run.id, run.attempt),
    )
    return bool(rows)


def _class_of(error: BaseException | None) -> str:
    return "" if error is None else f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


_BEAT: Final = f"""
    UPDATE jobs_job
       SET lease_until = now() + make_interval(secs => {LEASE}), done = %s, total = %s, unit = %s
     WHERE id = %s AND attempt = %s AND holder = %s AND state = 'running'
    RETURNING cancel_requested_at IS NOT NULL
"""


def beat(run: Run) -> None:
    """Renews the lease and writes progress. Marks the run as lost where the row says so. Raises database errors."""
    asked = clock()
    run.progress_changed, run.progress_written = False, asked
    rows = db.fetch(_BEAT, (run.done, run.total, run.unit, run.id, run.attempt, run.holder))
    if rows:
        run.confirmed = asked
        run.cancel_requested = rows[0][0]
    else:
        run.lost = True


# --- when a worker can no longer speak for itself ---------------------------------------------------------------------
# A job has a lease exactly while it runs; these look for many such rows, so they go by the index of leases.


@dataclass(frozen=True, slots=True)
class Redone:
    """What became of a job whose worker is gone."""

    id: UUID
    task: str
    queue: str
    state: str
    kind: str


#: ``holder`` of a row whose process is being killed for its hard limit, and of one given back by a worker that stops.
TIMED_OUT: Final = "(timed out)"
GIVEN_BACK: Final = ""

_LAPSED: Final = f"""
    SELECT id, task, queue, attempt, deaths, holder, cancel_requested_at IS NOT NULL
      FROM jobs_job
     WHERE lease_until < now()
       -- While the server was down nobody could renew: give everyone one lease's time first.
       AND pg_postmaster_start_time() < now() - make_interval(secs => {LEASE})
     ORDER BY lease_until LIMIT 200 FOR UPDATE SKIP LOCKED
"""
_HELD: Final = """
    SELECT id, task, queue, attempt, deaths, holder, cancel_requested_at IS NOT NULL
      FROM jobs_job WHERE lease_until IS NOT NULL AND holder = %s AND message = %s FOR UPDATE SKIP LOCKED
"""


def redo_lapsed() -> list[Redone]:
    """Puts jobs whose lease has lapsed back to waiting, in front of the queue. The dispatcher's business."""
    with transaction.atomic():
        return _redo(db.fetch(_LAPSED))


def redo_after_death(*, holder: str, message: str) -> list[Redone]:
    """Puts the job back that a child of ``holder`` had claimed with ``message``: its parent saw it die. Doing it again
    does nothing."""
    with transaction.atomic():
        return _redo(db.fetch(_HELD, (holder, message)))


def let_lapse(*, holder: str, message: str) -> None:
    """The job ran past its hard limit and its process is being killed. Nobody may claim it before that has happened, so
    its lease is shortened rather than ended. Calling it again does nothing."""
    db.fetch(
        "UPDATE jobs_job SET holder = %s, lease_until = now() + make_interval(secs => %s)"
        " WHERE lease_until IS NOT NULL AND holder = %s AND message = %s",
        (TIMED_OUT, KILL_GRACE, holder, message),
    )


def let_all_lapse(*, holder: str) -> None:
    """A worker that stops gives back what its children still hold; they are about to be killed."""
    db.fetch(
        "UPDATE jobs_job SET holder = %s, lease_until = now() + interval '1 second'"
        " WHERE lease_until IS NOT NULL AND holder = %s",
        (GIVEN_BACK, holder),
    )


def _redo(rows: Sequence[tuple[Any, ...]]) -> list[Redone]:
    outcomes = []
    for job_id, task_name, queue, attempt, past_deaths, holder, cancel_requested in rows:
        kind, message = {
            GIVEN_BACK: (JobEvent.Kind.GIVEN_BACK, _GIVEN_BACK_MESSAGE),
            TIMED_OUT: (JobEvent.Kind.TIMED_OUT, _TIMED_OUT_MESSAGE),
        }.get(holder, (JobEvent.Kind.WORKER_DIED, _DIED_MESSAGE))
        deaths = past_deaths + (holder != GIVEN_BACK)
        state = State.WAITING
        if cancel_requested:
            state = State.CANCELLED
        elif deaths >= _deaths_allowed(task_name) and holder != GIVEN_BACK:
            state = State.FAILED
        JobEvent.objects.create(job_id=job_id, kind=kind, attempt=attempt, message=message, detail=holder)
        if state == State.WAITING:
            db.fetch(
                "UPDATE jobs_job SET state = 'waiting', turn = 0, rings = 0, ring_at = now(), lease_until = NULL,"
                " deaths = %s WHERE id = %s",
                (deaths, job_id),
            )
        else:
            poison = state == State.FAILED
            sql = """
                UPDATE jobs_job SET state = %s, finished_at = now(), lease_until = NULL, deaths = %s,
                       error_class = %s, error_message = %s WHERE id = %s RETURNING id, parent_id, state
            """
            db.fetch(
                f"WITH done AS ({sql}), heard AS ({PARENT_HEARS}) SELECT id FROM done",
                (state, deaths, "poison" if poison else "", _POISON_MESSAGE if poison else "", job_id),
            )
            if poison:
                log.error("%s %s killed its worker %d times: failed as poison", task_name, job_id, deaths)
        outcomes.append(Redone(id=job_id, task=task_name, queue=queue, state=state, kind=kind))
    return outcomes


def _deaths_allowed(task_name: str) -> int:
    try:
        return tasks.get(task_name).deaths
    except tasks.UnknownTask:
        return 3
