"""Where media lie in storage.

What one attempt at one job stores is in a folder of its own (``making``), so nothing is ever written over, and every
file keeps its name: playlists refer to each other by them.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final
from uuid import UUID

from jobs.adapters import storage
from jobs.run import Run
from media_pipeline.made import Made

FOLDER: Final = "media"
_BLOCK: Final = 1 << 20


def store_original(asset: UUID, making: str, source: Path, checkpoint: Callable[[], object]) -> tuple[str, str]:
    """Stores the uploaded file; returns its key and its SHA-256 in hexadecimal digits. Raises storage.Away."""
    digest = hashlib.sha256()

    def blocks(file: IO[bytes]) -> Iterator[bytes]:
        while block := file.read(_BLOCK):
            checkpoint()
            digest.update(block)
            yield block

    with source.open("rb") as file:
        key = storage.save(f"{FOLDER}/{asset}/{making}/original", blocks(file))
    return key, digest.hexdigest()


def making_of(run: Run) -> str:
    return f"{run.id}-{run.attempt}"


def fetch(key: str, target: Path, checkpoint: Callable[[], object]) -> None:
    """Copies a stored file to ``target``. Raises FileNotFoundError, storage.Away."""
    with storage.open_file(key) as found, target.open("wb") as file:
        while block := found.read(_BLOCK):
            checkpoint()
            file.write(block)


def store(asset: UUID, making: str, made: Made, checkpoint: Callable[[], object]) -> list[str]:
    """Stores everything that belongs to a rendition; returns the keys, that of ``made.path`` first. Raises
    storage.Away."""
    return [store_file(asset, making, path, checkpoint) for path in (made.path, *made.extra)]


def store_file(asset: UUID, making: str, path: Path, checkpoint: Callable[[], object]) -> str:
    """Stores one file under its own name; returns its key. Raises storage.Away."""
    checkpoint()
    with path.open("rb") as file:
        return storage.save(f"{FOLDER}/{asset}/{making}/{path.name}", iter(lambda: file.read(_BLOCK), b""))
