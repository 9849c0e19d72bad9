"""What a Celery worker's parent process does for the jobs of its children: says that it lives, and gives leases back.

A child that dies cannot conclude, so its parent puts the job back at once; a worker that is shut down gives back what
its children hold. Both only save time: a lease that nobody renews lapses by itself.

The parent forks, and a forked child must not share its database connection. So one thread does the talking, and
closes its connection each time.
"""

import atexit
import logging
import os
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from celery import signals
from django.db import DatabaseError, InterfaceError, connection

from jobs import claims, processes

log = logging.getLogger(__name__)

#: Seconds between two signs of life.
SIGN_OF_LIFE: Final = 5.0

_holder = ""
_name = ""
_parent_pid = 0
_words: "queue.SimpleQueue[Callable[[], Any]]" = queue.SimpleQueue()


def holder() -> str:
    """The name under which this worker holds jobs: unique to this start of it, shared with its forked children."""
    global _holder  # noqa: PLW0603
    if not _holder:
        _holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    return _holder


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _on_ready(sender: Any, **_: Any) -> None:
    """Celery's signal: the worker consumes. (Celery's own events are not Django signals between our apps.)"""
    global _name, _parent_pid
    _name, _parent_pid = str(sender.hostname), os.getpid()
    names = sorted(sender.app.amqp.queues.consume_from)
    concurrency = getattr(sender.controller, "concurrency", 1) or 1
    threading.Thread(target=_talk, args=(_name, names, int(concurrency)), name="worker-voice", daemon=True).start()
    atexit.register(_on_exit)


@signals.worker_init.connect  # type: ignore[untyped-decorator]
def _on_init(**_: Any) -> None:
    holder()  # chosen before the pool forks


@signals.task_failure.connect  # type: ignore[untyped-decorator]
def _on_failure(task_id: str, exception: BaseException, kwargs: dict[str, Any] | None = None, **_: Any) -> None:
    """In the parent, for a child that is dead (``WorkerLostError``) or being killed for its hard limit
    (``TimeLimitExceeded``, said before it is dead, and said twice)."""
    if os.getpid() != _parent_pid or not kwargs or "job_id" not in kwargs:
        return
    job_id, name = UUID(kwargs["job_id"]), type(exception).__name__
    if name == "TimeLimitExceeded":
        _words.put(lambda: claims.let_lapse(job_id, holder=holder(), message=task_id))
    elif name in {"WorkerLostError", "Terminated"}:
        _words.put(lambda: claims.redo_after_death(job_id, holder=holder(), message=task_id))


def _talk(name: str, queues: list[str], concurrency: int) -> None:
    next_sign = 0.0
    while True:
        if time.monotonic() >= next_sign:
            _say(lambda: processes.alive(name, kind="worker", queues=queues, concurrency=concurrency))
            next_sign = time.monotonic() + SIGN_OF_LIFE
        try:
            _say(_words.get(timeout=SIGN_OF_LIFE))
        except queue.Empty:
            continue


def _say(word: Callable[[], Any]) -> None:
    try:
        word()
    except (DatabaseError, InterfaceError) as error:
        log.warning("Could not tell the database: %s", error)  # the lease lapses by itself
    finally:
        connection.close()


def _on_exit() -> None:
    """Also runs after a cold shutdown, which tells nobody (Celery's worker_shutdown signal is for warm ones)."""
    if os.getpid() == _parent_pid:
        _say(lambda: claims.let_all_lapse(holder=holder()))
        _say(lambda: processes.gone(_name))
