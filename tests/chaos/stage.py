"""Servers, dispatchers and workers of our own, and this process as the web side that submits to them."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.management import call_command
from django.db import connections

from config.queues import WorkerPlan
from deploy.local import services
from deploy.local.machine import Trouble
from tests.chaos import evidence
from tests.chaos.servers import Servers
from tests.harness import journal
from tests.harness.processes import Process, wait_for
from tests.harness.tasks import CHORES

#: Seconds in which a worker must be at work on a busy machine.
WORKER_START: Final = 60.0
#: The queues that the harness's chores are on.
QUEUES: Final = tuple(CHORES)


class Stage:
    """Everything of one run, in ``folder``: logs and the journal stay there, the servers' data do not."""

    def __init__(self, folder: Path, broker: str, *, app: str = "tests.harness.app", **env: str) -> None:
        """``broker``: redis or rabbitmq. ``app``: the module with the workers' Celery app. ``env``: what else is in the
        environment of dispatchers and workers. Raises Trouble."""
        self.folder = folder
        self._app = app
        self.journal = folder / "journal"
        self.servers = Servers(folder, broker)
        self._processes: list[Process] = []
        self._env = services.surroundings() | {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": self.servers.database.url,
            "CELERY_BROKER_URL": self.servers.broker.url,
            "SECRET_KEY": "of this run alone",
            "HTTPS_ONLY": "no",
            "LOG_LEVEL": "INFO",
            "BACKROOM_VAR": str(folder),
            journal.VARIABLE: str(self.journal),
            **env,
        }

    @contextmanager
    def open(self) -> Iterator[None]:
        """Servers that answer and tables that are there, for the length of the block; then every process is ended."""
        try:
            self.servers.start()
            with connected_to(self.servers.database.url):
                call_command("migrate", verbosity=0)
                evidence.record_moves()
                yield
        finally:
            self.dismiss()
            self.servers.close()

    def dismiss(self) -> None:
        """Kills every dispatcher and worker."""
        for process in self._processes:
            process.kill()
        self._processes.clear()

    def dispatcher(self, name: str = "dispatcher") -> Process:
        """A dispatcher, started."""
        return self._start(name, ["-m", "tests.harness.dispatch"], b"Dispatching as")

    def worker(self, name: str = "worker", queues: Sequence[str] = QUEUES, concurrency: int = 2) -> Process:
        """A worker with ``concurrency`` children that serves ``queues``, started."""
        plan = WorkerPlan(name, tuple(queues), concurrency, prefetch=2, memory=500)
        return self._start(name, ["-m", "celery", "-A", self._app, *plan.command()], b" ready.")

    def _start(self, name: str, arguments: list[str], ready: bytes) -> Process:
        process = Process(name, [sys.executable, *arguments], self._env, self.folder / f"{name}.log", ready)
        self._processes.append(process)
        process.start()
        return process


def wait_until_at_work(*processes: Process) -> None:
    """Raises Trouble where one does not get to work."""
    for process in processes:
        if not wait_for(lambda process=process: process.is_ready, seconds=WORKER_START):  # type: ignore[misc]
            raise Trouble(f"{process.name} is not at work after {WORKER_START:.0f} s. What it says: {process.log}")


@contextmanager
def connected_to(url: str) -> Iterator[None]:
    """Makes Django use the database at ``url`` for the length of the block, in every thread."""
    place = urlsplit(url)
    there: dict[str, Any] = {
        "HOST": place.hostname,
        "PORT": str(place.port),
        "USER": place.username,
        "PASSWORD": place.password,
        "NAME": place.path.lstrip("/"),
    }
    settings = connections.settings["default"]
    here = {name: settings[name] for name in there}
    connections.close_all()
    settings.update(there)
    try:
        yield
    finally:
        connections.close_all()
        settings.update(here)
