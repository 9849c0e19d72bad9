"""What really ran, when and where: files that the jobs' bodies write and that the kernel knows nothing of.

Two things are kept: a line for everything a body does, and an outside system that does each effect once per key, as a
bank or a mail provider does that is given an idempotency key.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jobs.task import current

#: Environment variable that names the file.
VARIABLE: Final = "TEST_JOURNAL"


@dataclass(frozen=True, slots=True)
class Line:
    """``event`` at ``at`` (seconds since 1970) in process ``pid`` that worked on ``attempt`` of ``job`` (its id)."""

    event: str
    job: str
    attempt: int
    pid: int
    at: float
    words: dict[str, Any]


def write(event: str, **words: Any) -> None:
    """One line, whole or not at all (O_APPEND, one write), even where the process is killed right after it."""
    run = current()
    line = {
        "event": event,
        "job": str(run.id),
        "attempt": run.attempt,
        "pid": os.getpid(),
        "at": time.time(),
        **words,
    }
    handle = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, (json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)


def effect() -> None:
    """Asks the outside system for this job's effect: done at the first call with its id, not at later ones."""
    folder = effects_of(Path(os.environ[VARIABLE]))
    folder.mkdir(exist_ok=True)
    try:
        handle = os.open(folder / str(current().id), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        write("effect", applied=False)
    else:
        os.close(handle)
        write("effect", applied=True)


def effects_of(journal: Path) -> Path:
    """The folder with one file for each effect that was done, named by the job's id."""
    return journal.with_name(f"{journal.name}.effects")


def read(journal: Path) -> Iterator[Line]:
    """Every line written so far."""
    if journal.exists():
        for text in journal.read_text().splitlines():
            words = json.loads(text)
            known = [words.pop(name) for name in ("event", "job", "attempt", "pid", "at")]
            yield Line(*known, words=words)
