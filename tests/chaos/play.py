"""Plays a plan: submits its jobs, hits its processes, and waits until every row is over."""

import itertools
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
from tests.chaos.crew import Agenda, Crew
from tests.chaos.evidence import Evidence, Outage
from tests.chaos.plan import Blow, Hit, Order, Plan
from tests.chaos.servers import wait_until_ready
from tests.chaos.stage import Stage, wait_until_at_work
from tests.harness.processes import Process
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
        self._agenda = Agenda()
        self._crew = Crew(self._agenda)
        self._outages: list[Outage] = []
        self._dispatchers: list[Process] = []

    def run(self) -> Evidence:
        """Plays it to its end. Raises Trouble where something other than the kernel is in the way."""
        self._dispatchers = [self.stage.dispatcher(f"dispatcher{n}") for n in range(DISPATCHERS)]
        workers = self._crew.workers = [self.stage.worker(f"worker{n}") for n in range(WORKERS)]
        wait_until_at_work(*self._dispatchers, *workers)
        self._agenda.begin()
        for hit in self.plan.hits:
            self._agenda.at(hit.at, lambda hit=hit: self._hit(hit))  # type: ignore[misc]
        customers = Customers(self.plan)
        customers.start()
        deadline = self.plan.ends + PATIENCE
        while self._agenda.now < deadline and (self._agenda or customers.is_alive() or _are_any_active()):
            self._agenda.do_what_is_due()
            time.sleep(0.05 if self._agenda else 0.3)
        if customers.failed is not None:
            raise customers.failed
        # What a frozen worker still does when it wakes is part of the evidence.
        for worker in workers:
            worker.stop(GRACE)
        evidence.keep("chaos_move", self.stage.folder / "moves.csv")
        return evidence.collect(
            self.plan,
            journal_file=self.stage.journal,
            worker_logs=[worker.log for worker in workers],
            deaths=self._crew.deaths,
            freezes=self._crew.freezes,
            outages=self._outages,
        )

    # --- the blows ---------------------------------------------------------------------------------------------------

    def _hit(self, hit: Hit) -> None:
        match hit.blow:
            case Blow.KILL_WORKER | Blow.KILL_CHILD | Blow.FREEZE_WORKER:
                at_work = self._crew.at_work()
                if not at_work:
                    if hit.blow is Blow.FREEZE_WORKER:
                        self._agenda.after(0.2, lambda: self._hit(hit))
                    return
                worker = at_work[hit.pick % len(at_work)]
                if hit.blow is Blow.KILL_WORKER:
                    self._crew.kill(worker, hit.blow)
                elif hit.blow is Blow.KILL_CHILD:
                    self._crew.kill_child(worker, hit.blow, pick=hit.pick)
                else:
                    self._crew.freeze(worker, hit.lasts)
            case Blow.KILL_BROKER:
                self.stage.servers.broker.kill()
                self._agenda.after(hit.lasts, self.stage.servers.broker.start)
            case Blow.STOP_DATABASE:
                start = time.time()
                self.stage.servers.database.kill()
                self._agenda.after(hit.lasts, lambda: self._restore_database(start))
            case Blow.KILL_DISPATCHER:
                dispatcher = self._dispatchers[hit.pick % len(self._dispatchers)]
                dispatcher.kill()
                self._agenda.after(hit.lasts, dispatcher.start)
        self.hits.append(hit)

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
