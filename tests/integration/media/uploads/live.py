"""The site as ``./run up`` starts it, and clients of it that speak tus over bare sockets, so that they can break off."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection
from django.test import Client

from deploy.local.machine import next_free_port
from deploy.local.up import web
from shop.accounts.models import User
from tests.harness.processes import Process, descendants, wait_for

TOKEN = "a" * 32
#: Seconds that an answer may take.
PATIENCE = 30


@dataclass
class Answer:
    status: int
    headers: dict[str, str]

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


@dataclass
class Site:
    """A running gunicorn, and a person who has signed in to it."""

    process: Process
    port: int
    cookies: str
    opened: list[socket.socket] = field(default_factory=list)

    @property
    def workers(self) -> list[int]:
        return descendants(self.process.pid)

    def connect(self) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.opened.append(sock)
        return sock

    def send_head(self, sock: socket.socket, method: str, path: str, length: int, **headers: object) -> None:
        """The first part of a request, whose body of ``length`` bytes is to follow."""
        lines = {
            "Host": f"127.0.0.1:{self.port}",
            "Cookie": self.cookies,
            "X-CSRFToken": TOKEN,
            "Tus-Resumable": "1.0.0",
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": length,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in lines.items()), "", ""]
        sock.sendall("\r\n".join(head).encode())

    def ask(self, method: str, path: str, body: bytes = b"", **headers: object) -> Answer:
        sock = self.connect()
        self.send_head(sock, method, path, len(body), Connection="close", **headers)
        sock.sendall(body)
        answer = read_answer(sock)
        sock.close()
        return answer

    def create(self, length: int) -> str:
        answer = self.ask("POST", "/media/uploads/", Upload_Length=length)
        assert answer.status == 201
        return answer.headers["location"]

    def offset(self, address: str) -> int:
        """As the server says, which may ask for another moment."""
        answers: list[Answer] = []

        def has_answered() -> bool:
            answers.append(self.ask("HEAD", address))
            return answers[-1].status == 200

        assert wait_for(has_answered, seconds=PATIENCE), answers[-1]
        return answers[-1].offset

    def begin_patch(self, address: str, offset: int, length: int, sent: bytes) -> socket.socket:
        """A connection on which ``sent`` is on its way, the first of ``length`` bytes."""
        sock = self.connect()
        self.send_head(sock, "PATCH", address, length, Upload_Offset=offset)
        sock.sendall(sent)
        return sock

    def patch(self, address: str, offset: int, body: bytes, **headers: object) -> Answer:
        return self.ask("PATCH", address, body, Upload_Offset=offset, **headers)


def read_answer(sock: socket.socket) -> Answer:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError(f"the server ended the connection after {data!r}")
        data += piece
    status, *lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status.split()[1]), headers)


def reset(sock: socket.socket) -> None:
    """Ends the connection without a word of goodbye, as a router that restarts does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def running_site(person: User, folder: Path) -> Iterator[Site]:
    """On the test's own database, with its folder of uploads."""
    client = Client()
    client.force_login(person)
    port = next_free_port(18600)
    database = settings.DATABASES["default"]
    who = f"{database['USER']}:{quote(database['PASSWORD'], safe='')}"
    url = f"postgresql://{who}@{database['HOST']}:{database['PORT']}/{connection.settings_dict['NAME']}"
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "UPLOAD_FOLDER": settings.UPLOAD_FOLDER,
        "HTTPS_ONLY": "no",
        "SECRET_KEY": settings.SECRET_KEY,
        "BACKROOM_VAR": str(folder),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "LOG_LEVEL": "ERROR",
    }
    (folder / "static").mkdir(exist_ok=True)
    process = Process("web", web(env, port).argv, env, folder / "web.log")
    site = Site(process, port, f"sessionid={client.cookies['sessionid'].value}; csrftoken={TOKEN}")
    process.start()
    try:
        assert wait_for(lambda: answers(site), seconds=60), (folder / "web.log").read_text()
        yield site
    finally:
        for sock in site.opened:
            sock.close()
        process.stop(5)


def answers(site: Site) -> bool:
    try:
        return site.ask("OPTIONS", "/media/uploads/").status == 204
    except OSError:
        time.sleep(0.1)
        return False
