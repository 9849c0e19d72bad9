"""Jobs that are due much later: what they cost until then, in memory and idle CPU."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kernel import machine
from benchmarks.kernel.contestants import Contestant, Stage
from benchmarks.kernel.servers import Servers

#: Seconds until they are due: not during the measurement.
LATER = 7200
#: Seconds over which idle CPU is counted.
IDLE = 10.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """MB of the workers (and dispatcher) before and with the jobs; share of one core while idle; seconds to submit."""

    before: float
    after: float
    idle: float
    submitted: float
    immediate: float


def measure(contestant: Contestant, servers: Servers, folder: Path, *, jobs: int) -> Waiting:
    """``immediate``: seconds until a job submitted beside them has begun; -1: not within a minute."""
    with Stage(contestant, servers, folder) as stage:
        pids = [process.pid for process in stage.processes()]
        before = sum(map(machine.memory, pids))
        submitted = stage.submit("later", jobs, LATER)["seconds"]
        time.sleep(20)  # a worker that takes them takes them now
        after = sum(map(machine.memory, pids))
        cpu = sum(map(machine.cpu, pids))
        time.sleep(IDLE)
        idle = (sum(map(machine.cpu, pids)) - cpu) / IDLE
        lines, began = stage.lines(), time.monotonic()
        stage.submit("burst", 1)
        ran = machine.wait_for(lambda: stage.lines() > lines + 1, seconds=60)
        return Waiting(before, after, idle, submitted, time.monotonic() - began if ran else -1.0)
