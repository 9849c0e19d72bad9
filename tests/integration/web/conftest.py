import pytest
from django.test import Client

from shop.accounts.models import User
from tests.factories.people import PersonFactory


@pytest.fixture
def person() -> User:
    return PersonFactory.create(username="ha", email="ha@people.test")


@pytest.fixture
def operator() -> User:
    return PersonFactory.create(operator=True)


@pytest.fixture
def anyone() -> Client:
    """A browser of somebody who has not signed in, in English."""
    return Client(headers={"accept-language": "en"})


@pytest.fixture
def client(anyone: Client, person: User) -> Client:
    anyone.force_login(person)
    return anyone
