"""Runs programs that read what strangers sent: within limits, without a network, and with nothing left behind.

Each program has a guard of its own (see ``guard``). Whatever ends the waiting here, a limit, a cancelled job, a lost
lease or a bug, ends the program and everything that it has started before the exception goes on.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO, Any, Final

from media_pipeline.guard import LINUX
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused

#: Bytes kept of what a program says on stderr: its last words are what counts.
TAIL: Final = 8 * 1024
#: Bytes of a line of stdout; what is behind is dropped.
LONGEST_LINE: Final = 64 * 1024
#: Seconds between two calls of ``checkpoint``, and between two looks at the limits.
CHECK_EVERY: Final = 0.5
#: Seconds that a guard has to clear up before its whole group is killed.
_GRACE: Final = 5.0
_BLOCK: Final = 64 * 1024
_GUARD: Final = Path(__file__).with_name("guard.py")
_TICK: Final = os.sysconf("SC_CLK_TCK")


class Limit(Enum):
    MEMORY = "memory"
    CPU = "cpu"
    WALL = "wall"
    STALL = "stall"
    FILE_SIZE = "file size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a program may use.

    Attributes:
        memory: bytes of address space.
        cpu: seconds, over all its threads.
        wall: seconds until it is killed.
        stall: seconds of its CPU without a sign of progress until it is killed. Not of the clock: on a busy machine a
            program may wait long for its turn.
        file_size: bytes of any one file that it writes.
    """

    memory: int
    cpu: int
    wall: float
    stall: float
    file_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended.

    Attributes:
        code: exit code; negative: the signal that killed it; 127 where it could not be started.
        cpu: seconds used, by it and all that it started.
        peak: bytes resident at most, of it or one that it started.
        errors: the end of what it said on stderr.
    """

    code: int
    cpu: float
    peak: int
    errors: str


class Overrun(Exception):
    """The program hit a limit and is gone. ``ended`` says what it used until then."""

    def __init__(self, limit: Limit, ended: Ended) -> None:
        super().__init__(f"More {limit.value} than it may have.")
        self.limit = limit
        self.ended = ended


class Failed(Exception):
    """A function called in a process of its own raised, or died. ``ended.errors`` has the traceback."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(f"Exit code {ended.code}: {ended.errors[-500:]}")
        self.ended = ended


def _nothing() -> None:
    pass


def _no_sign(line: bytes) -> None:
    pass


def _none_to_be_seen() -> bool:
    return False


def run(
    argv: Sequence[str],
    *,
    folder: Path,
    limits: Limits,
    on_line: Callable[[bytes], bool | None] = _no_sign,
    moves: Callable[[], bool] = _none_to_be_seen,
    checkpoint: Callable[[], None] = _nothing,
    environment: Mapping[str, str] | None = None,
    nice: int = 10,
) -> Ended:
    """Runs ``argv`` (whose first is a path) in ``folder``, and waits for it.

    ``on_line`` gets each line of its stdout and says whether it is a sign of progress; ``moves`` looks for others, and
    ``checkpoint`` is called too, at least every second. All run in this thread, and what they raise rises once the
    program is gone. The program's
    environment holds ``environment`` and little else. Raises Overrun; OSError where no process can be started.
    """
    with _started(argv, folder=folder, limits=limits, environment=environment or {}, nice=nice) as child:
        checked = began = time.monotonic()
        while child.read(on_line):
            if (now := time.monotonic()) - checked >= CHECK_EVERY:
                checked = now
                checkpoint()
                if moves():
                    child.cpu_at_sign = child.cpu()
                if now - began > limits.wall:
                    raise Overrun(Limit.WALL, child.stopped())
                if child.cpu() - child.cpu_at_sign > limits.stall:
                    raise Overrun(Limit.STALL, child.stopped())
        ended = child.ended()
    if ended.code == -signal.SIGXFSZ:
        raise Overrun(Limit.FILE_SIZE, ended)
    # Some programs end by themselves at the soft limit's signal.
    if ended.code != 0 and ended.cpu > limits.cpu - 1:
        raise Overrun(Limit.CPU, ended)
    return ended


@contextmanager
def _started(
    argv: Sequence[str], *, folder: Path, limits: Limits, environment: Mapping[str, str], nice: int
) -> Iterator["_Child"]:
    heard, says = os.pipe()
    wanted = {
        "parent": os.getpid(),
        "says": says,
        "nice": nice,
        "limits": {
            "RLIMIT_AS": limits.memory,
            "RLIMIT_CPU": limits.cpu,
            "RLIMIT_FSIZE": limits.file_size,
            "RLIMIT_CORE": 0,
        },
        "environment": {
            "PATH": os.defpath,
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            **environment,
        },
    }
    try:
        guard = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), json.dumps(wanted), *argv],
            cwd=folder,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[says],
            start_new_session=True,
            bufsize=0,
        )
    except OSError:
        os.close(heard)
        raise
    finally:
        os.close(says)
    with guard, os.fdopen(heard, "rb", buffering=0) as words, selectors.DefaultSelector() as selector:
        child = _Child(guard, words, selector)
        try:
            yield child
        finally:
            child.stop()


@dataclass(slots=True)
class _Child:
    guard: subprocess.Popen[bytes]
    words: IO[bytes]
    selector: selectors.BaseSelector
    said: bytes = b""
    errors: bytes = b""
    line: bytes = b""
    #: Seconds of CPU that it had used at the last sign of progress.
    cpu_at_sign: float = 0.0
    _cpu: float = field(default=0.0)

    def __post_init__(self) -> None:
        assert self.guard.stdout
        assert self.guard.stderr
        for file in (self.guard.stdout, self.guard.stderr, self.words):
            self.selector.register(file, selectors.EVENT_READ)

    def read(self, on_line: Callable[[bytes], bool | None]) -> bool:
        """Takes what has come, waiting for it at most until the next check. False once everything has."""
        for key, _ in self.selector.select(CHECK_EVERY):
            block = os.read(key.fd, _BLOCK)
            if not block:
                self.selector.unregister(key.fileobj)
            if key.fileobj is self.words:
                self.said += block
            elif key.fileobj is self.guard.stderr:
                self.errors = (self.errors + block)[-TAIL:]
            else:
                self._lines(block, on_line)
        return bool(self.selector.get_map())

    def _lines(self, block: bytes, on_line: Callable[[bytes], bool | None]) -> None:
        *lines, rest = block.split(b"\n")
        for line in lines:
            whole, self.line = self.line + line, b""
            if on_line(whole[:LONGEST_LINE]):
                self.cpu_at_sign = self.cpu()
        self.line = (self.line + rest)[:LONGEST_LINE]
        if self.line and not block:
            on_line(self.line)

    def cpu(self) -> float:
        """Seconds of CPU used so far: 0 where this system does not say (it has no /proc)."""
        if not LINUX or b"\n" not in self.said:
            return 0.0
        program = json.loads(self.said.partition(b"\n")[0])["pid"]
        with suppress(OSError):
            fields = Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()
            self._cpu = (int(fields[11]) + int(fields[12])) / _TICK
        return self._cpu

    def stop(self) -> None:
        """Ends what still runs, and waits until it is gone."""
        if self.guard.poll() is not None:
            return
        self.guard.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.guard.wait(_GRACE)
        if self.guard.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.guard.pid, signal.SIGKILL)
            self.guard.wait()

    def stopped(self) -> Ended:
        self.stop()
        while self.read(_no_sign):
            pass
        return self.ended()

    def ended(self) -> Ended:
        self.guard.wait()
        report: dict[str, Any] = {}
        for line in self.said.splitlines():
            report |= json.loads(line)
        code = report.get("code")
        return Ended(
            code=-signal.SIGKILL if code is None else code,
            cpu=report.get("cpu", self._cpu),
            peak=report.get("peak", 0),
            errors=self.errors.decode(errors="replace"),
        )


def call(
    function: str,
    *,
    folder: Path,
    limits: Limits,
    checkpoint: Callable[[], None] = _nothing,
    environment: Mapping[str, str] | None = None,
    **arguments: Any,
) -> Any:
    """Calls ``function`` (``module:name``) with ``arguments`` in a process of its own, confined like a program.

    Arguments and result go through JSON; the result may have 64 KiB. The module must not need Django to be set up.
    Raises Refused where the function does, Overrun, and Failed for anything else that it raises or dies of.
    """
    answers: list[bytes] = []
    ended = run(
        # -P: nothing is imported from the folder, which strangers' files are in.
        [sys.executable, "-P", "-m", "media_pipeline.called", function, json.dumps(arguments)],
        folder=folder,
        limits=limits,
        on_line=answers.append,
        checkpoint=checkpoint,
        environment={"PYTHONPATH": str(_GUARD.parent.parent), **(environment or {})},
    )
    if ended.code != 0 or not answers:
        raise Failed(ended)
    answer = json.loads(answers[-1])
    if "refused" in answer:
        raise Refused(Reason(answer["refused"]))
    if "memory" in answer:
        raise Overrun(Limit.MEMORY, ended)
    return answer["returned"]
