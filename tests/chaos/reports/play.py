"""Plays a plan: asks for reports, hits whoever makes and keeps them, and waits until every one is over."""

import itertools
import time
from datetime import timedelta
from typing import Final

from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone, translation

from jobs import db
from jobs.models import Job
from jobs.models import State as JobState
from jobs.services import NotAllowed
from reports import kinds, retention, services
from reports.choice import Choice
from reports.forms import default_columns
from reports.models import Report, ReportPart
from reports.periods import Period
from shop.accounts.models import User
from shop.orders.models import OrderLine
from tests.chaos.evidence import keep, moves
from tests.chaos.reports import evidence, reading
from tests.chaos.reports.evidence import Changed, Evidence
from tests.chaos.reports.plan import Change, Order, Plan
from tests.chaos.reports.wire import Wire
from tests.chaos.stage import Stage, wait_until_at_work
from tests.chaos.storm import Storm, are_any_active
from tests.harness.object_store import ObjectStore
from tests.harness.processes import wait_for

WORKERS: Final = 2
YEAR: Final = 2025
BUCKET: Final = "backroom"
#: Seconds after the last hit in which everything must be over; a report may then wait for a while for its next attempt.
PATIENCE: Final = 600.0
#: Seconds after its cancellation, with everything healed, in which nothing of a report may be left.
SOON: Final = 10.0
#: Deaths of a job's worker that it survives.
DEATHS_SURVIVED: Final = 2
_DAY_LATER: Final = retention.LEFTOVER_AGE + timedelta(minutes=1)


def ask(order: Order) -> Report:
    """Asks for the whole year's revenue as the shop's owner. The report to be stopped has a column less, for else it
    might be the same one as another."""
    columns = default_columns(kinds.get("revenue"))
    if order.cancel_after is not None:
        columns.remove("region")
    with translation.override("en"):
        return services.request_report(
            owner=User.objects.get(username="owner"),
            choice=Choice("revenue", order.format, columns),
            period=Period.year(YEAR),
            now=timezone.now(),
        )


class Play:
    """One run of ``plan`` with its processes' logs in ``folder``, on a stage and a store that are open."""

    def __init__(self, plan: Plan, stage: Stage, store: ObjectStore, wire: Wire) -> None:
        self.plan, self.stage, self.store, self.wire = plan, stage, store, wire
        self._storm = Storm(stage, store, wire, plan.ends)
        self._agenda = self._storm.agenda
        self._numbers: dict[str, int] = {}
        self._changes: list[Changed] = []
        self._stopped: set[str] = set()

    def run(self) -> Evidence:
        """Plays it to its end. Raises Trouble where something other than the product is in the way."""
        evidence.forget()
        self._storm.empty_store()
        before = evidence.sums(YEAR)
        name = f"seed{self.plan.seed}"
        dispatcher = self.stage.dispatcher(f"{name}-dispatcher")
        self._storm.crew.workers = [
            self.stage.worker(f"{name}-worker{n}", queues=("reports",), concurrency=1) for n in range(WORKERS)
        ]
        wait_until_at_work(dispatcher, *self._storm.crew.workers)
        self._storm.begin(self.plan.hits)
        for order in self.plan.orders:
            self._agenda.at(order.at, lambda order=order: self._ask(order))  # type: ignore[misc]
        for change in self.plan.changes:
            self._agenda.at(change.at, lambda change=change: self._change(change))  # type: ignore[misc]
        while self._agenda.now < self.plan.ends + PATIENCE and (self._agenda or are_any_active()):
            self._agenda.do_what_is_due()
            time.sleep(0.05)
        seconds = self._agenda.now
        self._storm.end()
        found = self._collect(before, seconds)
        self.stage.dismiss()
        return found

    def _collect(self, before: evidence.Sums, seconds: float) -> Evidence:
        of_stopped = ReportPart.objects.filter(report__job__state=JobState.CANCELLED)
        wait_for(lambda: not of_stopped.exists(), seconds=SOON)
        to_sweep = of_stopped.count()
        retention.sweep(timezone.now())
        for worker in self._storm.crew.workers:
            worker.stop(SOON)  # a thawed one may still be storing what is too late
        unswept = self._storm.left()
        asked = evidence.asked(self._numbers)
        words = [change.word for change in self._changes]
        held = {
            report.file_key: reading.held(content, report.format, words)
            for report in asked
            if report.file_key and (content := self._content(report.file_key)) is not None
        }
        retention.sweep(timezone.now() + _DAY_LATER)
        for table in ("move", "part", "file"):
            keep(f"chaos_{table}", self.stage.folder / f"seed{self.plan.seed}-{table}s.csv")
        return Evidence(
            plan=self.plan,
            before=before,
            asked=asked,
            moves=moves(),
            parts=evidence.parts(),
            files=evidence.files(),
            changes=self._changes,
            held=held,
            stopped=frozenset(self._stopped),
            to_sweep=to_sweep,
            named=evidence.named(),
            unswept=unswept,
            left=self._storm.left(),
            stored=tuple(self.wire.stored),
            hits=self._storm.hits,
            seconds=seconds,
        )

    # --- the file store ----------------------------------------------------------------------------------------------

    def _content(self, key: str) -> bytes | None:
        try:
            with default_storage.open(key, "rb") as file:
                content: bytes = file.read()
        except FileNotFoundError:
            return None
        return content

    # --- people ------------------------------------------------------------------------------------------------------

    def _ask(self, order: Order) -> None:
        try:
            report = ask(order)  # the same one again, where only the answer was lost
        except (OperationalError, InterfaceError):
            connection.close()
            return self._storm.again(lambda: self._ask(order))
        self._numbers[str(report.id)] = order.number
        if order.cancel_after is not None:
            self._stop_once_begun(report, order.cancel_after)
        return None

    def _stop_once_begun(self, report: Report, seconds: float) -> None:
        try:
            begun = Job.objects.filter(pk=report.job_id, attempt__gt=0).exists()
        except (OperationalError, InterfaceError):
            connection.close()
            begun = False
        if begun:
            self._agenda.after(seconds, lambda: self._stop(report))
        else:
            self._storm.again(lambda: self._stop_once_begun(report, seconds))

    def _stop(self, report: Report) -> None:
        try:
            report = Report.objects.select_related("job", "owner").get(pk=report.pk)
            services.cancel(report=report, actor=report.owner)
        except (OperationalError, InterfaceError):
            connection.close()
            return self._storm.again(lambda: self._stop(report))
        except NotAllowed:
            return None  # it was quicker
        self._stopped.add(str(report.pk))
        return None

    def _change(self, change: Change) -> None:
        word = f"Chaos {self.plan.seed}-{change.number}"
        try:
            ((began,),) = db.fetch("SELECT clock_timestamp()")
            line = _line_at(change.pick)
            adds = (0, 0, 0)
            if change.renames:
                OrderLine.objects.filter(pk=line.pk).update(name=word)
            else:
                adds = (1, 3, 3 * line.unit_price)
                _add_line(line, word)
            ((ended,),) = db.fetch("SELECT clock_timestamp()")
        except (OperationalError, InterfaceError):
            connection.close()
            return self._storm.again(lambda: self._change(change))
        self._changes.append(Changed(began, ended, word, line.currency, adds))
        return None


def _line_at(place: float) -> OrderLine:
    """The line at this place (0 to 1) of the year."""
    start, end = Period.year(YEAR).instants(timezone.get_default_timezone())
    return OrderLine.objects.filter(placed_at__gte=start + (end - start) * place).order_by("placed_at", "id")[0]


_positions = itertools.count(1_000_000)


def _add_line(like: OrderLine, word: str) -> None:
    OrderLine.objects.create(
        order_id=like.order_id,
        position=next(_positions),
        product_id=like.product_id,
        sku=like.sku,
        name=word,
        quantity=3,
        unit_price=like.unit_price,
        currency=like.currency,
        decimals=like.decimals,
        placed_at=like.placed_at,
    )
