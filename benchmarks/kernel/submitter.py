"""Submits as a web process would, in the contestant's own Python: ``python -m benchmarks.kernel.submitter APP WHAT …``.

Prints one JSON object: what it cost this process.
"""

import importlib
import json
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.kernel import journal
from benchmarks.kernel.workload import Workload


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def burst(app: Any, count: int) -> dict[str, Any]:
    """``count`` requests, one after another."""
    cpu, began = _cpu(), time.perf_counter()
    for number in range(count):
        app.submit(f"burst-{number}")
    return {"cpu": _cpu() - cpu, "seconds": time.perf_counter() - began}


def paced(app: Any, count: int, per_second: float, seed: int) -> dict[str, Any]:
    """``count`` requests at ``per_second`` on average; when each began, in the journal's clock."""
    chance = random.Random(seed)
    began = {}
    due = journal.clock()
    for number in range(count):
        due += chance.uniform(0.5, 1.5) / per_second
        time.sleep(max(0.0, due - journal.clock()))
        key = f"paced-{number}"
        began[key] = journal.clock()
        app.submit(key)
    return {"began": began}


def costs(app: Any, count: int) -> dict[str, Any]:
    """CPU and wall seconds of the call inside an open transaction, and of the whole transaction."""
    from django.db import transaction

    inside_cpu = inside = 0.0
    started, started_cpu = time.perf_counter(), _cpu()
    for number in range(count):
        with transaction.atomic():
            cpu, began = time.process_time(), time.perf_counter()
            app.submit_in_transaction(f"cost-{number}")
            inside += time.perf_counter() - began
            inside_cpu += time.process_time() - cpu
    whole, whole_cpu = time.perf_counter() - started, _cpu() - started_cpu
    empty, empty_cpu = time.perf_counter(), _cpu()
    for _ in range(count):
        with transaction.atomic():
            pass
    return {
        "inside_cpu": inside_cpu / count,
        "inside": inside / count,
        "whole_cpu": whole_cpu / count,
        "whole": whole / count,
        "empty": (time.perf_counter() - empty) / count,
        "empty_cpu": (_cpu() - empty_cpu) / count,
    }


def later(app: Any, count: int, seconds: float) -> dict[str, Any]:
    """``count`` jobs due in ``seconds``."""
    cpu, began = _cpu(), time.perf_counter()
    app.submit_later(count, seconds)
    return {"cpu": _cpu() - cpu, "seconds": time.perf_counter() - began}


def stream(app: Any, seed: int, count: int, per_second: float, patience: float) -> dict[str, Any]:
    """The kill-test's requests: paced, each with its own amount of work. One that raises is a request that the person
    saw fail; one that takes longer than ``patience`` seconds is given up, as a web server would."""
    signal.signal(signal.SIGALRM, _give_up)
    failed, slow = [], []
    due = journal.clock()
    for key, seconds in Workload(seed, count):
        due += 1 / per_second
        time.sleep(max(0.0, due - journal.clock()))
        began = time.perf_counter()
        signal.setitimer(signal.ITIMER_REAL, patience)
        try:
            app.submit(key, seconds)
        except Exception as error:
            failed.append((key, type(error).__name__))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if time.perf_counter() - began > 0.3:
            slow.append(round(time.perf_counter() - began, 2))
    return {"failed": failed, "slow": slow}


class GaveUp(Exception):
    """The web server's time-out."""


def _give_up(number: int, frame: object) -> None:  # noqa: ARG001 (a signal handler's form)
    raise GaveUp


WHAT: dict[str, tuple[Callable[..., dict[str, Any]], tuple[type, ...]]] = {
    "burst": (burst, (int,)),
    "paced": (paced, (int, float, int)),
    "costs": (costs, (int,)),
    "later": (later, (int, float)),
    "stream": (stream, (int, int, float, float)),
}


def main() -> None:
    module, what, *words = sys.argv[1:]
    act, kinds = WHAT[what]
    app = importlib.import_module(module)
    app.submit("warm-up")  # connections, statements, imports
    print(json.dumps(act(app, *(kind(word) for kind, word in zip(kinds, words, strict=True)))))


if __name__ == "__main__":
    main()
