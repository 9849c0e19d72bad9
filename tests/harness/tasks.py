"""Jobs for the kernel's own tests. Each writes to a journal outside the database: what really ran, when and where."""

import os
import time
from typing import Any

from jobs.task import LeaseLost, Permanent, Transient, current, job
from tests.harness.journal import effect, write


@job(queue="sync", name="harness.nothing", deaths=1000)
def nothing() -> None:
    return None


@job(queue="sync", name="harness.note", deaths=1000)
def note(*, word: str = "") -> dict[str, Any]:
    write("ran", word=word)
    return {"word": word}


@job(queue="sync", name="harness.work", deaths=1000, attempts=1000, backoff=0.1)
def work(*, seconds: float, word: str = "") -> dict[str, Any]:
    """Works for ``seconds`` in small steps, then does its effect if it still may."""
    run = current()
    write("began", word=word)
    steps = max(1, round(seconds / 0.05))
    for step in range(steps):
        run.progress(step, steps, "steps")
        time.sleep(seconds / steps)
    if run.lease_ok():
        write("effect", key=str(run.id))
    run.checkpoint()
    run.progress(steps, steps)
    write("ended")
    return {"steps": steps}


@job(queue="reminders", name="harness.remind", deaths=1000)
def remind(*, due: float) -> None:
    """``due``: the wall clock's seconds before which it must not run."""
    write("reminded", late=time.time() - due)


@job(queue="sync", name="harness.transient", attempts=3, backoff=0.1)
def transient(*, until: int) -> dict[str, Any]:
    write("tried")
    if current().attempt < until:
        raise Transient("The other side is busy.")
    return {"attempt": current().attempt}


@job(queue="sync", name="harness.patient", attempts=2, patience=4, backoff=0.1)
def patient(*, bug_after: int) -> None:
    """Fails for a reason that passes, and after ``bug_after`` times for another."""
    write("tried")
    if current().failures >= bug_after:
        raise ZeroDivisionError("a bug")
    raise Transient("The other side is away.")


@job(queue="sync", name="harness.permanent")
def permanent() -> None:
    write("tried")
    raise Permanent("This file is not a picture.")


@job(queue="sync", name="harness.bug", attempts=2, backoff=0.1)
def bug() -> None:
    write("tried")
    raise ZeroDivisionError("a bug")


@job(queue="sync", name="harness.poison", deaths=3)
def poison() -> None:
    write("began")
    os.kill(os.getpid(), 9)


@job(queue="sync", name="harness.join", deaths=1000)
def join() -> dict[str, Any]:
    write("joined", failed=current().children_failed)
    return {"failed": current().children_failed}


@job(queue="sync", name="harness.stubborn", deaths=3)
def stubborn(*, seconds: float) -> None:
    """At its first attempt it holds its process for ``seconds`` and hears nothing; at the next it is done at once."""
    write("began")
    deadline = time.monotonic() + seconds if current().attempt == 1 else 0.0
    while time.monotonic() < deadline:
        try:
            time.sleep(0.1)
        except Exception:  # noqa: BLE001 (deaf on purpose)
            continue
    effect()
    write("left", outcome="done")


def _chore(*, number: int, seconds: float, fails: int = 0, due: float = 0.0) -> dict[str, Any]:
    """Works for ``seconds``, then does its effect if it still may. Its first ``fails`` attempts that come to an end
    fail. ``number`` and ``due`` (seconds since 1970) are for whoever checks."""
    run = current()
    outcome = "done"
    write("began")
    try:
        if run.failures < fails:
            raise Transient("The other side is busy.", retry_in=0.2)
        steps = max(1, round(seconds / 0.05))
        for step in range(steps):
            run.progress(step, steps, "steps")
            time.sleep(seconds / steps)
        if not run.lease_ok():
            raise LeaseLost
        effect()
    except BaseException as reason:
        outcome = type(reason).__name__
        raise
    finally:
        write("left", outcome=outcome)
    return {"number": number}


#: The same work on a queue that people wait for, on one of bulk work and on the one whose doorbells go out ahead.
CHORES = {
    queue: job(queue=queue, name=f"harness.chore_{queue}", attempts=1000, deaths=1000, backoff=0.1)(_chore)
    for queue in ("sync", "crawl", "reminders")
}
