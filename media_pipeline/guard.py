"""Stands between a worker and a program it does not trust, and leaves nothing of that program behind.

A program of its own, started by ``confined.run`` and never imported; standard library only, for it starts often.
It puts the limits on, starts the program, waits until that ends, and then kills whatever the program has started in
turn, wherever that hides: as a "subreaper" the guard inherits every process whose parent has ended (prctl(2)). It does
the same when it is asked to stop (SIGTERM), which is also what the kernel sends it once the worker is gone, however
that came about. Should the guard itself be killed, the kernel kills the program.

Says on the descriptor it is given, a line of JSON each: the program's process id; how that ended.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

LINUX: Final = sys.platform.startswith("linux")
#: Exit code of a program that could not be started, as shells have it.
NOT_STARTED: Final = 127
_STOP: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000
_libc: Final = ctypes.CDLL(None, use_errno=True) if LINUX else None


def main() -> int:
    wanted: dict[str, Any] = json.loads(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, {*_STOP, signal.SIGCHLD})
    _die_with(wanted["parent"], signal.SIGTERM)
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _leave_the_network(_libc)
    guard = os.getpid()
    program = os.fork()
    if program == 0:
        _become(sys.argv[2:], guard, wanted)
    _say(wanted["says"], {"pid": program})
    status = _wait(program)
    _kill_the_rest(program)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    _say(
        wanted["says"],
        {
            # None: stopped before it had ended by itself.
            "code": None if status is None else os.waitstatus_to_exitcode(status),
            "cpu": used.ru_utime + used.ru_stime,
            "peak": used.ru_maxrss * (1024 if LINUX else 1),
        },
    )
    return 0


def _die_with(parent: int, by: signal.Signals) -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def _leave_the_network(libc: ctypes.CDLL) -> None:
    """Where this machine lets us. The lists of protocols on each call keep programs off the network everywhere."""
    if libc.unshare(_CLONE_NEWNET):
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _become(argv: list[str], guard: int, wanted: dict[str, Any]) -> NoReturn:
    """Puts on the limits and becomes the program."""
    try:
        os.close(wanted["says"])
        _die_with(guard, signal.SIGKILL)
        if _libc is not None:
            _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for name, most in wanted["limits"].items():
            # What a system does not know, or has set lower, stays as it is.
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, name), (most, most))
        os.nice(wanted["nice"])
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, for itself
            signal.signal(ignored, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(argv[0], argv, wanted["environment"])  # noqa: S606 (no shell is the point)
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(NOT_STARTED)


def _wait(program: int) -> int | None:
    """The program's wait status; None where we were asked to stop before it had one."""
    while signal.sigwait({*_STOP, signal.SIGCHLD}) == signal.SIGCHLD:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == program:
                    return ended[1]
    return None


def _kill_the_rest(program: int) -> None:
    """Kills children until there are none: each round hands us those of the one before."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        while True:
            for child in _children() if LINUX else [program]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(entry.read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(entry.parent.name))
    return found


def _say(says: int, words: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(says, json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
