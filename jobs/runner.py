"""What a worker does when a doorbell rings: claim, do, conclude."""

import logging
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, InterfaceError, connections
from django.utils.translation import gettext as _

from jobs import claims, db, lease, tally, worker
from jobs import task as tasks
from jobs.run import Run
from jobs.task import Cancelled, LeaseLost, Permanent, Transient, UnknownTask
from jobs.trace import job_code, trace_id

log = logging.getLogger(__name__)

#: Characters of a traceback that are kept.
DETAIL_LIMIT: Final = 8000

_SOFT_LIMIT: Final = {signal.SIGUSR1}


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keeps Celery's soft limit (a signal that raises wherever the code is) out of claiming and concluding."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SOFT_LIMIT)
    try:
        yield
    finally:
        signal.sigtimedwait(_SOFT_LIMIT, 0)  # one that came too late is no longer meant for anybody
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SOFT_LIMIT)


@contextmanager
def _limited() -> Iterator[None]:
    """Lets the soft limit through, for the body alone."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SOFT_LIMIT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _SOFT_LIMIT)


def answer(job_id: UUID, *, message: str) -> str:
    """Works on the job if it can be claimed. Returns the outcome in a word, for Flower; raises nothing of the job's."""
    with _undisturbed():
        return _answer(job_id, message)


def _answer(job_id: UUID, message: str) -> str:
    try:
        run = claims.claim(job_id, holder=worker.HOLDER, message=message)
    except (DatabaseError, InterfaceError) as error:
        log.warning("Could not claim %s, it will be rung again: %s", job_id, error)
        return "database away"
    if run is None:
        log.debug("Nothing to do for %s: taken, not due or over", job_id)
        return "nothing to do"
    tokens = trace_id.set(run.trace_id), job_code.set(run.code)
    started = time.monotonic()
    try:
        outcome = _work(run)
        tally.add(run.task, run.queue, outcome, time.monotonic() - started)
    finally:
        trace_id.reset(tokens[0])
        job_code.reset(tokens[1])
    return outcome


def _work(run: Run) -> str:
    token = tasks._current.set(run)  # noqa: SLF001 (the two halves of one mechanism)
    try:
        with lease.keeper().watching(run):
            return _settle(run)
    finally:
        tasks._current.reset(token)  # noqa: SLF001


def _settle(run: Run) -> str:  # noqa: C901, PLR0911 (one branch per way to end)
    """Runs the body and concludes by what it raised."""
    try:
        task = tasks.get(run.task)
        if run.cancel_requested:
            raise Cancelled  # noqa: TRY301
        with _limited():
            result = task.body(**task.known(run.arguments))
    except Cancelled:
        return _fenced_or(run, claims.conclude(run, "cancelled"), "cancelled")
    except LeaseLost:
        # By our own clock, because the database could not be asked; where nobody has taken it since, it need not lapse.
        if claims.give_back(run):
            log.warning("Could not renew the lease of attempt %d in time: gave the job back", run.attempt)
            return "retried"
        log.warning("Lost the lease of attempt %d: leaving it to whoever has it now", run.attempt)
        return "fenced"
    except Permanent as error:
        log.info("Failed for good: %s", error)
        concluded = claims.conclude(
            run, "failed", error=error, message=str(error), detail=_detail(error), counts_as_failure=True
        )
        return _fenced_or(run, concluded, "failed")
    except Transient as error:
        log.info("Failed, will be tried again: %s", error)
        return claims.conclude_failed_attempt(
            run, error, message=str(error), detail=_detail(error), retry_in=error.retry_in
        )
    except SoftTimeLimitExceeded as error:
        sentence = _("It took longer than allowed and was stopped.")
        return claims.conclude_failed_attempt(run, error, message=sentence, detail=_detail(error))
    except UnknownTask as error:
        log.error("This release does not know the task %s", error)  # noqa: TRY400 (no traceback to show)
        return _fenced_or(run, claims.give_back(run, wait=60), "unknown task")
    except Exception as error:
        if db.connection_was_lost(error):
            log.warning("The database went away: giving the job back: %s", error)
            _reset_connections()
            return _fenced_or(run, claims.give_back(run), "retried")
        log.exception("%s: unexpected error", run.task)
        _reset_connections()
        sentence = _("An unexpected error happened. The operators can see the cause.")
        outcome = claims.conclude_failed_attempt(run, error, message=sentence, detail=_detail(error))
        tally.add(run.task, run.queue, "bug")
        return outcome
    return _fenced_or(run, claims.conclude(run, "succeeded", result=result), "succeeded")


def _fenced_or(run: Run, concluded: bool, outcome: str) -> str:
    if concluded:
        return outcome
    log.warning("Attempt %d came too late to conclude: the lease was lost", run.attempt)
    return "fenced"


def _reset_connections() -> None:
    """A body that failed may have left its connection broken or inside a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def _detail(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))[-DETAIL_LIMIT:]
