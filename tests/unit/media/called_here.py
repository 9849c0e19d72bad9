"""Functions that the tests of ``confined.call`` have called in a process of their own."""

import os
import sys
from pathlib import Path

from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused


def add(first: int, second: int) -> dict[str, int]:
    print("a library that prints")  # noqa: T201
    return {"sum": first + second}


def refuse(reason: str) -> None:
    raise Refused(Reason(reason))


def take_memory(size: int) -> int:
    return len(bytearray(size))


def crash() -> None:
    os.abort()


def confuse() -> None:
    raise UnicodeDecodeError("utf-8", b"", 0, 1, "no words")


def paths() -> list[str]:
    return sys.path


def write(path: str) -> str:
    Path(path).write_text("here")
    return str(Path.cwd())
