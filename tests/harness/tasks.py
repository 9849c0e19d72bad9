"""Jobs for the kernel's own tests. Each writes to a journal outside the database: what really ran, when and where."""

import json
import os
import time
from pathlib import Path
from typing import Any

from jobs.run import clock
from jobs.task import Permanent, Transient, current, job


def journal_to(path: Path) -> None:
    os.environ["TEST_JOURNAL"] = str(path)


def write(event: str, **words: Any) -> None:
    """One line in the journal, whole or not at all (O_APPEND, one write), even when the process is killed after it."""
    run = current()
    line = {"event": event, "job": str(run.id), "attempt": run.attempt, "pid": os.getpid(), "at": clock(), **words}
    handle = os.open(os.environ["TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, (json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)


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
    """Holds its process for ``seconds`` and hears nothing."""
    write("began")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            time.sleep(0.1)
        except Exception:  # noqa: BLE001 (deaf on purpose)
            continue
    write("ended")
