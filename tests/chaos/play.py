"""Plays a plan: submits its jobs, hits its processes, and waits until every row is over."""

import heapq
import itertools
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from jobs import db, services
from jobs.models import ACTIVE, Job
from tests.chaos import evidence
from tests.chaos.evidence import Death, Evidence, Outage
from tests.chaos.plan import Blow, Hit, Order, Plan
from tests.chaos.servers import wait_until_ready
from tests.chaos.stage import Stage, wait_until_at_work
from tests.harness.processes import Process, descendants
from tests.harness.tasks import CHORES

WORKERS: Final = 3
DISPATCHERS: Final = 2
#: Seconds after the last hit in which everything must be over. Until then three workers have had little time to work.
PATIENCE: Final = 150.0
#: Seconds that a worker has to finish what it does when all is over.
GRACE: Final = 15.0


class Customers(threading.Thread):
    """Submits and cancels at the planned times, as the web side would: where the database is away, it tries again."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(name="customers", daemon=True)
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        number = itertools.count()
        for order in plan.orders:
            self._acts.append((order.at, next(number), lambda order=order: self._submit(order)))  # type: ignore[misc]
        for order in plan.every_order():
            if order.cancel_after is not None:
                at = order.at + order.cancel_after
                self._acts.append((at, next(number), lambda order=order: self._cancel(order)))  # type: ignore[misc]
        self._acts.sort()
        self.failed: BaseException | None = None

    def run(self) -> None:
        start = time.monotonic()
        try:
            for at, _, act in self._acts:
                time.sleep(max(0.0, start + at - time.monotonic()))
                self._until_done(act)
        except BaseException as error:  # noqa: BLE001 (told by whoever waits for this thread)
            self.failed = error
        finally:
            connection.close()

    def _until_done(self, act: Callable[[], None]) -> None:
        while True:
            try:
                return act()
            except (OperationalError, InterfaceError) as error:
                if not db.connection_was_lost(error):
                    raise
                connection.close()
                time.sleep(0.3)

    def _submit(self, order: Order) -> None:
        # The last try may have been committed although its answer was lost.
        if Job.objects.filter(arguments__number=order.number).exists():
            return
        arguments = _arguments(order)
        task = CHORES[order.queue]
        if order.parts:
            parts = [(CHORES[part.queue], _arguments(part)) for part in order.parts]
            services.submit_group(parts, then=task, **arguments)
            return
        run_at = timezone.now() + timedelta(seconds=order.ahead) if order.ahead else None
        if run_at is not None:
            arguments["due"] = run_at.timestamp()
        key = f"order {order.number}" if order.twice else None
        for _ in range(1 + order.twice):
            services.submit(task, run_at=run_at, dedupe_key=key, **arguments)

    def _cancel(self, order: Order) -> None:
        job = Job.objects.get(arguments__number=order.number)
        try:
            services.cancel(job)
        except services.NotAllowed:
            return  # it was quicker


def _arguments(order: Order) -> dict[str, float]:
    return {"number": order.number, "seconds": order.seconds, "fails": order.fails}


class Play:
    """One run of ``plan`` on ``stage``, which is open. ``hits``: those that found somebody to hit."""

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self.plan, self.stage = plan, stage
        self.hits: list[Hit] = []
        self._deaths: list[Death] = []
        self._freezes: list[Outage] = []
        self._outages: list[Outage] = []
        self._workers: list[Process] = []
        self._dispatchers: list[Process] = []
        self._frozen: set[str] = set()
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._start = 0.0

    def run(self) -> Evidence:
        """Plays it to its end. Raises Trouble where something other than the kernel is in the way."""
        self._dispatchers = [self.stage.dispatcher(f"dispatcher{n}") for n in range(DISPATCHERS)]
        self._workers = [self.stage.worker(f"worker{n}") for n in range(WORKERS)]
        wait_until_at_work(*self._dispatchers, *self._workers)
        self._start = time.monotonic()
        for hit in self.plan.hits:
            self._at(hit.at, lambda hit=hit: self._hit(hit))  # type: ignore[misc]
        customers = Customers(self.plan)
        customers.start()
        deadline = self._start + self.plan.ends + PATIENCE
        while time.monotonic() < deadline and (self._due or customers.is_alive() or _are_any_active()):
            self._do_what_is_due()
            time.sleep(0.05 if self._due else 0.3)
        if customers.failed is not None:
            raise customers.failed
        # What a frozen worker still does when it wakes is part of the evidence.
        for worker in self._workers:
            worker.stop(GRACE)
        evidence.keep_moves(self.stage.folder / "moves.csv")
        return evidence.collect(
            self.plan,
            journal_file=self.stage.journal,
            worker_logs=[worker.log for worker in self._workers],
            deaths=self._deaths,
            freezes=self._freezes,
            outages=self._outages,
        )

    def _at(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self._start + seconds, next(self._number), act))

    def _in(self, seconds: float, act: Callable[[], None]) -> None:
        self._at(time.monotonic() - self._start + seconds, act)

    def _do_what_is_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()

    # --- the blows ---------------------------------------------------------------------------------------------------

    def _hit(self, hit: Hit) -> None:
        match hit.blow:
            case Blow.KILL_WORKER | Blow.KILL_CHILD | Blow.FREEZE_WORKER:
                at_work = [worker for worker in self._workers if worker.name not in self._frozen and worker.is_ready]
                if not at_work:
                    if hit.blow is Blow.FREEZE_WORKER:
                        self._in(0.2, lambda: self._hit(hit))
                    return
                worker = at_work[hit.pick % len(at_work)]
                if hit.blow is Blow.KILL_WORKER:
                    self._kill_worker(worker)
                elif hit.blow is Blow.KILL_CHILD:
                    self._kill_child(worker, hit.pick)
                else:
                    self._freeze(worker, hit.lasts)
            case Blow.KILL_BROKER:
                self.stage.servers.broker.kill()
                self._in(hit.lasts, self.stage.servers.broker.start)
            case Blow.STOP_DATABASE:
                start = time.time()
                self.stage.servers.database.kill()
                self._in(hit.lasts, lambda: self._restore_database(start))
            case Blow.KILL_DISPATCHER:
                dispatcher = self._dispatchers[hit.pick % len(self._dispatchers)]
                dispatcher.kill()
                self._in(hit.lasts, dispatcher.start)
        self.hits.append(hit)

    def _kill_worker(self, worker: Process) -> None:
        pids = worker.kill()
        self._deaths += [Death(pid, time.time(), Blow.KILL_WORKER) for pid in pids]
        worker.start()

    def _kill_child(self, worker: Process, pick: int) -> None:
        children = descendants(worker.pid)
        if children:
            pid = children[pick % len(children)]
            os.kill(pid, signal.SIGKILL)
            self._deaths.append(Death(pid, time.time(), Blow.KILL_CHILD))

    def _freeze(self, worker: Process, seconds: float) -> None:
        start, pids = time.time(), frozenset((worker.pid, *descendants(worker.pid)))
        worker.signal(signal.SIGSTOP)
        self._frozen.add(worker.name)

        def thaw() -> None:
            worker.signal(signal.SIGCONT)
            self._frozen.discard(worker.name)
            self._freezes.append(Outage(start, time.time(), pids))

        self._in(seconds, thaw)

    def _restore_database(self, start: float) -> None:
        self.stage.servers.database.start()
        wait_until_ready(self.stage.servers.database)
        self._outages.append(Outage(start, time.time()))


def _are_any_active() -> bool:
    try:
        return Job.objects.filter(state__in=sorted(ACTIVE)).exists()
    except (OperationalError, InterfaceError):
        connection.close()
        return True
