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

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals
from celery.worker import consumer
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from jobs import claims, processes, tally

log = logging.getLogger(__name__)

#: Seconds between two signs of life.
SIGN_OF_LIFE: Final = 5.0

#: Seconds for which events for Flower are collected. Celery's own consumer publishes nearly each by itself, which costs
#: a short job a third of what its worker's parent does.
EVENTS_EVERY: Final = 0.2

#: The name under which this worker holds jobs: unique to this start of it, and shared with the children it forks.
HOLDER: Final = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

_name = ""
_parent_pid = 0
_words: "queue.SimpleQueue[Callable[[], Any]]" = queue.SimpleQueue()


class Consumer(consumer.Consumer):
    """Celery's consumer, but it sends Flower's events together, a few times a second."""

    # The stubs do not know these of Celery's.
    hub: Any
    _flush_events: Callable[[], None]

    _flush_planned_at = 0.0

    def on_send_event_buffered(self) -> None:  # type: ignore[override]
        """Celery asks for the events collected so far to be sent soon."""
        now = time.monotonic()
        if self.hub and now - self._flush_planned_at >= EVENTS_EVERY:
            self._flush_planned_at = now
            self.hub.call_later(EVENTS_EVERY, self._flush_events)

    def stop(self) -> None:
        self._flush_events()
        super().stop()


@signals.worker_ready.connect
def _on_ready(sender: Any, **_: Any) -> None:
    """Celery's signal: the worker consumes. (Celery's own events are not Django signals between our apps.)"""
    global _name, _parent_pid
    _name, _parent_pid = str(sender.hostname), os.getpid()
    names = sorted(sender.app.amqp.queues.consume_from)
    concurrency = getattr(sender.controller, "concurrency", 1) or 1
    threading.Thread(target=_talk, args=(_name, names, int(concurrency)), name="worker-voice", daemon=True).start()
    atexit.register(_on_exit)


@signals.task_prerun.connect
def _between_tasks(**_: Any) -> None:
    """As Django does between two requests. Celery itself would close every connection before and after each task
    (``CELERY_DB_REUSE_MAX`` keeps it from that)."""
    close_old_connections()


@signals.worker_process_shutdown.connect
def _on_child_exit(**_: Any) -> None:
    _say(tally.flush)


@signals.task_failure.connect
def _on_failure(task_id: str, exception: BaseException, **_: Any) -> None:
    """In the parent, for a child that is dead (``WorkerLostError``) or being killed for its hard limit
    (``TimeLimitExceeded``, said before it is dead, and said twice)."""
    if os.getpid() != _parent_pid:
        return
    if isinstance(exception, TimeLimitExceeded):
        _words.put(lambda: claims.let_lapse(holder=HOLDER, message=task_id))
    elif isinstance(exception, WorkerLostError):
        _words.put(lambda: claims.redo_after_death(holder=HOLDER, message=task_id))


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
        _say(lambda: claims.let_all_lapse(holder=HOLDER))
        _say(lambda: processes.gone(_name))
