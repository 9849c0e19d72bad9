"""Processes that can be killed, frozen and started again, each with its descendants and with a log of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.machine import ROOT, child


def wait_for(what: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Waits until ``what()``; False where that has not happened after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def descendants(pid: int) -> list[int]:
    """The living processes that ``pid`` started, and those that they started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            state, parent = entry.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(entry.parts[2]))
    found = [pid]
    for known in found:
        found += parents.get(known, [])
    return found[1:]


@dataclass(slots=True)
class Process:
    """A program in a session of its own, which is killed when this process ends, however that comes about.

    ``ready_words``: what its log says once it is at work.
    """

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str]
    log: Path
    ready_words: bytes = b""
    cwd: Path = ROOT
    _popen: "subprocess.Popen[bytes] | None" = None
    _log_start: int = field(default=0)

    @property
    def pid(self) -> int:
        assert self._popen is not None, f"{self.name} was never started"
        return self._popen.pid

    @property
    def runs(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def is_ready(self) -> bool:
        if not self.runs:
            return False
        with self.log.open("rb") as words:
            words.seek(self._log_start)
            return self.ready_words in words.read()

    def start(self) -> None:
        with self.log.open("ab") as words:
            self._log_start = words.tell()
            self._popen = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                **child(dies_by=signal.SIGKILL),
            )

    def signal(self, number: signal.Signals) -> None:
        """To all of its session at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> list[int]:
        """SIGKILL to all of it; returns the process ids that ended so."""
        if self._popen is None:
            return []
        pids = [self.pid, *descendants(self.pid)]
        self.signal(signal.SIGKILL)
        self._popen.wait()
        return pids

    def stop(self, patience: float) -> None:
        """Asks it to end in good order; kills what is still there after ``patience`` seconds."""
        if self._popen is None:
            return
        with suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(patience)
        self.kill()
