"""The keeper of leases: one thread in each worker process that renews what the process works on and writes progress."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connection

from jobs import claims, tally
from jobs.run import BEAT, PROGRESS_EVERY, Run

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
        pause = BEAT
        while True:
            told = self._wake.wait(pause)
            self._wake.clear()
            pause = self._beat(only_changed=told)

    def _beat(self, *, only_changed: bool) -> float:
        """One round; returns the seconds until the next."""
        runs = [run for run in tuple(self._runs) if run.progress_changed or not only_changed]
        try:
            for run in runs:
                claims.beat(run)
            if not only_changed:
                tally.flush()
        except (DatabaseError, InterfaceError) as error:
            log.warning("Could not renew leases: %s", error)
            connection.close()
            return PROGRESS_EVERY
        if not self._runs:
            connection.close()
        return BEAT


_keeper: Keeper | None = None
_pid = 0


def keeper() -> Keeper:
    """This process's keeper (a thread does not survive a fork)."""
    global _keeper, _pid
    if _keeper is None or _pid != os.getpid():
        _keeper, _pid = Keeper(), os.getpid()
    return _keeper
