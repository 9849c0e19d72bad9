"""What is done to those who make files and to what keeps them: workers, the database, the file store, the way to it."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.test import override_settings

from config.settings import _storage
from jobs.models import ACTIVE, Job
from jobs.models import State as JobState
from tests.chaos.crew import Agenda, Crew
from tests.chaos.reports.evidence import Left
from tests.chaos.reports.plan import AT_WORKERS, DEADLY, Blow, Hit
from tests.chaos.reports.wire import Wire
from tests.chaos.servers import wait_until_ready
from tests.chaos.stage import Stage
from tests.harness import object_store
from tests.harness.object_store import ObjectStore
from tests.harness.processes import Process

BUCKET: Final = "backroom"
#: Deaths of a job's worker that it survives.
DEATHS_SURVIVED: Final = 2


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


class Storm:
    """Hits whoever and whatever is on the stage. ``ends``: seconds after the start when the last hit is over."""

    def __init__(self, stage: Stage, store: ObjectStore, wire: Wire, ends: float) -> None:
        self.stage, self.store, self.wire, self._ends = stage, store, wire, ends
        self.hits: Counter[str] = Counter()
        self.agenda = Agenda()
        self.crew = Crew(self.agenda)

    def begin(self, hits: tuple[Hit, ...]) -> None:
        self.agenda.begin()
        for hit in hits:
            self.agenda.at(hit.at, lambda hit=hit: self._hit(hit))  # type: ignore[misc]

    def end(self) -> None:
        """Counts what met somebody on the way."""
        for fault, count in self.wire.met.items():
            if count:
                self.hits[fault] += 1

    def again(self, act: Callable[[], None], seconds: float = 0.3) -> None:
        self.agenda.after(seconds, act)

    def left(self) -> Left:
        pages = self.store.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        uploads = self.store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return Left(
            frozenset(found["Key"] for page in pages for found in page.get("Contents", [])),
            frozenset(upload["Key"] for upload in uploads),
        )

    def empty_store(self) -> None:
        """Forgets what is stored, and what was met on the way to it."""
        self.wire.met.clear()
        self.wire.stored.clear()
        for key in self.left().files:
            self.store.client.delete_object(Bucket=BUCKET, Key=key)
        for upload in self.store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            self.store.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])

    def _hit(self, hit: Hit) -> None:
        if hit.blow in AT_WORKERS:
            self._hit_worker(hit)
            return
        database, store = self.stage.servers.database, self.store.server
        match hit.blow:
            case Blow.RESTART_DATABASE:
                database.stop()
                self.agenda.after(hit.lasts, self._start_database)
            case Blow.CRASH_DATABASE:
                database.kill()
                self.agenda.after(hit.lasts, self._start_database)
            case Blow.FREEZE_STORE:
                store.signal(signal.SIGSTOP)
                self.agenda.after(hit.lasts, lambda: store.signal(signal.SIGCONT))
            case Blow.KILL_STORE:
                store.kill()
                self.agenda.after(hit.lasts, store.start)
            case fault:
                self.wire.begin(fault)
                self.agenda.after(hit.lasts, lambda: self.wire.end(fault))
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
            return self.again(lambda: self._hit(hit))
        if not making:
            if self.agenda.now < self._ends:
                self.again(lambda: self._hit(hit), self._ends * (hit.pick % 1000) / 10_000)
            return None
        worker = making[hit.pick % len(making)]
        match hit.blow:
            case Blow.KILL_WORKER:
                self.crew.kill(worker, hit.blow)
            case Blow.KILL_CHILD:
                self.crew.kill_child(worker, hit.blow, pick=hit.pick)
            case Blow.FREEZE_WORKER:
                self.crew.freeze(worker, hit.lasts)
            case Blow.SHUT_WORKER:
                os.kill(worker.pid, signal.SIGQUIT)
                self.agenda.after(2.0, lambda: self._start_worker(worker))
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
        return [worker for worker in self.crew.at_work() if worker.pid in pids]


def are_any_active() -> bool:
    try:
        return Job.objects.filter(state__in=sorted(ACTIVE)).exists()
    except (OperationalError, InterfaceError):
        connection.close()
        return True
