"""Bytes of uploads on disk. How much of an upload has arrived is the size of its file; nothing else keeps count.

In the folder, an upload that is called by its id has up to four files: ``arriving/<id>``, the bytes so far;
``arriving/<id>.checked``, bytes whose checksum is not known yet; ``locks/<id>``; and once the last byte is there,
``whole/<id>``. Nothing that a person has written is part of a path.

One process at a time holds an upload. The kernel's lock (``flock``) goes with the process that dies; one that is stuck
hears that somebody newer wants it: the lock's file holds the time of the newest request, and whoever holds the lock
gives way to a newer one. So the newest request wins, also over those that wait.
"""

import fcntl
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from uuid import UUID

#: Bytes read at once: about as many as come in a quarter of a second, for they are what a killed process loses.
LEAST_PIECE: Final = 4 * 1024
MOST_PIECE: Final = 256 * 1024
#: Bytes after which they are put on the disk, so that the end does not wait for all of them.
SYNC_EVERY: Final = 64 * 1024 * 1024
#: Seconds between two looks at whether somebody newer wants what this process holds.
LOOK_EVERY: Final = 0.2
#: Seconds without a piece after which a connection is taken for dead.
IDLE: Final = 60.0
_BUSY_EVERY: Final = 0.05
_STAMP: Final = 8  # bytes

Reader = Callable[[int], bytes]


class Busy(Exception):
    """Somebody else holds the upload, and did not give way in time or is newer."""


class Mismatch(Exception):
    """The bytes do not have the checksum that was sent with them; none of them counts."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request must hash to. ``algorithm``: as ``hashlib`` calls it."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """Where uploads arrive."""

    root: Path

    def make(self) -> None:
        for name in ("arriving", "locks", "whole"):
            (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def arriving(self, upload: UUID) -> Path:
        return self.root / "arriving" / upload.hex

    def whole(self, upload: UUID) -> Path:
        """The complete file."""
        return self.root / "whole" / upload.hex

    def lock(self, upload: UUID) -> Path:
        return self.root / "locks" / upload.hex

    def free(self) -> int:
        """Bytes that the disk has room for."""
        self.make()
        return shutil.disk_usage(self.root).free

    def size(self, upload: UUID) -> int:
        """Bytes that have arrived."""
        for path in (self.arriving(upload), self.whole(upload)):
            with suppress(FileNotFoundError):
                return path.stat().st_size
        return 0

    def stored(self) -> Iterator[tuple[UUID, float]]:
        """The upload and the time of change (seconds since 1970) of every file that there is."""
        for place in ("arriving", "locks", "whole"):
            with suppress(FileNotFoundError):
                for entry in os.scandir(self.root / place):
                    with suppress(FileNotFoundError, ValueError):
                        yield UUID(entry.name.partition(".")[0]), entry.stat().st_mtime

    def delete(self, upload: UUID) -> None:
        """Deletes all that there is of the upload; its lock goes last."""
        arriving = self.arriving(upload)
        for path in (arriving, arriving.with_suffix(".checked"), self.whole(upload), self.lock(upload)):
            path.unlink(missing_ok=True)

    @contextmanager
    def held(self, upload: UUID, *, patience: float) -> Iterator["Hold"]:
        """Holds the upload for the length of the block. Who holds it now is asked to give way, for ``patience`` seconds
        (0: is left alone). Raises Busy."""
        self.make()
        stamp = time.time_ns()
        deadline = time.monotonic() + patience
        while (lock := _try_lock(self.lock(upload), stamp, ask=patience > 0)) is None:
            if time.monotonic() >= deadline:
                raise Busy
            time.sleep(_BUSY_EVERY)
        try:
            yield Hold(self, upload, lock, stamp)
        finally:
            os.close(lock)


def _try_lock(path: Path, stamp: int, *, ask: bool) -> int | None:
    """The descriptor of the lock; None while somebody else has it. Raises Busy where somebody newer wants it too."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        newest = _read_stamp(lock)
        if ask and newest < stamp:
            os.pwrite(lock, stamp.to_bytes(_STAMP, "big"), 0)
        os.close(lock)
        if ask and newest > stamp:
            raise Busy from None
        return None
    except BaseException:
        os.close(lock)
        raise
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(lock), path.stat()):
            # Not the newest ever: one that an older clock has left must not keep everybody out.
            os.pwrite(lock, stamp.to_bytes(_STAMP, "big"), 0)
            return lock
    os.close(lock)  # deleted with its upload since it was opened: this was a lock of nothing
    return None


def _read_stamp(lock: int) -> int:
    return int.from_bytes(os.pread(lock, _STAMP, 0), "big")


class Hold:
    """An upload that nobody else touches meanwhile."""

    def __init__(self, folder: Folder, upload: UUID, lock: int, stamp: int) -> None:
        self._folder, self._upload, self._lock, self._stamp = folder, upload, lock, stamp
        self._heard = time.monotonic()

    @property
    def size(self) -> int:
        return self._folder.size(self._upload)

    def is_wanted(self) -> bool:
        """True once a newer request asks for it."""
        return _read_stamp(self._lock) > self._stamp

    def receive(self, read: Reader, length: int, *, checksum: Checksum | None = None) -> int:
        """Appends up to ``length`` bytes of ``read`` (which gives b"" where there are no more) and returns how many
        count: of those with a checksum, all or none. Ends early where a newer request wants the upload.

        Raises Mismatch, and OSError where the disk is full; what was written by then counts.
        """
        path = self._folder.arriving(self._upload)
        if checksum is None:
            return self._append(path, self._pieces(read, length))
        beside = path.with_suffix(".checked")
        digest = hashlib.new(checksum.algorithm, usedforsecurity=False)
        try:
            beside.unlink(missing_ok=True)
            if self._append(beside, _hashed(self._pieces(read, length), digest.update)) < length:
                return 0
            if digest.digest() != checksum.digest:
                raise Mismatch
            with beside.open("rb") as checked:
                return self._append(path, iter(lambda: checked.read(MOST_PIECE), b""))
        finally:
            beside.unlink(missing_ok=True)

    def _append(self, path: Path, pieces: Iterator[bytes]) -> int:
        written = synced = 0
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    count = os.write(file, rest)
                    written += count
                    rest = rest[count:]
                if written - synced >= SYNC_EVERY:
                    os.fdatasync(file)
                    synced = written
            os.fdatasync(file)
        finally:
            os.close(file)
        return written

    def _pieces(self, read: Reader, length: int) -> Iterator[bytes]:
        size = LEAST_PIECE
        while length and not self.is_wanted():
            began = time.monotonic()
            piece = read(min(size, length))
            if not piece:
                return
            yield piece
            length -= len(piece)
            self._heard = time.monotonic()
            took = self._heard - began
            if took < LOOK_EVERY / 2:
                size = min(2 * size, MOST_PIECE)
            elif took > 2 * LOOK_EVERY:
                size = max(size // 2, LEAST_PIECE)

    @contextmanager
    def cut_off(self, by: Callable[[], object]) -> Iterator[None]:
        """Within the block, calls ``by`` once a newer request wants the upload or nothing has come for IDLE seconds: it
        ends the reading that the process is stuck in."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_EVERY):
                if self.is_wanted() or time.monotonic() - self._heard > IDLE:
                    by()
                    return

        self._heard = time.monotonic()
        watcher = threading.Thread(target=watch, name=f"upload {self._upload}", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def seal(self) -> None:
        """Puts the file among the whole ones; done twice, it is done once. Takes no longer for a larger one."""
        arriving, whole = self._folder.arriving(self._upload), self._folder.whole(self._upload)
        with suppress(FileNotFoundError):
            with arriving.open("rb") as file:
                os.fsync(file.fileno())
            arriving.rename(whole)
        for folder in (arriving.parent, whole.parent):
            _sync_folder(folder)

    def delete(self) -> None:
        self._folder.delete(self._upload)


def _hashed(pieces: Iterator[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    for piece in pieces:
        update(piece)
        yield piece


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def open_new(folder: Folder, upload: UUID) -> IO[bytes]:
    """The file of an upload that comes in one go, in a form; it is nobody's until there is a row of it."""
    folder.make()
    return folder.arriving(upload).open("xb")
