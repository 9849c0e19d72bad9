"""JSON Schema in words, for the page that documents the API."""

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def code_spans(text: str) -> SafeString:
    """Text in which `words between backticks` are code, as in the descriptions that OpenAPI takes."""
    pieces = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", word) if odd % 2 else word,) for odd, word in pieces)
    )


@register.filter
def type_of(schema: Mapping[str, Any]) -> SafeString | str:
    """``string (date-time) or null``; models of ours as links to where the page describes them."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return format_html('<a href="#schema-{}">{}</a>', name, name)
    if "anyOf" in schema:
        return format_html_join(" or ", "{}", ((type_of(option),) for option in schema["anyOf"]))
    if "allOf" in schema:
        return format_html_join(" and ", "{}", ((type_of(part),) for part in schema["allOf"]))
    if schema.get("type") == "array":
        return format_html("list of {}", type_of(schema["items"]))
    kind = str(schema.get("type", "any"))
    return f"{kind} ({schema['format']})" if "format" in schema else kind
