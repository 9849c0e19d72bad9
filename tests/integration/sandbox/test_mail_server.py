"""The mail server as a process: what it has acknowledged it still has after a kill."""

import json
import signal
import smtplib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from deploy.local.machine import ROOT, free_port

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    smtp = free_port(avoid=set())
    return smtp, free_port(avoid={smtp})


@pytest.fixture
def start(tmp_path: Path, ports: tuple[int, int]) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "sandbox", f"--folder={tmp_path}", "--mail", *map(str, ports)]
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"mail: SMTP on 127.0.0.1")
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def send(port: int, to: str, subject: str) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "shop@example.com", to
    message.set_content("Xin chào <script>alert(1)</script>")
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as server:
        server.send_message(message)


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def messages(port: int, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(port, f"/messages.json{query}"))
    return found


def test_a_message_that_was_acknowledged_survives_a_kill(start: Start, ports: tuple[int, int]) -> None:
    smtp, http = ports
    server = start()
    send(smtp, "mai@example.com", "Chào mừng")
    server.kill()
    server.wait()

    start()

    (kept,) = messages(http)["messages"]
    assert (kept["to"], kept["subject"], kept["sender"]) == (["mai@example.com"], "Chào mừng", "shop@example.com")


def test_people_see_the_list_and_each_message_and_nothing_in_it_runs(start: Start, ports: tuple[int, int]) -> None:
    smtp, http = ports
    start()
    assert "No mail has come yet" in get(http, "/")
    send(smtp, "mai@example.com", "<b>One</b>")

    assert "&lt;b&gt;One&lt;/b&gt;" in get(http, "/")
    assert "&lt;script&gt;" in get(http, "/messages/1")
    assert "<script>" not in get(http, "/messages/1")
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        get(http, "/messages/2")
    missing.value.close()


def test_programs_ask_for_one_recipient_newest_first(start: Start, ports: tuple[int, int]) -> None:
    smtp, http = ports
    start()
    for to, subject in (("a@example.com", "1"), ("b@example.com", "2"), ("a@example.com", "3")):
        send(smtp, to, subject)

    assert messages(http)["count"] == 3
    assert [message["subject"] for message in messages(http, "?to=a@example.com")["messages"]] == ["3", "1"]
    assert [message["subject"] for message in messages(http, "?limit=1")["messages"]] == ["3"]


def test_it_stops_at_once_when_it_is_told_to(start: Start, ports: tuple[int, int]) -> None:
    server = start()
    began = time.monotonic()

    server.send_signal(signal.SIGTERM)

    assert server.wait(10) == 0
    assert time.monotonic() - began < 5
