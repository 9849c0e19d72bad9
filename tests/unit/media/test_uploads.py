"""Bytes on disk, and who holds them."""

import fcntl
import hashlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from media_pipeline import uploads
from media_pipeline.uploads import Busy, Checksum, Folder, Mismatch
from tests.harness.processes import wait_for


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def upload() -> UUID:
    return uuid4()


def reader(content: bytes, most: int = 1 << 30) -> Callable[[int], bytes]:
    """Gives ``content`` in pieces of what is asked for, ``most`` at a time."""
    rest = memoryview(content)

    def read(size: int) -> bytes:
        nonlocal rest
        piece, rest = bytes(rest[: min(size, most)]), rest[min(size, most) :]
        return piece

    return read


def test_bytes_are_appended_until_there_are_no_more(folder: Folder, upload: UUID) -> None:
    content = os.urandom(1_000_000)
    with folder.held(upload, patience=0) as hold:
        assert hold.size == 0
        assert hold.receive(reader(content[:300_000], most=1000), 600_000) == 300_000
        assert hold.receive(reader(content[300_000:]), 700_000) == 700_000
        assert hold.size == 1_000_000

    assert folder.arriving(upload).read_bytes() == content


def test_no_more_is_taken_than_was_asked_for(folder: Folder, upload: UUID) -> None:
    with folder.held(upload, patience=0) as hold:
        assert hold.receive(reader(b"x" * 100_000), 99_999) == 99_999


def test_pieces_are_large_on_a_quick_line_and_small_on_a_slow_one(
    folder: Folder, upload: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: clock[0])
    asked: list[int] = []

    def at(bytes_a_second: int) -> list[int]:
        asked.clear()

        def read(size: int) -> bytes:
            asked.append(size)
            clock[0] += size / bytes_a_second
            return b"x" * size

        with folder.held(upload, patience=0) as hold:
            hold.receive(read, 4 * uploads.MOST_PIECE)
        return asked

    assert at(1_000_000_000)[0] == uploads.LEAST_PIECE
    assert max(at(1_000_000_000)) == uploads.MOST_PIECE
    assert max(at(100_000)) <= 16 * 1024
    assert set(at(10)) == {uploads.LEAST_PIECE}


def test_a_checksum_decides_about_all_bytes_or_none(folder: Folder, upload: UUID) -> None:
    content = os.urandom(700_000)
    right, wrong = (Checksum("sha256", hashlib.sha256(data).digest()) for data in (content, b"other"))
    with folder.held(upload, patience=0) as hold:
        hold.receive(reader(b"before"), 6)
        with pytest.raises(Mismatch):
            hold.receive(reader(content), len(content), checksum=wrong)
        assert hold.receive(reader(content[:-1]), len(content), checksum=right) == 0
        assert hold.size == 6
        assert hold.receive(reader(content), len(content), checksum=right) == len(content)

    assert folder.arriving(upload).read_bytes() == b"before" + content
    assert {path.name for path in folder.root.rglob("*") if path.is_file()} == {upload.hex}


def test_bytes_whose_checksum_nobody_came_to_check_do_not_count(folder: Folder, upload: UUID) -> None:
    class Killed(BaseException):
        pass

    def dies(_size: int) -> bytes:
        raise Killed

    checksum = Checksum("sha1", hashlib.sha1(b"abcdef").digest())
    with pytest.raises(Killed), folder.held(upload, patience=0) as hold:
        hold.receive(dies, 6, checksum=checksum)
    beside = folder.arriving(upload).with_suffix(".checked")
    beside.write_bytes(b"abc")  # as SIGKILL leaves it
    with folder.held(upload, patience=0) as hold:
        assert hold.size == 0
        assert hold.receive(reader(b"abcdef"), 6, checksum=checksum) == 6

    assert folder.arriving(upload).read_bytes() == b"abcdef"


def test_the_end_is_the_end_however_often(folder: Folder, upload: UUID) -> None:
    with folder.held(upload, patience=0) as hold:
        hold.receive(reader(b"abc"), 3)
        hold.seal()
        hold.seal()
        assert hold.size == 3

    assert folder.whole(upload).read_bytes() == b"abc"
    assert not folder.arriving(upload).exists()


def test_who_does_not_ask_does_not_disturb(folder: Folder, upload: UUID) -> None:
    with folder.held(upload, patience=0) as hold:
        with pytest.raises(Busy), folder.held(upload, patience=0):
            pass
        assert not hold.is_wanted()


def test_who_holds_it_gives_way_between_two_pieces(folder: Folder, upload: UUID) -> None:
    taken = threading.Event()

    def endless(size: int) -> bytes:
        taken.set()
        time.sleep(0.01)
        return b"x" * size

    received: list[int] = []

    def hold_on() -> None:
        with folder.held(upload, patience=0) as hold:
            received.append(hold.receive(endless, 1 << 40))

    holder = threading.Thread(target=hold_on)
    holder.start()
    assert taken.wait(10)
    with folder.held(upload, patience=10) as hold:
        assert hold.size == received[0] > 0
    holder.join()


def test_who_is_stuck_in_a_reading_is_cut_off(folder: Folder, upload: UUID) -> None:
    inside, cut = threading.Event(), threading.Event()

    def stuck(_size: int) -> bytes:
        inside.set()
        assert cut.wait(20)
        return b"ab"

    def hold_on() -> None:
        with folder.held(upload, patience=0) as hold, hold.cut_off(cut.set):
            hold.receive(stuck, 100)

    holder = threading.Thread(target=hold_on)
    holder.start()
    assert inside.wait(10)
    began = time.monotonic()
    with folder.held(upload, patience=10) as hold:
        assert hold.size == 2
    assert time.monotonic() - began < 5
    holder.join()


def test_a_connection_without_a_byte_is_cut_off(folder: Folder, upload: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "IDLE", 0.3)
    cut = threading.Event()
    with folder.held(upload, patience=0) as hold, hold.cut_off(cut.set):
        assert hold.receive(lambda _size: b"" if cut.wait(10) else b"never", 100) == 0


def test_the_newest_wins_also_over_those_that_wait(folder: Folder, upload: UUID) -> None:
    waits: dict[str, str] = {}

    def wait(name: str) -> None:
        try:
            with folder.held(upload, patience=5):
                waits[name] = "held"
        except Busy:
            waits[name] = "busy"

    with folder.held(upload, patience=0) as hold:
        older = threading.Thread(target=wait, args=("older",))
        older.start()
        assert wait_for(hold.is_wanted, seconds=5)
        newer = threading.Thread(target=wait, args=("newer",))
        newer.start()
        older.join()
    newer.join()

    assert waits == {"older": "busy", "newer": "held"}


def test_who_holds_it_and_does_not_give_way_keeps_it(folder: Folder, upload: UUID) -> None:
    with folder.held(upload, patience=0):
        began = time.monotonic()
        with pytest.raises(Busy), folder.held(upload, patience=0.3):
            pass
        assert time.monotonic() - began >= 0.3


def test_a_time_from_the_future_does_not_keep_everybody_out(folder: Folder, upload: UUID) -> None:
    with folder.held(upload, patience=0):
        pass
    folder.lock(upload).write_bytes((1 << 63).to_bytes(8, "big"))

    with folder.held(upload, patience=1) as hold:
        assert not hold.is_wanted()


def test_a_lock_of_what_was_deleted_is_no_lock(folder: Folder, upload: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deleted between the opening of its file and the locking: the next one would lock another file, and both hold."""
    lock, real = fcntl.flock, folder.lock(upload)
    deleted: list[bool] = []

    def after_somebody_deletes_it(file: int, how: int) -> None:
        if not deleted:
            deleted.append(True)
            real.unlink()
        lock(file, how)

    monkeypatch.setattr(uploads.fcntl, "flock", after_somebody_deletes_it)
    with folder.held(upload, patience=5):
        monkeypatch.undo()
        with pytest.raises(Busy), folder.held(upload, patience=0):
            pass
    assert deleted


def _hold_for_ever(root: Path, upload: UUID, holds: "multiprocessing.synchronize.Event") -> None:
    with Folder(root).held(upload, patience=0):
        holds.set()
        time.sleep(600)


def test_the_lock_goes_with_a_process_that_is_killed(folder: Folder, upload: UUID) -> None:
    fork = multiprocessing.get_context("spawn")
    holds = fork.Event()
    process = fork.Process(target=_hold_for_ever, args=(folder.root, upload, holds))
    process.start()
    assert holds.wait(60)
    with pytest.raises(Busy), folder.held(upload, patience=0):
        pass
    process.kill()
    process.join()

    with folder.held(upload, patience=0):
        pass


def test_files_are_for_the_product_alone(folder: Folder, upload: UUID) -> None:
    with folder.held(upload, patience=0) as hold:
        hold.receive(reader(b"abc"), 3)

    assert folder.arriving(upload).stat().st_mode & 0o077 == 0
    assert folder.arriving(upload).parent.stat().st_mode & 0o077 == 0
