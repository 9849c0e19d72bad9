"""What a format must be able to do, so that a file of any length can be made in parts. See ``reports.parts``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Protocol

#: Rows of one part. Forty of them fill a sheet of a workbook, so a sheet always begins with a part.
ROWS_A_PART: Final = 26_214

#: What a writer needs to know of the parts before in order to go on: what JSON can hold. Empty before the first.
State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What readers of a file are told about it.

    Attributes:
        created: aware.
        language: of the texts, like ``vi``.
    """

    title: str
    author: str
    created: datetime
    language: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part that has been written: what comes of all parts up to it, its rows and its bytes."""

    state: State
    rows: int
    packed: Iterable[bytes]


class Writer(Protocol):
    """Writes one file."""

    @property
    def rows_a_part(self) -> int: ...

    @property
    def signature(self) -> bytes:
        """Differs where the same rows would be written differently."""

    def part(self, number: int, lines: Iterable[Sequence[str]], before: State) -> tuple[bytes, State]:
        """Part ``number`` (from 0), and what comes of all parts with it.

        ``lines``: batches of lines of COPY's text, ``rows_a_part`` of them in all, fewer only in the last part.
        """

    def whole(self, parts: Sequence[Part]) -> Iterator[bytes]:
        """The file, made of all its parts."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a table in a finished file holds: its rows, and for each value of the key column the sums of the number
    columns."""

    rows: int
    sums: Mapping[str, tuple[Decimal, ...]]


class Unreadable(Exception):
    """The file is not what it should be. The message says where."""
