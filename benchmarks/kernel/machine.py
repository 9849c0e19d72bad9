"""Processes of a measurement: started, counted (CPU, memory), frozen and killed as whole trees. Linux only."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.local.machine import ROOT, child

_TICK: Final = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """``root`` and all that descend from it, as far as they live."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children.setdefault(int(entry.read_text().rpartition(")")[2].split()[1]), []).append(int(entry.parts[2]))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu(root: int) -> float:
    """CPU seconds that the tree of ``root`` has used, with children that have ended."""
    ticks = 0
    for pid in tree(root):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])  # utime, stime, cutime, cstime
    return ticks / _TICK


def memory(root: int) -> float:
    """MB of the tree of ``root``, shared pages counted once (proportional set size)."""
    kilobytes = 0
    for pid in tree(root):
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kilobytes += int(line.split()[1])
    return kilobytes / 1024


@dataclass(slots=True)
class Process:
    """A process with its descendants, in a session of its own."""

    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    popen: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        return self.popen.pid

    def signal(self, number: signal.Signals) -> None:
        """To all of them at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, patience: float = 10.0) -> None:
        """Asks the leader to end in good order; kills what is still there after ``patience`` seconds."""
        with suppress(ProcessLookupError):
            self.popen.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.popen.wait(patience)
        self.kill()

    def restart(self) -> None:
        """The same again, after a kill."""
        self.popen = start(self.command, self.env, self.log).popen


def start(command: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    """Starts ``command`` in the project's folder, its words at the end of ``log``."""
    with log.open("ab") as words:
        popen = subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            **child(dies_by=signal.SIGKILL),
        )
    return Process(command, env, log, popen)


def ask(command: Sequence[str], env: Mapping[str, str]) -> Any:
    """Runs ``command`` to its end and returns the JSON that it prints last. Raises RuntimeError with its last words."""
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[-4:])}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else None


def wait_for(what: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Waits until ``what()`` is true; False where that has not happened after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
