"""Where report files are kept. Every function raises ``storage.Away`` while the storage cannot be reached."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from jobs.adapters import storage

_FOLDER: Final = "reports"
#: Folder of the parts of files that are still being made.
PARTS: Final = "parts"


def key_of(name: str) -> str:
    """The key of a file saved as ``name``, where that was free."""
    return f"{_FOLDER}/{name}"


def save(name: str, content: Iterable[bytes]) -> str:
    """As ``storage.save``."""
    return storage.save(key_of(name), content)


def stored() -> Iterator[tuple[str, datetime]]:
    """Every stored file, also those that no report has, with the time it was written (aware)."""
    return storage.stored(_FOLDER)


def abort_dead_uploads(before: datetime) -> int:
    """As ``storage.abort_dead_uploads``."""
    return storage.abort_dead_uploads(_FOLDER, before)
