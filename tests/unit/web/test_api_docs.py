import pytest

from web.templatetags.api_docs import code_spans, type_of


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer"}, "integer"),
        ({"type": "string", "format": "date-time"}, "string (date-time)"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({"$ref": "#/components/schemas/Link"}, '<a href="#schema-Link">Link</a>'),
        (
            {"type": "array", "items": {"$ref": "#/components/schemas/Link"}},
            'list of <a href="#schema-Link">Link</a>',
        ),
        ({"allOf": [{"$ref": "#/components/schemas/State"}]}, '<a href="#schema-State">State</a>'),
        ({}, "any"),
    ],
)
def test_types_in_words(schema, words):
    assert type_of(schema) == words


def test_words_between_backticks_are_code():
    assert code_spans("Send `ETag` back, <b> `x`") == "Send <code>ETag</code> back, &lt;b&gt; <code>x</code>"
