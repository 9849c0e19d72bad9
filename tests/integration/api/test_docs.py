"""The page that documents the API."""

import pytest
from django.test import Client

from shop.accounts.services import create_person
from web.api import api

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("signed_in", [True, False])
def test_it_describes_every_address_and_answer_without_scripts_of_others(signed_in):
    client = Client(headers={"accept-language": "en"})
    if signed_in:
        client.force_login(create_person(username="p", email="p@example.test", password="x"))

    response = client.get("/api/v1/docs")

    assert response.status_code == 200
    page = response.content.decode()
    schema = api.get_openapi_schema()
    for path, operations in schema["paths"].items():
        assert path in page
        for operation in operations.values():
            assert operation["summary"] in page
    for name, model in schema["components"]["schemas"].items():
        assert f'id="schema-{name}"' in page
        for field in model.get("properties", {}):
            assert f"<code>{field}</code>" in page
    assert "https://" not in page
    assert "swagger" not in page
