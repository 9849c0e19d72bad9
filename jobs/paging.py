"""Pages of a list that is newest first, without counting it and without skipping rows: keyset paging.

A page begins after the last row of the one before it, so page 10,000 costs what page 1 does, and rows that arrive in
between neither repeat nor hide others.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


class BadCursor(ValueError):
    """A cursor that no page of ours has given out."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """``rows`` of one page, newest first, and the cursors of the pages beside it (None: there is none)."""

    rows: list[Row]
    older: str | None
    newer: str | None


def page(
    rows: "QuerySet[Row]", *, older_than: str = "", newer_than: str = "", size: int = 50, by: str = "created_at"
) -> Page[Row]:
    """``size`` rows next to a cursor (empty: from the top), in the order of ``by`` (a time that is never null) and then
    of the primary key, which an index should hold in this order. Raises BadCursor."""
    backwards = bool(newer_than)
    cursor = newer_than or older_than
    if cursor:
        at, last = _read(cursor, rows.model)
        side = "gt" if backwards else "lt"
        # The first condition alone is what the index needs to start at the right place.
        rows = rows.filter(Q(**{f"{by}__{side}e": at}), Q(**{f"{by}__{side}": at}) | Q(**{f"pk__{side}": last}))
    order = (by, "pk") if backwards else (f"-{by}", "-pk")
    found = list(rows.order_by(*order)[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page([], None, None)
    return Page(
        found,
        older=_write(found[-1], by) if more or backwards else None,
        newer=_write(found[0], by) if cursor and (more or not backwards) else None,
    )


def _write(row: Model, by: str) -> str:
    return base64.urlsafe_b64encode(f"{getattr(row, by).isoformat()} {row.pk}".encode()).decode().rstrip("=")


def _read(cursor: str, model: type[Model]) -> tuple[datetime, Any]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, last = text.partition(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise BadCursor(cursor)
        return moment, model._meta.pk.to_python(last)  # noqa: SLF001 (the public face of Options)
    except (binascii.Error, ValueError, ValidationError) as error:
        raise BadCursor(cursor) from error
