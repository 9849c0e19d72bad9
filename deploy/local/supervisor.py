"""Runs programs side by side: one log with a name before every line, a restart for whatever dies, a stop in good order.

A program never notices the terminal: it has a session of its own, and is told to end by us. When we are killed
ourselves the kernel tells it (see ``machine.child``).
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from deploy.local.machine import Account, Trouble, child, say, show

#: Seconds before a program that died is started again: the n-th time in a row.
BACKOFF: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
#: Seconds of life after which a death is not one in a row.
SETTLED: Final = 60.0
_LINE: Final = 16_384
_COLOURS: Final = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)


@dataclass(frozen=True, slots=True)
class Program:
    """Something to keep running.

    Attributes:
        stop_by: signals and the second of the stop at which each is sent; SIGKILL to its whole process group follows.
        killed_at: that second.
        dies_by: the signal it gets when the supervisor itself is killed.
        before: called before every start.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    folder: Path
    account: Account | None = None
    stop_by: Sequence[tuple[float, signal.Signals]] = ((0.0, signal.SIGTERM),)
    killed_at: float = 8.0
    dies_by: signal.Signals = signal.SIGTERM
    before: Callable[[], object] = field(default=lambda: None)


class Log:
    """Lines of all programs, coloured on a terminal and plain in a file."""

    def __init__(self, folder: Path, names: Sequence[str], *, colour: bool | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "backroom.log"
        self._file = _File(self.path, maxBytes=10_000_000, backupCount=3, encoding="utf-8")
        self._width = max((len(name) for name in names), default=0)
        self._colours = dict(zip(names, _COLOURS * 3, strict=False))
        self._colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ if colour is None else colour

    def line(self, name: str, words: str) -> None:
        padded = f"{name:{self._width}}"
        shown = f"\x1b[{self._colours.get(name, 1)}m{padded}\x1b[0m" if self._colour else padded
        show(f"{shown} │ {words}")
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        self._file.emit(logging.makeLogRecord({"msg": f"{stamp} {padded} | {words}"}))

    def close(self) -> None:
        self._file.close()


class _File(RotatingFileHandler):
    """A full disk is said once, not with a traceback for every line."""

    _said = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802
        if not self._said:
            self._said = True
            say(f"{self.baseFilename} cannot be written: {sys.exc_info()[1]}")


def pause_after(deaths: int) -> float:
    """Seconds until the next start after ``deaths`` deaths in a row."""
    return BACKOFF[min(deaths, len(BACKOFF)) - 1]


class Supervised:
    """One program, from its first start to its stop."""

    def __init__(self, program: Program, log: Log) -> None:
        self.program = program
        self.started_at = 0.0  # time.time() of the present start; 0: it is not running
        self._log = log
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @property
    def name(self) -> str:
        return self.program.name

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name=self.name)

    async def _keep_running(self) -> None:
        deaths = 0
        while True:
            born = time.monotonic()
            words = await self._live()
            if self._stopping.is_set():
                return
            deaths = 1 if time.monotonic() - born > SETTLED else deaths + 1
            pause = pause_after(deaths)
            self._log.line(self.name, f"** {words}; starting it again in {pause:.0f} s")
            await asyncio.sleep(pause)

    async def _live(self) -> str:
        """Runs the program once; returns how it ended."""
        try:
            self.program.before()
            process, words = await spawn(self.program)
        except OSError as error:
            return f"cannot start: {error}"
        self._process, self.started_at = process, time.time()
        pump = asyncio.create_task(pump_lines(words, lambda line: self._log.line(self.name, line)))
        try:
            code = await process.wait()
        finally:
            self.started_at = 0.0
        kill_group(process.pid)  # a dead worker's children must not go on working
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pump, 1.0)
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ends the program as it asks to be ended, or at once when ``hurry`` is set."""
        self._stopping.set()
        process = self._process
        if process is not None and _lives(process):
            begun = time.monotonic()
            for second, number in (*self.program.stop_by, (self.program.killed_at, signal.SIGKILL)):
                await _first(process.wait(), hurry.wait(), patience=begun + second - time.monotonic())
                if not _lives(process):
                    break
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                if number == signal.SIGKILL or hurry.is_set():
                    kill_group(process.pid)
            await process.wait()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def _lives(process: Process) -> bool:
    return process.returncode is None


async def _first(*waits: Coroutine[Any, Any, object], patience: float) -> None:
    """Returns when one of ``waits`` is over, or after ``patience`` seconds."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=max(patience, 0.0), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


def kill_group(leader: int) -> None:
    """SIGKILL to what is left of the process group that ``leader`` led."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


async def spawn(program: Program) -> tuple[Process, asyncio.StreamReader]:
    """Starts ``program``; returns it and what it says. The pipe is ours, so that a grandchild that holds on to it does
    not keep us from seeing that the program has ended.
    """
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *program.argv,
            cwd=program.folder,
            env=dict(program.env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=writing,
            stderr=asyncio.subprocess.STDOUT,
            **child(account=program.account, dies_by=program.dies_by),
        )
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    words = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(words), os.fdopen(reading, "rb")
    )
    return process, words


async def pump_lines(words: asyncio.StreamReader, write: Callable[[str], None]) -> None:
    """Hands every line to ``write``, a very long one in pieces."""
    rest = b""
    while chunk := await words.read(65_536):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            write(line.decode("utf-8", "replace").rstrip())
    if rest:
        write(rest.decode("utf-8", "replace").rstrip())


async def run_once(program: Program, log: Log) -> None:
    """Runs a program that ends by itself, to its end. Raises Trouble where it ends badly."""
    process, words = await spawn(program)
    try:
        await pump_lines(words, lambda line: log.line(program.name, line))
        code = await process.wait()
    finally:
        kill_group(process.pid)
    if code:
        raise Trouble(f"{program.name} ended with code {code}; what it said is above and in {log.path}.")


async def stop_all(stages: Sequence[Sequence[Supervised]], hurry: asyncio.Event) -> None:
    """Stops the programs of one stage side by side, and the stages one after the other."""
    for stage in stages:
        await asyncio.gather(*(supervised.stop(hurry) for supervised in stage))
