"""Plays a plan: asks for reports, hits whoever makes and keeps them, and waits until every one is over."""

import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, connection
from django.test import override_settings
from django.utils import timezone, translation

from config.settings import _storage
from jobs import db
from jobs.models import ACTIVE, Job
from jobs.models import State as JobState
from jobs.services import NotAllowed
from reports import kinds, retention, services
from reports.choice import Choice
from reports.forms import default_columns
from reports.models import Report, ReportPart
from reports.periods import Period
from shop.accounts.models import User
from shop.orders.models import OrderLine
from tests.chaos.crew import Agenda, Crew
from tests.chaos.evidence import keep, moves
from tests.chaos.reports import evidence, reading
from tests.chaos.reports.evidence import Changed, Evidence, Left
from tests.chaos.reports.plan import AT_WORKERS, DEADLY, Blow, Change, Hit, Order, Plan
from tests.chaos.reports.wire import Wire
from tests.chaos.servers import wait_until_ready
from tests.chaos.stage import Stage, wait_until_at_work
from tests.harness import object_store
from tests.harness.object_store import ObjectStore
from tests.harness.processes import Process, wait_for

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


def environment(wire: Wire) -> dict[str, str]:
    """What workers need in order to keep their files behind ``wire``."""
    return {
        "STORAGE_URL": storage_url(wire.url),
        "AWS_ACCESS_KEY_ID": object_store.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": object_store.SECRET_KEY,
    }


def storage_url(endpoint: str) -> str:
    return f"s3://{BUCKET}?endpoint={endpoint}&region={object_store.REGION}"


@contextmanager
def storing_at(url: str) -> Iterator[None]:
    """Makes Django keep its files there for the length of the block."""
    keys = {"AWS_S3_ACCESS_KEY_ID": object_store.ACCESS_KEY, "AWS_S3_SECRET_ACCESS_KEY": object_store.SECRET_KEY}
    with override_settings(STORAGES=settings.STORAGES | {"default": _storage(url)}, **keys):
        yield


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
        self.hits: Counter[str] = Counter()
        self._agenda = Agenda()
        self._crew = Crew(self._agenda)
        self._numbers: dict[str, int] = {}
        self._changes: list[Changed] = []
        self._stopped: set[str] = set()

    def run(self) -> Evidence:
        """Plays it to its end. Raises Trouble where something other than the product is in the way."""
        evidence.forget()
        self._empty_store()
        self.wire.met.clear()
        self.wire.stored.clear()
        before = evidence.sums(YEAR)
        name = f"seed{self.plan.seed}"
        dispatcher = self.stage.dispatcher(f"{name}-dispatcher")
        self._crew.workers = [
            self.stage.worker(f"{name}-worker{n}", queues=("reports",), concurrency=1) for n in range(WORKERS)
        ]
        wait_until_at_work(dispatcher, *self._crew.workers)
        self._agenda.begin()
        for order in self.plan.orders:
            self._agenda.at(order.at, lambda order=order: self._ask(order))  # type: ignore[misc]
        for hit in self.plan.hits:
            self._agenda.at(hit.at, lambda hit=hit: self._hit(hit))  # type: ignore[misc]
        for change in self.plan.changes:
            self._agenda.at(change.at, lambda change=change: self._change(change))  # type: ignore[misc]
        while self._agenda.now < self.plan.ends + PATIENCE and (self._agenda or _are_any_active()):
            self._agenda.do_what_is_due()
            time.sleep(0.05)
        seconds = self._agenda.now
        for fault, count in self.wire.met.items():
            if count:
                self.hits[fault] += 1
        found = self._collect(before, seconds)
        self.stage.dismiss()
        return found

    def _collect(self, before: evidence.Sums, seconds: float) -> Evidence:
        of_stopped = ReportPart.objects.filter(report__job__state=JobState.CANCELLED)
        wait_for(lambda: not of_stopped.exists(), seconds=SOON)
        to_sweep = of_stopped.count()
        retention.sweep(timezone.now())
        for worker in self._crew.workers:
            worker.stop(SOON)  # a thawed one may still be storing what is too late
        unswept = self._left()
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
            left=self._left(),
            stored=tuple(self.wire.stored),
            hits=self.hits,
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

    def _left(self) -> Left:
        pages = self.store.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        uploads = self.store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return Left(
            frozenset(found["Key"] for page in pages for found in page.get("Contents", [])),
            frozenset(upload["Key"] for upload in uploads),
        )

    def _empty_store(self) -> None:
        for key in self._left().files:
            self.store.client.delete_object(Bucket=BUCKET, Key=key)
        for upload in self.store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            self.store.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])

    # --- people ------------------------------------------------------------------------------------------------------

    def _again(self, act: Callable[[], None], seconds: float = 0.3) -> None:
        self._agenda.after(seconds, act)

    def _ask(self, order: Order) -> None:
        try:
            report = ask(order)  # the same one again, where only the answer was lost
        except (OperationalError, InterfaceError):
            connection.close()
            return self._again(lambda: self._ask(order))
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
            self._again(lambda: self._stop_once_begun(report, seconds))

    def _stop(self, report: Report) -> None:
        try:
            report = Report.objects.select_related("job", "owner").get(pk=report.pk)
            services.cancel(report=report, actor=report.owner)
        except (OperationalError, InterfaceError):
            connection.close()
            return self._again(lambda: self._stop(report))
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
            return self._again(lambda: self._change(change))
        self._changes.append(Changed(began, ended, word, line.currency, adds))
        return None

    # --- the blows ---------------------------------------------------------------------------------------------------

    def _hit(self, hit: Hit) -> None:
        if hit.blow in AT_WORKERS:
            self._hit_worker(hit)
            return
        database, store = self.stage.servers.database, self.store.server
        match hit.blow:
            case Blow.RESTART_DATABASE:
                database.stop()
                self._agenda.after(hit.lasts, self._start_database)
            case Blow.CRASH_DATABASE:
                database.kill()
                self._agenda.after(hit.lasts, self._start_database)
            case Blow.FREEZE_STORE:
                store.signal(signal.SIGSTOP)
                self._agenda.after(hit.lasts, lambda: store.signal(signal.SIGCONT))
            case Blow.KILL_STORE:
                store.kill()
                self._agenda.after(hit.lasts, store.start)
            case fault:
                self.wire.begin(fault)
                self._agenda.after(hit.lasts, lambda: self.wire.end(fault))
                return  # counted where it meets somebody
        self.hits[hit.blow] += 1

    def _start_database(self) -> None:
        self.stage.servers.database.start()
        wait_until_ready(self.stage.servers.database)
        connection.close()

    def _hit_worker(self, hit: Hit) -> None:
        """Hits a worker that makes a report which survives it. Where there is none it looks again later: not at once, or
        all such hits would fall on the first moment of an attempt."""
        try:
            making = self._making(hit.blow)
        except (OperationalError, InterfaceError):
            connection.close()
            return self._again(lambda: self._hit(hit))
        if not making:
            if self._agenda.now < self.plan.ends:
                self._again(lambda: self._hit(hit), self.plan.ends * (hit.pick % 1000) / 10_000)
            return None
        worker = making[hit.pick % len(making)]
        match hit.blow:
            case Blow.KILL_WORKER:
                self._crew.kill(worker, hit.blow)
            case Blow.KILL_CHILD:
                self._crew.kill_child(worker, hit.blow, pick=hit.pick)
            case Blow.FREEZE_WORKER:
                self._crew.freeze(worker, hit.lasts)
            case Blow.SHUT_WORKER:
                os.kill(worker.pid, signal.SIGQUIT)
                self._agenda.after(2.0, lambda: self._start_worker(worker))
        self.hits[hit.blow] += 1
        return None

    def _start_worker(self, worker: Process) -> None:
        worker.kill()
        worker.start()

    def _making(self, blow: Blow) -> list[Process]:
        survives = DEATHS_SURVIVED - (blow in DEADLY)
        pids = {
            int(holder.split(":")[1])
            for holder in Job.objects.filter(state=JobState.RUNNING, deaths__lte=survives).values_list(
                "holder", flat=True
            )
            if holder.count(":") == 2
        }
        return [worker for worker in self._crew.at_work() if worker.pid in pids]


def _are_any_active() -> bool:
    try:
        return Job.objects.filter(state__in=sorted(ACTIVE)).exists()
    except (OperationalError, InterfaceError):
        connection.close()
        return True


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
