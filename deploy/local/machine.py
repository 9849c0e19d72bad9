"""What every command here needs of the machine: folders, ports, locks, child processes. Standard library only."""

import contextlib
import ctypes
import fcntl
import os
import random
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
VAR: Final = Path(os.environ.get("BACKROOM_VAR", ROOT / "var")).resolve()
LINUX: Final = sys.platform.startswith("linux")
#: Every process that `./run up` starts carries this variable with the folder it belongs to, so that what a killed
#: supervisor left behind can be told from everything else.
MARK: Final = "BACKROOM_RUN"
#: Below Linux' range of ephemeral ports, so that no outgoing connection sits on a port that is ours to keep.
PORTS: Final = range(20_000, 32_000)
_PR_SET_PDEATHSIG: Final = 1
_libc: Final = ctypes.CDLL(None, use_errno=True) if LINUX else None


class Trouble(Exception):
    """Something about this machine is in the way. The message is one line for a person: what it is and what helps."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a child process runs as."""

    uid: int
    gid: int


def show(line: str) -> None:
    """Prints ``line``; whoever read us may be gone, which is no reason to stop short."""
    with contextlib.suppress(BrokenPipeError):
        print(line, flush=True)


def say(words: str) -> None:
    show(f"backroom: {words}")


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(*, avoid: set[int], is_free: Callable[[int], bool] = port_is_free) -> int:
    """A port of 127.0.0.1 that nobody listens on, not in ``avoid``. Raises Trouble where there is none."""
    for port in random.sample(PORTS, 200):
        if port not in avoid and is_free(port):
            return port
    raise Trouble("No free port between 20000 and 32000 on 127.0.0.1.")


def next_free_port(first: int, *, is_free: Callable[[int], bool] = port_is_free) -> int:
    """``first``, or the nearest port above it that nobody listens on."""
    for port in range(first, first + 100):
        if is_free(port):
            return port
    raise Trouble(f"Ports {first} to {first + 99} of 127.0.0.1 are all taken. Name a free one: ./run up --port N")


def need_room(folder: Path, megabytes: int) -> None:
    """Raises Trouble where the disk of ``folder`` has less than ``megabytes`` free."""
    if (free := shutil.disk_usage(folder).free // 1_000_000) < megabytes:
        raise Trouble(f"The disk of {folder} is full ({free} MB free, {megabytes} needed). Free some space.")


def make_folder(folder: Path) -> None:
    """Makes ``folder``, open for others to pass through. Raises Trouble where it cannot be written."""
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise Trouble(f"Cannot make {folder}: {error.strerror}.") from None
    if not os.access(folder, os.W_OK):
        raise Trouble(
            f"Cannot write to {folder}. Was it made by another user? Remove it or name another: BACKROOM_VAR."
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Holds the lock of ``folder`` for as long as this process lives; yields False where another process has it."""
    with (folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def child(*, account: Account | None = None, dies_by: signal.Signals = signal.SIGTERM) -> dict[str, Any]:
    """Arguments of ``subprocess.Popen`` for a child in a session of its own (so that the terminal's Ctrl-C does not
    reach it), as ``account``, which is sent ``dies_by`` when this process is gone, however that came about.

    Linux forgets the signal when a process changes its user; Popen runs ``preexec_fn`` after that.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(dies_by))
            if os.getppid() != parent:  # it died before we asked
                os._exit(1)

    arguments: dict[str, Any] = {"start_new_session": True, "preexec_fn": die_with_parent}
    if account is not None:
        arguments |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return arguments


def processes(matches: Callable[[Path], bool]) -> list[int]:
    """Process ids whose folder in /proc ``matches``; none where there is no /proc, or it may not be read."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if matches(entry):
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def parent(pid: int) -> int:
    """The process that started ``pid``; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def marked(folder: Path) -> Callable[[Path], bool]:
    """Matches processes that a supervisor of ``folder`` started."""
    mark = f"{MARK}={folder}".encode()
    return lambda entry: mark in (entry / "environ").read_bytes().split(b"\0")


def working_in(folder: Path, program: str) -> Callable[[Path], bool]:
    """Matches processes of ``program`` (a file name) whose working directory is ``folder``."""
    return lambda entry: (entry / "cwd").readlink() == folder and (entry / "exe").readlink().name.startswith(program)
