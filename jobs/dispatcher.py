"""The dispatcher: the only thing that publishes. It finds jobs that are due and rings for them.

Run one or more (``manage.py dispatch``). It wakes when an interactive job is submitted (NOTIFY), when the next sleeping
job is due, and every half second. A dead dispatcher, a dead broker or a lost message cost time, never a job: whatever
nobody claimed is rung again.
"""

import logging
import os
import random
import select
import signal
import socket
import threading
import time
from types import FrameType
from typing import Any, Final, cast

import psycopg
from celery import Celery
from django.db import DatabaseError, InterfaceError, connection
from kombu import Producer
from kombu.exceptions import BatchPublishError  # type: ignore[attr-defined]
from kombu.exceptions import OperationalError as BrokerError
from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    declare_native_delayed_delivery_exchanges_and_queues,
)

from jobs import claims, processes, queues, ringing, tally
from jobs.ringing import Doorbell

log = logging.getLogger(__name__)

#: Seconds between two looks at the table when nothing says that there is work.
TIMER: Final = 0.5
#: Seconds between two looks while jobs are ready and only wait for room in the window.
SOON: Final = 0.005
#: Seconds between two looks at the least, however fast jobs are submitted.
REST: Final = 0.002
#: Seconds between two looks for lapsed leases.
SWEEP_EVERY: Final = 0.5
#: Seconds between two signs of life.
SIGN_OF_LIFE: Final = 5.0
#: Seconds a broker is left alone after it refused; doubles up to the second figure.
BROKER_PAUSE: Final = (0.5, 10.0)
#: Seconds ahead under which an ETA is not worth handing to the broker (and Celery refuses one of less than a second).
LEAST_ETA: Final = 1.5
#: Seconds a row sleeps whose doorbell could not be published for a reason of its own.
ROW_PAUSE: Final = 60.0


def _heard(raw: "psycopg.Connection[Any]") -> bool:
    """Whether notifications have come. Takes them all: one look at the table answers them together."""
    return bool(list(raw.notifies(timeout=0)))


class Dispatcher:
    """One dispatcher. ``turn()`` is one look at the table; ``run()`` looks until it is told to stop."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.name = f"dispatcher@{socket.gethostname()}:{os.getpid()}"
        self._stop = threading.Event()
        self._producer: Producer | None = None
        self._broker_pause = 0.0
        self._broker_retry_at = 0.0
        self._next_sweep = 0.0
        self._next_sign = 0.0
        self._next_due = TIMER
        self._backlog = False
        self._children: dict[str, int] = {}
        self._listening: Any = None
        self._eta_queues = [queue.name for queue in queues.all_queues() if queue.eta_ahead]

    # --- the loop ----------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Dispatches until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        log.info("Dispatching as %s", self.name)
        pause, db_pause = 0.0, TIMER
        while not self._stop.is_set():
            try:
                self._stop.wait(REST)
                self._listen(pause)
                pause = self._next_pause(pause, rung=self.turn())
                db_pause = TIMER
            except (DatabaseError, InterfaceError, psycopg.Error) as error:
                log.warning("The database is away: %s", str(error).strip())
                connection.close()
                self._listening = None
                self._stop.wait(db_pause + random.random() * TIMER)  # noqa: S311
                db_pause = min(db_pause * 2, 5.0)
        self._close_broker()
        try:
            tally.flush()
            processes.gone(self.name)
        except (DatabaseError, InterfaceError):
            connection.close()
        log.info("Stopped")

    def stop(self) -> None:
        self._stop.set()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.stop()

    def _next_pause(self, last: float, *, rung: int) -> float:
        if not self._backlog:
            return min(TIMER, self._next_due)
        # Doubling finds the window half empty again before the other half is: as long again as it has waited already.
        return min(TIMER, self._next_due, SOON if rung else max(last, SOON) * 2)

    def _listen(self, seconds: float) -> None:
        """Sleeps, or wakes at once when an interactive job was submitted."""
        connection.ensure_connection()
        raw = cast("psycopg.Connection[Any]", connection.connection)
        if self._listening is not raw:
            raw.execute("LISTEN jobs")
            # A mark that a crash forgets only rings a doorbell twice, so there is no need to wait for the disk.
            raw.execute("SET synchronous_commit TO off")
            ringing.make_known()
            self._listening = raw
        # Not notifies(timeout=seconds): psycopg spins through the last millisecond of its wait.
        if seconds > 0 and not _heard(raw):
            select.select([raw], [], [], seconds)
            _heard(raw)

    # --- one look ----------------------------------------------------------------------------------------------------

    def turn(self) -> int:
        """One look at the table: sweep, make due jobs ready, ring within each queue's window. Returns how many rang."""
        now = time.monotonic()
        if now >= self._next_sign:
            self._next_sign = now + SIGN_OF_LIFE
            processes.alive(self.name, kind="dispatcher")
            self._children = dict(ringing.live_children())
            tally.flush()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_EVERY
            self.sweep()
            if self._eta_queues and now >= self._broker_retry_at:
                self._revoke()
        due = ringing.seconds_until_due()
        if due is not None and due <= 0:
            ringing.admit_due()
        self._next_due = TIMER if due is None else max(due, 0.0)
        self._backlog = False
        if now < self._broker_retry_at:
            return 0
        rung = 0
        for load in ringing.loads():
            window = self.window(load.name)
            room = window - load.out
            # A window is filled up when half of it is empty: one look for many jobs instead of one for each.
            if load.ready and window and 2 * room >= window:
                doorbells = ringing.ring(load.name, room)
                rung += self.publish(doorbells)
                self._backlog |= len(doorbells) == room
            else:
                self._backlog |= load.ready
        return rung

    def window(self, name: str) -> int:
        """How many doorbells of the queue may be out at once."""
        try:
            queue = queues.get(name)
        except queues.UnknownQueue:  # of another release
            return 0
        return queue.window * max(self._children.get(name, 0), queue.concurrency)

    def sweep(self) -> None:
        """Puts jobs back whose worker fell silent."""
        for redone in claims.redo_lapsed():
            log.warning("%s %s: %s, now %s", redone.task, redone.id, redone.kind, redone.state)
            tally.add(redone.task, redone.queue, "died" if redone.state == "waiting" else redone.state)

    # --- the broker --------------------------------------------------------------------------------------------------

    def publish(self, doorbells: list[Doorbell]) -> int:
        """Publishes what was marked as rung; returns how many went out. What the broker would not take is unmarked."""
        refused = 0
        try:
            # On Redis one round trip for all; RabbitMQ confirms each. (The stubs are older than batches.)
            with self._open_producer().batch():  # type: ignore[attr-defined]
                for bell in doorbells:
                    refused += not self._publish_row(bell)
        except self._broker_errors() as error:
            self._broker_away(error)
            # Some may have gone out. A doorbell that rings twice costs a look, one that never rings costs seconds.
            ringing.not_rung(doorbells)
            return 0
        self._broker_pause = 0.0
        return len(doorbells) - refused

    def _publish_row(self, bell: Doorbell) -> bool:
        """Publishes one doorbell. Raises the broker's errors; one of this row alone must not hold up the others."""
        try:
            self._publish(bell)
        except self._broker_errors():
            raise
        except Exception:
            log.exception("Could not ring for %s %s", bell.task, bell.job_id)
            ringing.not_rung([bell], wait=ROW_PAUSE)
            return False
        return True

    def _publish(self, bell: Doorbell) -> None:
        self.app.send_task(
            bell.task,
            kwargs={"job_id": str(bell.job_id)},
            argsrepr="()",
            kwargsrepr=str(bell.job_id),
            task_id=bell.message,
            queue=bell.queue,
            eta=bell.run_at if bell.ahead >= LEAST_ETA else None,
            expires=bell.expires + max(bell.ahead, 0.0),
            ignore_result=True,
            producer=self._open_producer(),
            retry=False,
        )

    def _open_producer(self) -> Producer:
        if self._producer is None:
            broker = self.app.connection_for_write()
            broker.ensure_connection(max_retries=1, timeout=5)
            if broker.transport.driver_type == "amqp" and self._eta_queues:
                # A worker declares these when it starts; a doorbell may go out before any worker ever did.
                declare_native_delayed_delivery_exchanges_and_queues(broker, "quorum")
                for name in self._eta_queues:
                    queue = self.app.amqp.queues[name]
                    queue(broker.default_channel).declare()
                    bind_queue_to_native_delayed_delivery_exchange(broker, queue)
            self._producer = self.app.amqp.Producer(broker, auto_declare=True)
        return self._producer

    def _broker_errors(self) -> tuple[type[BaseException], ...]:
        """What says that the broker is away, as against that one message is wrong."""
        broker = self.app.connection_for_write()
        return (BrokerError, BatchPublishError, OSError, *broker.connection_errors, *broker.channel_errors)

    def _broker_away(self, error: BaseException) -> None:
        self._close_broker()
        self._broker_pause = min(max(self._broker_pause * 2, BROKER_PAUSE[0]), BROKER_PAUSE[1])
        self._broker_retry_at = time.monotonic() + self._broker_pause
        log.warning("The broker is away (%s): jobs wait in the table; next try in %.1f s", error, self._broker_pause)

    def _close_broker(self) -> None:
        if self._producer is not None:
            broker, self._producer = self._producer.connection, None
            try:
                if broker is not None:
                    broker.release()
            except Exception as error:  # noqa: BLE001 (it is gone, whatever it says about that)
                log.debug("Closing the broker's connection: %s", error)

    def _revoke(self) -> None:
        messages = ringing.take_revocations(self._eta_queues)
        if not messages:
            return
        try:
            self.app.control.revoke(messages)
        except self._broker_errors() as error:
            log.warning("Could not revoke %d doorbells; their rows are cancelled anyway: %s", len(messages), error)
