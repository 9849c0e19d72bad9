"""A web request that submits a job while the broker is well, frozen or dead: through gunicorn, over HTTP."""

import http
import http.client
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.kernel import journal, machine
from benchmarks.kernel.contestants import Contestant, Stage
from benchmarks.kernel.servers import Servers
from deploy.local.machine import free_port

#: Seconds that a visitor waits.
PATIENCE: Final = 30.0
#: Requests without a page after which the rest of a state is not asked: each may take all of PATIENCE.
ENOUGH_FAILED: Final = 3
STATES: Final = ("well", "frozen", "dead")


@dataclass(slots=True)
class Answers:
    """Requests in one state of the broker. ``times``: milliseconds until a page (200) came; ``failed``: until an error
    did or PATIENCE was over; ``keys``: of the jobs that pages promised."""

    times: list[float] = field(default_factory=list)
    failed: list[float] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Away:
    """``answers`` by the broker's state; ``promised``: jobs of requests that were answered; ``ran``: those of them that
    ran in the end."""

    answers: dict[str, Answers]
    promised: int
    ran: int


def measure(contestant: Contestant, servers: Servers, folder: Path, *, requests: int) -> Away:
    """``requests`` requests in each state, one after another; fewer where ENOUGH_FAILED of them have failed."""
    with Stage(contestant, servers, folder) as stage:
        broker = stage.broker
        assert broker is not None
        port = free_port(avoid=set())
        command = [contestant.python, "-m", "gunicorn", "benchmarks.kernel.web:application", "--workers=1"]
        command += ["--threads=1", f"--bind=127.0.0.1:{port}", f"--timeout={PATIENCE:.0f}", "--log-level=warning"]
        env = stage.env | {
            "BENCH_APP": contestant.module,
            "DJANGO_SETTINGS_MODULE": stage.env["DJANGO_SETTINGS_MODULE"],
        }
        server = machine.start(command, env, folder / "web.log")
        try:
            if not machine.wait_for(lambda: _answers(port), seconds=30, every=0.2):
                raise RuntimeError(f"gunicorn does not answer: {folder / 'web.log'}")
            answers = {"well": _ask(port, requests)}
            broker.freeze()
            answers["frozen"] = _ask(port, requests)
            broker.thaw()
            machine.wait_for(lambda: _answers(port), seconds=PATIENCE, every=0.2)
            broker.kill()
            answers["dead"] = _ask(port, requests)
            broker.restart()
            broker.wait_ready()
        finally:
            server.stop()
        promised = set[str]().union(*(each.keys for each in answers.values()))

        def ran() -> int:
            return len(promised & {line.key for line in journal.read(stage.journal)})

        machine.wait_for(lambda: ran() == len(promised), seconds=60, every=0.5)
        return Away(answers, len(promised), ran())


def _answers(port: int) -> bool:
    return bool(_ask(port, 1).keys)


def _ask(port: int, count: int) -> Answers:
    """``count`` requests, or as many as it takes for ENOUGH_FAILED of them to fail."""
    answers = Answers()
    while len(answers.times) + len(answers.failed) < count and len(answers.failed) < ENOUGH_FAILED:
        began = time.perf_counter()
        key = _get(port)
        milliseconds = (time.perf_counter() - began) * 1000
        if key is None:
            answers.failed.append(milliseconds)
        else:
            answers.times.append(milliseconds)
            answers.keys.add(key)
    answers.times.sort()
    return answers


def _get(port: int) -> str | None:
    """The key of the job that the page promised; None: no page came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/submit")
        answer = connection.getresponse()
        return answer.read().decode() if answer.status == http.HTTPStatus.OK else None
    except (TimeoutError, OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
