"""Uploads to the server that people use, over connections that break, stall and come twice, with the server killed."""

import hashlib
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from jobs.models import Job
from media_pipeline.models import Asset, Upload
from media_pipeline.uploads import Folder
from shop.accounts.models import User
from tests.factories.people import PersonFactory
from tests.harness.processes import wait_for
from tests.integration.media.uploads.live import Site, read_answer, reset, running_site

MB = 1024 * 1024


@pytest.fixture
def person(transactional_db: None) -> User:
    return PersonFactory()


@pytest.fixture
def site(person: User, tmp_path: Path, folder: Folder) -> Iterator[Site]:
    with running_site(person, tmp_path) as running:
        yield running


def arriving(folder: Folder, address: str) -> Path:
    return folder.root / "arriving" / address.strip("/").rpartition("/")[2].replace("-", "")


def arrived(path: Path, size: int) -> bool:
    return wait_for(lambda: path.exists() and path.stat().st_size >= size, seconds=20)


def finished_sha256(folder: Folder) -> str:
    (upload,) = Upload.objects.all()
    assert Asset.objects.count() == Job.objects.count() == 1
    return hashlib.sha256(folder.whole(upload.pk).read_bytes()).hexdigest()


def test_a_connection_that_ends_early_loses_no_byte(site: Site) -> None:
    content = random.Random(1).randbytes(3 * MB + 12_345)
    address = site.create(len(content) + 1000)

    for end in (1, 777_777, 2 * MB, len(content)):
        start = site.offset(address)
        sock = site.begin_patch(address, start, len(content) + 1000 - start, content[start:end])
        sock.shutdown(socket.SHUT_WR)
        assert read_answer(sock).status == 423
        assert site.offset(address) == end


def test_a_connection_that_is_reset_loses_only_what_was_on_its_way(site: Site, folder: Folder) -> None:
    content = random.Random(2).randbytes(4 * MB)
    address = site.create(len(content))
    sock = site.begin_patch(address, 0, len(content), content[: 2 * MB])
    assert arrived(arriving(folder, address), 1 * MB)
    reset(sock)

    offset = site.offset(address)

    assert 1 * MB <= offset <= 2 * MB
    assert arriving(folder, address).read_bytes() == content[:offset]
    assert site.patch(address, offset, content[offset:]).status == 204
    assert finished_sha256(folder) == hashlib.sha256(content).hexdigest()


def test_who_is_stuck_gives_way_to_who_asks_again(site: Site, folder: Folder) -> None:
    """A laptop that was closed never says that it is gone."""
    content = random.Random(3).randbytes(2 * MB)
    address = site.create(len(content))
    stuck = site.begin_patch(address, 0, len(content), content[:MB])
    assert arrived(arriving(folder, address), MB // 2)

    began = time.monotonic()
    offset = site.offset(address)
    took = time.monotonic() - began

    assert offset == MB
    assert took < 3
    assert read_answer(stuck).status == 423
    assert site.patch(address, MB, content[MB:]).status == 204
    stuck.sendall(b"x" * 1000)  # wakes up, and does not know
    time.sleep(0.5)
    assert finished_sha256(folder) == hashlib.sha256(content).hexdigest()


def test_of_two_that_send_at_once_only_one_writes(site: Site, folder: Folder) -> None:
    size = 8 * MB
    for round_ in range(6):
        address = site.create(size)
        statuses: dict[bytes, int] = {}

        def send(letter: bytes, address: str = address, statuses: dict[bytes, int] = statuses) -> None:
            try:
                statuses[letter] = site.patch(address, 0, letter * size).status
            except OSError:  # answered, and hung up on, before all was sent
                statuses[letter] = 0

        senders = [Thread(target=send, args=(letter,)) for letter in (b"a", b"b", b"c")]
        for sender in senders:
            sender.start()
            time.sleep(0.004 * round_)
        for sender in senders:
            sender.join()

        (upload,) = Upload.objects.filter(pk=address.strip("/").rpartition("/")[2])
        there = folder.size(upload.pk)
        path = folder.whole(upload.pk) if upload.asset_id else folder.arriving(upload.pk)
        content = path.read_bytes() if path.exists() else b""
        assert len(set(content)) <= 1, f"round {round_}: {set(content)}"
        assert len(content) == there
        assert set(statuses.values()) <= {0, 204, 409, 413, 423}
        assert list(statuses.values()).count(204) == (1 if upload.asset_id else 0)


def test_the_web_process_is_killed_in_the_middle(site: Site, folder: Folder) -> None:
    content = random.Random(4).randbytes(6 * MB)
    address = site.create(len(content))
    offset = 0
    for part in (2, 4):
        sock = site.begin_patch(address, offset, len(content) - offset, content[offset : part * MB])
        assert arrived(arriving(folder, address), part * MB - MB)
        for worker in site.workers:
            os.kill(worker, signal.SIGKILL)
        sock.close()
        offset = site.offset(address)
        assert offset >= part * MB - MB
        assert arriving(folder, address).read_bytes() == content[:offset]

    assert site.patch(address, offset, content[offset:]).status == 204
    assert finished_sha256(folder) == hashlib.sha256(content).hexdigest()


def peak_memory(pid: int) -> int:
    """MB"""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


def test_memory_does_not_grow_with_the_file(site: Site, folder: Folder) -> None:
    def send(size: int) -> None:
        address = site.create(size)
        sock = site.begin_patch(address, 0, size, b"")
        piece = os.urandom(MB)
        for _ in range(size // MB):
            sock.sendall(piece)
        assert read_answer(sock).offset == size
        sock.close()

    for _ in range(8):  # so that every process has loaded what it needs
        send(MB)
    before = {worker: peak_memory(worker) for worker in site.workers}
    send(200 * MB)
    grown = {worker: peak_memory(worker) - before[worker] for worker in site.workers}

    assert max(grown.values()) < 10


SEEDS = range(20)


def test_however_often_it_is_cut_the_file_is_the_same(site: Site, folder: Folder) -> None:
    for seed in SEEDS:
        chance = random.Random(seed)
        content = chance.randbytes(chance.randrange(1, 3 * MB))
        address = site.create(len(content))
        for _ in range(chance.randrange(1, 6)):
            offset = site.offset(address)
            end = chance.randrange(offset, len(content) + 1)
            if end == len(content):
                continue
            sock = site.begin_patch(address, offset, len(content) - offset, content[offset:end])
            match chance.choice(["end", "reset", "stall", "kill"]):
                case "end":
                    sock.shutdown(socket.SHUT_WR)
                case "reset":
                    reset(sock)
                case "kill":
                    os.kill(chance.choice(site.workers), signal.SIGKILL)
        for _ in range(5):
            offset = site.offset(address)
            if offset == len(content):
                break
            site.patch(address, offset, content[offset:])
        upload = Upload.objects.get(pk=address.strip("/").rpartition("/")[2])
        assert upload.asset_id is not None, f"seed {seed}"
        found = hashlib.sha256(folder.whole(upload.pk).read_bytes()).hexdigest()
        assert found == hashlib.sha256(content).hexdigest(), f"seed {seed}"
    assert Asset.objects.count() == Job.objects.count() == len(SEEDS)
