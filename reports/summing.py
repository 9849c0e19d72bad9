"""Adds up the rows of a finished file from their text."""

from collections import Counter
from collections.abc import Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final

#: Different rows that are kept apart before they are added up.
_ROWS_KEPT: Final = 20_000
#: Raises rather than rounds.
_EXACT: Final = Context(prec=100, traps=[Inexact, InvalidOperation])


class Sums:
    """Sums of all cells of a row but the first, for each text of that."""

    def __init__(self) -> None:
        # Amounts repeat far more often than they differ: count equal ones, and turn each into a number once.
        self._seen: Counter[tuple[bytes, ...] | tuple[str, ...]] = Counter()
        self._sums: dict[str, list[Decimal]] = {}

    def add(self, rows: Sequence[tuple[bytes, ...]] | Sequence[tuple[str, ...]]) -> None:
        """Raises ArithmeticError, now or later, where a cell is no number."""
        self._seen.update(rows)
        if len(self._seen) > _ROWS_KEPT:
            self._settle()

    def total(self) -> dict[str, tuple[Decimal, ...]]:
        self._settle()
        return {name: tuple(values) for name, values in self._sums.items()}

    def _settle(self) -> None:
        for cells, times in self._seen.items():
            name, *texts = map(_text, cells)
            sums = self._sums.setdefault(name, [Decimal(0)] * len(texts))
            for place, text in enumerate(texts):
                sums[place] = _EXACT.add(sums[place], _EXACT.multiply(Decimal(text or 0), times))
        self._seen.clear()


def _text(cell: bytes | str) -> str:
    return cell.decode() if isinstance(cell, bytes) else cell
