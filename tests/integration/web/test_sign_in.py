from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from shop.accounts.models import User
from tests.factories.people import PASSWORD, PersonFactory
from web.views import PER_ACCOUNT, PER_SOURCE

pytestmark = pytest.mark.django_db


def sign_in(browser: Client, name: str, password: str = PASSWORD, **more: str):
    return browser.post("/sign-in/", {"name": name, "password": password, **more.pop("data", {})}, **more)


@pytest.mark.parametrize("name", ["ha", "ha@people.test", "HA@People.test"])
def test_a_user_name_or_an_email_signs_in(anyone: Client, person: User, name: str) -> None:
    assert sign_in(anyone, name).headers["Location"] == "/"
    assert anyone.session["_auth_user_id"] == str(person.pk)


def test_an_email_of_two_people_is_nobodys_name(anyone: Client, person: User) -> None:
    PersonFactory.create(username="hai", email=person.email)
    assert sign_in(anyone, person.email).status_code == 200
    assert "_auth_user_id" not in anyone.session


def test_a_wrong_password_is_said_in_a_sentence_and_the_name_is_kept(anyone: Client, person: User) -> None:
    answer = sign_in(anyone, "ha", "wrong").content.decode()
    assert "do not belong together" in answer
    assert 'value="ha"' in answer
    assert "wrong" not in answer


def test_goes_back_to_where_the_person_wanted_to_be_but_never_to_another_site(anyone: Client, person: User) -> None:
    assert anyone.get("/jobs/").headers["Location"] == "/sign-in/?next=/jobs/"
    assert sign_in(anyone, "ha", data={"next": "/jobs/?state=failed"}).headers["Location"] == "/jobs/?state=failed"
    anyone.logout()
    assert sign_in(anyone, "ha", data={"next": "https://evil.test/"}).headers["Location"] == "/"


def test_guesses_at_one_account_are_limited_from_wherever_they_come(anyone: Client, person: User) -> None:
    for n in range(PER_ACCOUNT.tries):
        assert sign_in(anyone, "ha", "wrong", REMOTE_ADDR=f"10.0.0.{n}").status_code == 200
    blocked = sign_in(anyone, "HA", PASSWORD, REMOTE_ADDR="10.0.1.1")
    assert blocked.status_code == 429
    assert "Wait 15 min" in blocked.content.decode()
    assert "_auth_user_id" not in anyone.session
    with time_machine.travel(timezone.now() + PER_ACCOUNT.window + timedelta(seconds=1)):
        assert sign_in(anyone, "ha").status_code == 302


def test_guesses_from_one_address_are_limited_whatever_the_account(anyone: Client) -> None:
    answers = [sign_in(anyone, f"nobody{n}", "wrong").status_code for n in range(PER_SOURCE.tries + 1)]
    assert answers == [200] * PER_SOURCE.tries + [429]


def test_a_success_forgets_the_failures_before_it(anyone: Client, person: User) -> None:
    for _ in range(2):
        for _ in range(PER_ACCOUNT.tries - 1):
            sign_in(anyone, "ha", "wrong")
        assert sign_in(anyone, "ha").status_code == 302
        anyone.logout()


def test_who_has_signed_in_reads_in_the_language_of_their_settings(person: User) -> None:
    person.language = "en"
    person.save()
    browser = Client(headers={"accept-language": "fr"})
    sign_in(browser, "ha")
    assert browser.cookies[settings.LANGUAGE_COOKIE_NAME].value == "en"
    assert 'lang="en"' in browser.get("/").content.decode()


def test_a_language_chosen_in_this_browser_comes_first(anyone: Client, person: User) -> None:
    anyone.post("/language/", {"language": "en"})
    sign_in(anyone, "ha")
    assert 'lang="en"' in anyone.get("/").content.decode()


def test_signing_out_is_a_post(client: Client) -> None:
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert "_auth_user_id" not in client.session


def test_vietnamese_is_what_a_browser_gets_that_asks_for_neither(person: User) -> None:
    page = Client(headers={"accept-language": "fr"}).get("/sign-in/").content.decode()
    assert 'lang="vi"' in page
    assert "Đăng nhập" in page
