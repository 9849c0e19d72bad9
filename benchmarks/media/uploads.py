"""A large upload beside drf-tus: ``python -m benchmarks.media.uploads [--megabytes 2048] [--patch 64]``.

Both take the same bytes by tus 1.0.0, each PATCH on a connection of its own, under gunicorn as the product starts it,
on the same PostgreSQL, one after the other. Counts CPU, what is resident in a worker beyond what was before, and what
is left of a PATCH whose connection is cut halfway. drf-tus runs in the smallest Django project that it works in, which
is written into a temporary folder; it and what it needs are installed into a virtual environment of their own the first
time. Prints Markdown.
"""

import argparse
import contextlib
import http.client
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import django

from benchmarks import peers
from benchmarks.kernel import machine
from benchmarks.kernel.servers import Servers
from deploy.local.machine import ROOT, VAR, Trouble, free_port, need_room
from deploy.local.up import web
from deploy.local.within import one_line_errors

PEERS: Final = ("drf-tus==2.0.3", "djangorestframework==3.18.3", f"Django=={django.__version__}")
MB: Final = 1 << 20
#: Seconds that an answer may take; the last one of drf-tus comes after a copy of the whole file.
PATIENCE: Final = 300
_TOKEN: Final = "a" * 32
_BLOCK: Final = os.urandom(MB)
_SITE: Final = "tus_site"
#: The smallest project that drf-tus works in. BODY_LIMIT: Django's DATA_UPLOAD_MAX_MEMORY_SIZE; "": none.
_PEER: Final = """
import os
from urllib.parse import urlsplit

from django.conf import settings
from django.core.wsgi import get_wsgi_application

place = urlsplit(os.environ["DATABASE_URL"])
limit = os.environ["BODY_LIMIT"]
settings.configure(
    SECRET_KEY="benchmark",
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    BASE_DIR=os.environ["TMPDIR"],
    MEDIA_ROOT=os.environ["TMPDIR"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=int(limit) if limit else None,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "rest_framework",
        "rest_framework_tus",
    ],
    MIDDLEWARE=["rest_framework_tus.middleware.TusMiddleware"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": place.path.lstrip("/"),
            "USER": place.username,
            "PASSWORD": place.password,
            "HOST": place.hostname,
            "PORT": place.port,
            "CONN_MAX_AGE": 60,
        }
    },
)
application = get_wsgi_application()

from django.urls import include, path

urlpatterns = [path("", include("rest_framework_tus.urls", namespace="rest_framework_tus"))]
"""
_MIGRATED: Final = f"import {_SITE}; from django.core.management import call_command; call_command('migrate')"
#: Prints the session of somebody who may upload.
_SIGNED_IN: Final = """
from django.test import Client
from shop.accounts.services import create_person
client = Client()
client.force_login(create_person(username="uploader", email="uploader@example.com", password="benchmark"))
print("session", client.cookies["sessionid"].value)
"""


@dataclass
class Site:
    """A running gunicorn that takes uploads at ``path``."""

    process: machine.Process
    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def workers(self) -> list[int]:
        return [pid for pid in machine.tree(self.process.pid) if pid != self.process.pid]

    def send(
        self, method: str, path: str, headers: Mapping[str, object], *, length: int, sent: int
    ) -> http.client.HTTPConnection:
        """A connection on which a request with a body of ``length`` bytes has been sent, or ``sent`` of them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.putrequest(method, path)
        asked = {"Tus-Resumable": "1.0.0", "Content-Length": length, "Connection": "close", **self.headers, **headers}
        if method == "PATCH":
            asked["Content-Type"] = "application/offset+octet-stream"
        for name, value in asked.items():
            connection.putheader(name, str(value))
        connection.endheaders()
        # Who answers before all is sent does not want the rest.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for start in range(0, sent, MB):
                connection.send(memoryview(_BLOCK)[: min(MB, sent - start)])
        return connection

    def ask(
        self, method: str, path: str, headers: Mapping[str, object], *, length: int = 0
    ) -> tuple[int, dict[str, str]]:
        """The answer's status, and its headers with small letters."""
        connection = self.send(method, path, headers, length=length, sent=length)
        with contextlib.closing(connection):
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}

    def create(self, length: int) -> str:
        status, headers = self.ask("POST", self.path, {"Upload-Length": length})
        if status != http.HTTPStatus.CREATED:
            raise Trouble(f"No upload is begun: {status}, {self.process.log}")
        return headers["location"].removeprefix(f"http://127.0.0.1:{self.port}")

    def patch(self, address: str, offset: int, length: int) -> int:
        return self.ask("PATCH", address, {"Upload-Offset": offset}, length=length)[0]

    def offset(self, address: str) -> int:
        """How much is there, once it says so."""
        found: list[int] = []

        def says() -> bool:
            status, headers = self.ask("HEAD", address, {})
            if status == http.HTTPStatus.OK:
                found.append(int(headers["upload-offset"]))
            return bool(found)

        if not machine.wait_for(says, seconds=PATIENCE, every=0.2):
            raise Trouble(f"It does not say how much is there: {self.process.log}")
        return found[0]

    def upload(self, length: int, patch: int) -> float:
        """Sends ``length`` bytes in PATCHes of ``patch``; returns the seconds that the last of them took."""
        address = self.create(length)
        began = time.monotonic()
        for offset in range(0, length, patch):
            began = time.monotonic()
            status = self.patch(address, offset, min(patch, length - offset))
            if status != http.HTTPStatus.NO_CONTENT:
                raise Trouble(f"A PATCH is refused: {status}, {self.process.log}")
        return time.monotonic() - began

    def left_of(self, patch: int, *, reset: bool) -> int:
        """Bytes that are there of a PATCH that is cut halfway, by a reset of the connection or by its orderly end."""
        address = self.create(2 * patch)
        connection = self.send("PATCH", address, {"Upload-Offset": 0}, length=patch, sent=patch // 2)
        time.sleep(2)  # what was sent has been read, or never will be
        sock = connection.sock
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection.getresponse().read()
        connection.close()
        time.sleep(1)
        return self.offset(address)


@contextlib.contextmanager
def running(site: Site) -> Iterator[Site]:
    """Waits until it answers; stops it in the end."""

    def answers() -> bool:
        try:
            return site.ask("OPTIONS", site.path, {})[0] < http.HTTPStatus.BAD_REQUEST
        except OSError:
            return False

    try:
        if not machine.wait_for(answers, seconds=60, every=0.2):
            raise Trouble(f"The site does not start: {site.process.log}")
        yield site
    finally:
        site.process.stop(5)


@contextlib.contextmanager
def ours(servers: Servers, folder: Path) -> Iterator[Site]:
    port = free_port(avoid=set())
    env = _surroundings(servers, "uploads_ours", folder) | {
        "CELERY_BROKER_URL": servers.brokers["valkey"].url,
        "UPLOAD_FOLDER": str(folder / "uploads"),
        "HTTPS_ONLY": "no",
        "SECRET_KEY": "benchmark",
        "BACKROOM_VAR": str(folder),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(ROOT),
    }
    (folder / "static").mkdir()
    _run([sys.executable, "manage.py", "migrate", "--verbosity=0"], env)
    session = _run([sys.executable, "manage.py", "shell", "-c", _SIGNED_IN], env).rpartition("session ")[2].strip()
    headers = {"Cookie": f"sessionid={session}; csrftoken={_TOKEN}", "X-CSRFToken": _TOKEN}
    process = machine.start(web(env, port).argv, env, folder / "web.log")
    with running(Site(process, port, "/media/uploads/", headers)) as site:
        yield site


@contextlib.contextmanager
def theirs(servers: Servers, folder: Path, python: str, *, limit: str) -> Iterator[Site]:
    """``limit``: bytes of a request's body; "": any."""
    port = free_port(avoid=set())
    env = _surroundings(servers, "uploads_theirs", folder) | {
        "BODY_LIMIT": limit,
        "TMPDIR": str(folder),
        "PYTHONPATH": str(folder),
    }
    (folder / f"{_SITE}.py").write_text(_PEER)
    _run([python, "-c", _MIGRATED], env)
    swapped = {sys.executable: python, "config.wsgi": _SITE}
    command = [swapped.get(word, word) for word in web(env, port).argv]
    with running(Site(machine.start(command, env, folder / "web.log"), port, "/files/")) as site:
        yield site


def _surroundings(servers: Servers, database: str, folder: Path) -> dict[str, str]:
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return known | {"DATABASE_URL": servers.database(database), "HOME": str(folder)}


def _run(command: Sequence[str], env: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Trouble(f"{' '.join(command[:3])}: {done.stderr[-2000:]}")
    return done.stdout


def _resident(pid: int, what: str = "VmRSS") -> float:
    """MB; ``VmHWM``: at most, since ``_forget``."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def _forget(pid: int) -> None:
    """Has the kernel count the most resident memory from now on (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass(frozen=True, slots=True)
class Result:
    """What a site used, and what it keeps.

    Attributes:
        cpu, wall: seconds, of all workers; ``last``: of the last PATCH.
        before: MB resident in the worker that took the most.
        added: MB that it had at most beyond that.
        left_reset, left_closed: bytes that are there of half a PATCH.
    """

    cpu: float
    wall: float
    last: float
    before: float
    added: float
    left_reset: int
    left_closed: int


def measured(site: Site, length: int, patch: int) -> Result:
    for _ in range(8):  # so that each worker has loaded all that it needs
        site.upload(2 * MB, MB)
    before = {}
    for pid in site.workers:
        before[pid] = _resident(pid)
        _forget(pid)
    cpu, began = machine.cpu(site.process.pid), time.monotonic()
    last = site.upload(length, patch)
    cpu, wall = machine.cpu(site.process.pid) - cpu, time.monotonic() - began
    added = {pid: _resident(pid, "VmHWM") - resident for pid, resident in before.items()}
    most = max(added, key=lambda pid: added[pid])
    left_reset, left_closed = (site.left_of(patch, reset=reset) for reset in (True, False))
    return Result(cpu, wall, last, before[most], added[most], left_reset, left_closed)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.media.uploads", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2048, help="of the upload (default: %(default)s)")
    parser.add_argument("--patch", type=int, default=64, help="megabytes of a PATCH (default: %(default)s)")
    options = parser.parse_args(arguments)
    folder = VAR / "bench" / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    python = peers.python(folder / "peers", PEERS)
    need_room(folder, 3 * options.megabytes)
    length, patch = options.megabytes * MB, options.patch * MB
    servers = Servers(folder, rabbitmq=False)
    found: dict[str, Result] = {}
    try:
        with _temporary(folder) as home, theirs(servers, home, python, limit="2621440") as site:
            refused = site.patch(site.create(length), 0, patch)
        sites: dict[str, Callable[[Path], contextlib.AbstractContextManager[Site]]] = {
            "Backroom": lambda home: ours(servers, home),
            "drf-tus, Django's limit of a body lifted": lambda home: theirs(servers, home, python, limit=""),
        }
        for name, start in sites.items():
            with _temporary(folder) as home, start(home) as site:
                found[name] = measured(site, length, patch)
    finally:
        servers.close()
    print(f"\n### {options.megabytes} MB in PATCHes of {options.patch} MB\n")
    print("| | added to a worker's RSS at most, MB | before, MB | CPU, s | wall, s | of it the last PATCH, s |", end="")
    print(" left of half a PATCH, reset, MB | closed, MB |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, result in found.items():
        print(
            f"| {name} | {result.added:.1f} | {result.before:.0f} | {result.cpu:.2f} | {result.wall:.1f} |"
            f" {result.last:.2f} | {result.left_reset / MB:.1f} | {result.left_closed / MB:.1f} |",
            flush=True,
        )
    print(f"\ndrf-tus with Django's limit as it comes (2.5 MB) answers {refused} to a PATCH of {options.patch} MB.")


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(dir=folder))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
