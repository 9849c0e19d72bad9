"""Who takes part: how each is set up, which processes it runs, and how it is submitted to."""

import os
import signal
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.kernel import journal, machine
from benchmarks.kernel.machine import Process
from benchmarks.kernel.servers import Broker, Servers
from deploy.local.machine import ROOT

PROCRASTINATE: Final = ("procrastinate[django]==3.10.0", "psycopg[binary]==3.3.9", "Django~=5.2.0")
#: Children of each worker.
CHILDREN: Final = 2
#: Seconds that a worker may take to work on its first job.
PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do background work.

    Attributes:
        name: what the tables call it.
        app: the module of ``benchmarks.kernel.apps`` that submits.
        broker: the kind of its broker; empty where the database is its broker.
        celery: the Celery application that its workers run; empty where they are not Celery's.
        dispatcher: the module that rings for its jobs; empty where submitting does.
        python: the interpreter of its virtual environment.
        settings: further environment variables.
    """

    name: str
    app: str
    broker: str
    celery: str = ""
    dispatcher: str = ""
    python: str = sys.executable
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def database(self) -> str:
        return self.app.partition(".")[0]

    @property
    def module(self) -> str:
        return f"benchmarks.kernel.apps.{self.app}"


def kernel(broker: str) -> Contestant:
    return Contestant(
        f"Backroom, {_SHOWN[broker]}",
        "ours",
        broker,
        "benchmarks.kernel.apps.ours",
        "benchmarks.kernel.apps.ours_dispatch",
    )


def plain(broker: str, *, results: bool = False, **settings: str) -> Contestant:
    words = [f"Celery, {_SHOWN[broker]}"]
    if results:
        words.append("results in PostgreSQL")
        settings["PLAIN_RESULTS"] = "yes"
    if seconds := settings.get("PLAIN_VISIBILITY"):
        words.append(f"visibility {seconds} s")
    if settings.get("PLAIN_TIMEOUTS"):
        words.append("short time-outs")
    return Contestant(", ".join(words), "plain.app", broker, "benchmarks.kernel.apps.plain.app", settings=settings)


def procrastinate(folder: Path) -> Contestant:
    """procrastinate in a virtual environment of its own below ``folder``, installed the first time."""
    home = folder / "procrastinate"
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PROCRASTINATE], check=True)
        (home / "installed").touch()
    return Contestant("procrastinate", "procrastinate_app", "", python=str(python))


_SHOWN: Final = {"valkey": "Valkey", "rabbitmq": "RabbitMQ"}


class Stage:
    """One contestant with its processes up: a context manager that ends them."""

    def __init__(
        self, contestant: Contestant, servers: Servers, folder: Path, *, groups: int = 1, prefetch: int = 4
    ) -> None:
        self.contestant = contestant
        self.broker: Broker | None = servers.brokers.get(contestant.broker)
        self.servers = servers
        self.journal = folder / "journal"
        self.journal.unlink(missing_ok=True)
        self._log = folder / f"{contestant.database}.log"
        self.env = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": servers.database(contestant.database),
            "CELERY_BROKER_URL": self.broker.url if self.broker else "",
            "SECRET_KEY": "benchmark",
            "HTTPS_ONLY": "no",
            "LOG_LEVEL": "WARNING",
            "BACKROOM_VAR": str(folder),
            journal.VARIABLE: str(self.journal),
            **contestant.settings,
        }
        self._purge()
        self._migrate()
        self.workers: list[Process] = [self._worker(number, prefetch) for number in range(groups)]
        self.dispatchers: list[Process] = []
        if contestant.dispatcher:
            self.dispatchers.append(self._start([contestant.python, "-m", contestant.dispatcher]))

    def __enter__(self) -> Self:
        """Waits until the workers work."""
        self.submit("burst", 8 * len(self.workers) * CHILDREN)
        if not machine.wait_for(lambda: self.lines() >= 8 * len(self.workers) * CHILDREN + 1, seconds=PATIENCE):
            self.close()
            raise RuntimeError(f"{self.contestant.name} does not work: see {self._log}")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for process in self.processes():
            process.signal(signal.SIGCONT)
            process.stop()

    def processes(self) -> list[Process]:
        return [*self.dispatchers, *self.workers]

    def submit(self, *words: object) -> Any:
        """Runs the submitter to its end; returns what it says (see ``benchmarks.kernel.submitter``)."""
        return machine.ask(self.submitter(*words), self.env)

    def submitter(self, *words: object) -> list[str]:
        command = [self.contestant.python, "-m", "benchmarks.kernel.submitter", self.contestant.module]
        return [*command, *map(str, words)]

    def lines(self) -> int:
        """Lines in the journal."""
        return journal.count(self.journal)

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far, by role."""
        return {
            "dispatcher": sum(machine.cpu(process.pid) for process in self.dispatchers),
            "worker": sum(machine.cpu(process.pid) for process in self.workers),
            "PostgreSQL": machine.cpu(self.servers.postgres.pid),
            "broker": machine.cpu(self.broker.process.pid) if self.broker else 0.0,
        }

    def _start(self, command: Sequence[str]) -> Process:
        return machine.start(command, self.env, self._log)

    def _worker(self, number: int, prefetch: int) -> Process:
        who = self.contestant
        if not who.celery:
            concurrency = f"--concurrency={CHILDREN}"
            return self._start([who.python, "-m", "django", "procrastinate", "worker", concurrency])
        command = [who.python, "-m", "celery", "-A", who.celery, "worker", f"--hostname=w{number}@%h"]
        command += [f"--concurrency={CHILDREN}", f"--prefetch-multiplier={prefetch}", "--without-gossip"]
        command += ["--loglevel=WARNING"]
        if who.dispatcher:
            command += ["--queues=sync"]
        return self._start(command)

    def _purge(self) -> None:
        """An empty broker."""
        if self.broker is None:
            return
        import kombu

        with kombu.Connection(self.broker.url) as connection:
            if self.broker.kind == "valkey":
                valkey: Any = connection.default_channel
                valkey.client.flushdb()
                return
            for queue in ("sync", "celery"):
                with suppress(*connection.channel_errors):
                    channel: Any = connection.channel()
                    channel.queue_delete(queue)

    def _migrate(self) -> None:
        settings = {
            "ours": "config.settings",
            "plain": "benchmarks.kernel.apps.plain.settings",
            "procrastinate_app": "benchmarks.kernel.apps.procrastinate_settings",
        }[self.contestant.database]
        self.env["DJANGO_SETTINGS_MODULE"] = settings
        machine.ask([self.contestant.python, "-m", "django", "migrate", "--verbosity=0"], self.env)
