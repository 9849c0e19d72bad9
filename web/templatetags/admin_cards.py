"""The admin's tables as cards on a phone: each cell carries its column's name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import template
from django.utils.html import escape, strip_tags
from django.utils.safestring import mark_safe
from django.utils.text import capfirst

register = template.Library()

_CELL = re.compile(r"^\s*<t[dh]\b")


@register.filter
def labelled(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A row's rendered cells (``<td …>`` or ``<th …>``), each with a ``data-label``; Django renders them without."""
    for cell, header in zip(cells, headers, strict=False):
        label = escape(capfirst(strip_tags(str(header["text"])).strip()))
        start = _CELL.match(cell)
        if start is not None:
            cell = mark_safe(f'{start[0]} data-label="{label}"{cell[start.end() :]}')  # noqa: S308, PLW2901 (escaped)
        yield cell
