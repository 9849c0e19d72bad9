"""Runs a program with the database and the broker that it needs: those that the environment names, or our own."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deploy.local import environment, services
from deploy.local.machine import ROOT, Trouble, locked, make_folder


@contextlib.contextmanager
def servers(folder: Path, *, shared: bool = False) -> Iterator[dict[str, str]]:
    """The environment of a program that works in ``folder``, with its servers running for the length of the block.

    ``shared``: where another command (``./run up``) is running them, they are used and left running. Raises Trouble.
    """
    make_folder(folder)
    with locked(folder) as alone:
        values = environment.read(folder)
        if not alone:
            if not shared:
                raise Trouble(f"Another command is at work in {folder}. Wait for it, or name another: BACKROOM_VAR.")
            yield environment.merged(values, folder)
            return
        values = environment.completed(values)
        environment.write(folder, values)
        logs = folder / "log"
        make_folder(logs)
        with services.running(services.needed(values, folder), logs):
            yield environment.merged(values, folder)


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Ends the program with one line where the machine is in the way, and in good order when it is told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    except Trouble as trouble:
        sys.exit(f"backroom: {trouble}")
    except OSError as error:
        sys.exit(f"backroom: {error.strerror or error}{f': {error.filename}' if error.filename else ''}")
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def python(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Runs this Python with ``arguments`` in the project's folder, to its end; returns its status."""
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=env)
    try:
        return process.wait()
    except BaseException:  # Ctrl-C has reached it too; SIGTERM has not
        process.terminate()
        process.wait()
        raise
