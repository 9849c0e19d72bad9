"""What one no-op job costs, in CPU, and how many are done in a second."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kernel import journal, machine
from benchmarks.kernel.contestants import Contestant, Stage
from benchmarks.kernel.servers import Servers


@dataclass(frozen=True, slots=True)
class Throughput:
    """CPU in µs per job by role; jobs per second of wall time."""

    cpu: dict[str, float]
    submitted: float
    drained: float

    @property
    def total(self) -> float:
        return sum(self.cpu.values())


def measure(contestant: Contestant, servers: Servers, folder: Path, *, jobs: int) -> Throughput:
    """Submits ``jobs`` while all other processes are frozen, then lets them work it off."""
    with Stage(contestant, servers, folder) as stage:
        for process in stage.processes():
            process.signal(signal.SIGSTOP)
        before, lines = stage.cpu(), stage.lines()
        submitted = stage.submit("burst", jobs)
        began = journal.clock()
        for process in stage.processes():
            process.signal(signal.SIGCONT)
        if not machine.wait_for(lambda: stage.lines() >= lines + jobs + 1, seconds=120):
            raise RuntimeError(f"{contestant.name}: {stage.lines() - lines - 1} of {jobs} jobs ran in 120 s")
        seconds = journal.clock() - began
        time.sleep(0.5)  # the last conclusions
        after = stage.cpu()
        per_job = {role: (after[role] - before[role]) / jobs * 1e6 for role in after}
        return Throughput(
            {"submitter": submitted["cpu"] / jobs * 1e6, **per_job}, jobs / submitted["seconds"], jobs / seconds
        )
