import pytest
from django.test import Client

from shop.accounts.models import Role, User
from shop.accounts.services import create_person


@pytest.fixture
def operator() -> User:
    return create_person(username="operator", email="operator@example.test", password="x", roles=[Role.OPERATOR])


@pytest.fixture
def client(operator: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(operator)
    return client


@pytest.fixture
def superuser_client() -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.create_superuser("root", "root@example.test", "x"))
    return client
