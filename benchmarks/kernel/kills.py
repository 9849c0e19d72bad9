"""The kill-test: the same jobs, the same kills, and what each contestant loses or does twice."""

import itertools
import json
import random
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kernel import journal
from benchmarks.kernel.contestants import Contestant, Stage
from benchmarks.kernel.servers import Servers
from benchmarks.kernel.workload import Workload
from deploy.local.machine import ROOT

GROUPS = 3
#: Requests a second.
RATE = 20.0
#: Seconds between two kills of a worker, on average.
KILL_EVERY = 2.0
#: Seconds after which a request that has not answered is given up.
REQUEST_PATIENCE = 10.0
#: Seconds without any news after which what has not been done is called lost; longer than everybody's first retry.
QUIET = 90.0


@dataclass(frozen=True, slots=True)
class Losses:
    """``refused``: requests that failed in front of a person although their row was written or not; of the others,
    ``lost`` jobs never had their effect and ``doubled`` had it more than once. ``kills``: of worker groups."""

    requests: int
    refused: int
    lost: int
    doubled: int
    kills: int
    seconds: float


def measure(contestant: Contestant, servers: Servers, folder: Path, *, seed: int, jobs: int) -> Losses:
    """Submits the jobs of ``seed`` at RATE while worker groups are killed with SIGKILL and started again, and the
    broker is killed (-9) and started again once, half-way."""
    chance = random.Random(seed)
    with Stage(contestant, servers, folder, groups=GROUPS) as stage:
        stage.journal.write_text("")
        began = time.monotonic()
        span = jobs / RATE
        broker_at = began + span / 2 if stage.broker else float("inf")
        next_kill, kills = began + chance.expovariate(1 / KILL_EVERY), 0
        submitter = subprocess.Popen(
            stage.submitter("stream", seed, jobs, RATE, REQUEST_PATIENCE),
            cwd=ROOT,
            env=stage.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        while submitter.poll() is None or time.monotonic() < began + span:
            now = time.monotonic()
            if now >= next_kill:
                group = stage.workers[chance.randrange(GROUPS)]
                group.kill()
                group.restart()
                kills += 1
                next_kill = now + chance.expovariate(1 / KILL_EVERY)
            if now >= broker_at and stage.broker:
                broker_at = float("inf")
                stage.broker.kill()
                time.sleep(1)
                stage.broker.restart()
                stage.broker.wait_ready()
            time.sleep(0.05)
        said, _ = submitter.communicate()
        answer = json.loads(said.strip().splitlines()[-1])
        refused = {key for key, _ in answer["failed"]}
        wanted = [key for key, _ in Workload(seed, jobs) if key not in refused]
        effects = _wait_until_quiet(stage, wanted)
        return Losses(
            requests=jobs,
            refused=len(refused),
            lost=sum(not effects[key] for key in wanted),
            doubled=sum(effects[key] > 1 for key in wanted),
            kills=kills,
            seconds=time.monotonic() - began,
        )


def _wait_until_quiet(stage: Stage, wanted: list[str]) -> Counter[str]:
    """Effects by key, once all have happened or nothing has for QUIET seconds."""
    last, since = -1, time.monotonic()
    for _ in itertools.count():
        effects = Counter(line.key for line in journal.read(stage.journal) if line.event == "ended")
        if effects.total() != last:
            last, since = effects.total(), time.monotonic()
        everything = all(effects[key] for key in wanted)
        # A little longer even then: what is done twice comes later.
        if time.monotonic() - since > (20.0 if everything else QUIET):
            return effects
        time.sleep(0.5)
    raise AssertionError
