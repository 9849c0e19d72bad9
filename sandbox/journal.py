"""What happened to a neighbour, one JSON object per line, in the order in which it happened."""

import json
import os
from collections import deque
from pathlib import Path
from typing import Any, Final

#: Entries that are kept in memory to be shown; the file keeps them all.
SHOWN: Final = 1000


class Journal:
    """An append-only file. Only one process writes it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+", encoding="utf-8")
        self._file.seek(0)
        self.count = 0
        self.latest: deque[dict[str, Any]] = deque(maxlen=SHOWN)
        end = 0
        while (line := self._file.readline()).endswith("\n"):
            self.latest.append(json.loads(line))
            self.count += 1
            end = self._file.tell()
        self._file.truncate(end)  # a line that a killed process did not finish was never acknowledged

    def write(self, **entry: Any) -> dict[str, Any]:
        """Adds an entry, with its ``id`` (1, 2, …). On return it is on disk."""
        numbered = {"id": self.count + 1, **entry}
        self._file.write(json.dumps(numbered) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.count += 1
        self.latest.append(numbered)
        return numbered

    def find(self, number: int) -> dict[str, Any] | None:
        """The entry with that id, if it is among the latest."""
        return next((entry for entry in self.latest if entry["id"] == number), None)

    def close(self) -> None:
        self._file.close()
