"""The keeper of leases: one thread in each worker process that renews what the process works on and writes progress."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connection

from jobs import claims, tally
from jobs.run import BEAT, PROGRESS_EVERY, Run, clock

log = logging.getLogger(__name__)


class Keeper:
    """Renews every watched run each ``BEAT`` seconds, on a connection of its own.

    It sleeps on a timer, not until it is told: starting and ending a short job costs it nothing.
    """

    def __init__(self) -> None:
        self._runs: set[Run] = set()
        self._wake = threading.Event()
        threading.Thread(target=self._loop, name="lease-keeper", daemon=True).start()

    @contextmanager
    def watching(self, run: Run) -> Iterator[None]:
        self._runs.add(run)
        try:
            yield
        finally:
            self._runs.discard(run)

    def wake(self) -> None:
        """Write progress now instead of at the next beat."""
        self._wake.set()

    def _loop(self) -> None:
        # A signal sent to the process is taken by any thread that lets it through, and Celery's soft limit must not
        # come to the main thread by way of this one while that holds it off.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        beat_at = clock() + BEAT
        while True:
            self._wake.wait(max(0.0, beat_at - clock()))
            self._wake.clear()
            everyone = clock() >= beat_at
            try:
                self._beat(only_changed=not everyone)
            except (DatabaseError, InterfaceError) as error:
                log.warning("Could not renew leases: %s", error)
                connection.close()
                beat_at = clock() + PROGRESS_EVERY
            except Exception:
                # Whatever it is: without this thread every lease of the process would lapse.
                log.exception("The keeper of leases met an unexpected error and goes on")
                beat_at = clock() + PROGRESS_EVERY
            else:
                if everyone:
                    beat_at = clock() + BEAT

    def _beat(self, *, only_changed: bool) -> None:
        """One round: renews every lease, or only writes progress where it changed. Raises database errors."""
        for run in tuple(self._runs):
            if run.progress_changed or not only_changed:
                claims.beat(run)
        if not only_changed:
            tally.flush()
            if not self._runs:
                connection.close()


_keeper: Keeper | None = None
_pid = 0


def keeper() -> Keeper:
    """This process's keeper (a thread does not survive a fork)."""
    global _keeper, _pid
    if _keeper is None or _pid != os.getpid():
        _keeper, _pid = Keeper(), os.getpid()
    return _keeper
