"""What is still to come, and the workers to whom it happens."""

import heapq
import itertools
import os
import signal
import time
from collections.abc import Callable

from tests.chaos.evidence import Death, Outage
from tests.harness.processes import Process, descendants


class Agenda:
    """Things to do at a time, in seconds after ``begin``. True while there are any."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._start = time.monotonic()

    def begin(self) -> None:
        self._start = time.monotonic()

    def __bool__(self) -> bool:
        return bool(self._due)

    @property
    def now(self) -> float:
        return time.monotonic() - self._start

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (seconds, next(self._number), act))

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now + seconds, act)

    def do_what_is_due(self) -> None:
        while self._due and self._due[0][0] <= self.now:
            heapq.heappop(self._due)[2]()


class Crew:
    """Workers that can be hit, and a record of what they suffered."""

    def __init__(self, agenda: Agenda) -> None:
        self.workers: list[Process] = []
        self.deaths: list[Death] = []
        self.freezes: list[Outage] = []
        self._agenda = agenda
        self._frozen: set[str] = set()

    def at_work(self) -> list[Process]:
        """Those that run, and are not frozen."""
        return [worker for worker in self.workers if worker.name not in self._frozen and worker.is_ready]

    def kill(self, worker: Process, blow: str) -> None:
        """SIGKILL to it and its children; another one takes its place."""
        pids = worker.kill()
        self.deaths += [Death(pid, time.time(), blow) for pid in pids]
        worker.start()

    def kill_child(self, worker: Process, blow: str, *, pick: int) -> None:
        """SIGKILL to one of its children, as the kernel does where memory is short."""
        children = descendants(worker.pid)
        if children:
            pid = children[pick % len(children)]
            os.kill(pid, signal.SIGKILL)
            self.deaths.append(Death(pid, time.time(), blow))

    def freeze(self, worker: Process, seconds: float) -> None:
        start, pids = time.time(), frozenset((worker.pid, *descendants(worker.pid)))
        worker.signal(signal.SIGSTOP)
        self._frozen.add(worker.name)

        def thaw() -> None:
            worker.signal(signal.SIGCONT)
            self._frozen.discard(worker.name)
            self.freezes.append(Outage(start, time.time(), pids))

        self._agenda.after(seconds, thaw)
