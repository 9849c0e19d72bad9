"""The admin's tables as cards on a phone: each cell carries its column's name."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import template
from django.utils.html import escape, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()

_CELL = re.compile(r"^\s*<t[dh]\b")


@register.filter
def labelled(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> Iterator[SafeString]:
    """A row's rendered cells (``<td …>`` or ``<th …>``), each with a ``data-label``; Django renders them without."""
    for cell, header in zip(cells, headers, strict=False):
        label = escape(capfirst(strip_tags(str(header["text"])).strip()))
        yield mark_safe(_CELL.sub(lambda start, label=label: f'{start[0]} data-label="{label}"', str(cell), count=1))  # noqa: S308 (label is escaped, the cell is Django's)
