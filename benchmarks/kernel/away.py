"""A web request that submits a job while the broker is well, frozen or dead: through gunicorn, over HTTP."""

import http.client
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.kernel import machine
from benchmarks.kernel.contestants import Contestant, Stage
from benchmarks.kernel.servers import Servers
from deploy.local.machine import free_port

#: Seconds that a visitor waits.
PATIENCE: Final = 30.0
STATES: Final = ("well", "frozen", "dead")


@dataclass(frozen=True, slots=True)
class Answers:
    """Milliseconds of the requests that were answered with 200, sorted; how many were not."""

    times: list[float]
    failed: int


@dataclass(frozen=True, slots=True)
class Away:
    """``answers`` by the broker's state; ``ran``: jobs that ran in the end, of ``accepted`` requests."""

    answers: dict[str, Answers]
    accepted: int
    ran: int


def measure(contestant: Contestant, servers: Servers, folder: Path, *, requests: int) -> Away:
    """``requests`` requests in each state, one after another; where the broker is away a tenth as many."""
    with Stage(contestant, servers, folder) as stage:
        broker = stage.broker
        assert broker is not None
        lines, port = stage.lines(), free_port(avoid=set())
        command = [contestant.python, "-m", "gunicorn", "benchmarks.kernel.web:application", "--workers=1"]
        command += ["--threads=1", f"--bind=127.0.0.1:{port}", f"--timeout={PATIENCE:.0f}", "--log-level=warning"]
        env = stage.env | {
            "BENCH_APP": contestant.module,
            "DJANGO_SETTINGS_MODULE": stage.env["DJANGO_SETTINGS_MODULE"],
        }
        server = machine.start(command, env, folder / "web.log")
        try:
            if not machine.wait_for(lambda: _get(port) is not None, seconds=30, every=0.2):
                raise RuntimeError(f"gunicorn does not answer: {folder / 'web.log'}")
            answers = {"well": _ask(port, requests)}
            broker.freeze()
            answers["frozen"] = _ask(port, max(5, requests // 10))
            broker.thaw()
            _get(port)
            broker.kill()
            answers["dead"] = _ask(port, max(5, requests // 10))
            broker.restart()
            broker.wait_ready()
        finally:
            server.stop()
        accepted = sum(len(each.times) for each in answers.values())
        machine.wait_for(lambda: stage.lines() - lines >= accepted, seconds=40)
        return Away(answers, accepted, min(stage.lines() - lines, accepted))


def _get(port: int) -> float | None:
    """Milliseconds until the page answered 200; None: it did not."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/submit")
        if connection.getresponse().status != 200:
            return None
    except (TimeoutError, OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return (time.perf_counter() - began) * 1000


def _ask(port: int, count: int) -> Answers:
    found = [_get(port) for _ in range(count)]
    return Answers(sorted(time for time in found if time is not None), found.count(None))
