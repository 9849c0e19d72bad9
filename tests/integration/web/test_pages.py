import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from config.urls import handler400, handler403, handler404, handler500  # noqa: F401 (handlers)
from config.urls import urlpatterns as site
from jobs.models import QueueState
from shop.accounts.access import source_of
from shop.accounts.models import User
from tests.factories.jobs import JobFactory
from tests.factories.people import PersonFactory

pytestmark = pytest.mark.django_db


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("kaboom")


urlpatterns = [*site, path("broken/", broken)]


def test_home_by_role(client: Client, operator: User) -> None:
    assert "Nothing of yours is running." in client.get("/").content.decode()
    client.force_login(PersonFactory.create(owner=True))
    owners = client.get("/").content.decode()
    assert "Today so far" in owners
    assert 'href="/reports/"' in owners
    client.force_login(operator)
    operators = client.get("/").content.decode()
    assert "Late queues" in operators
    assert 'href="/ops/queues/"' in operators
    assert "Today so far" not in operators


def test_running_jobs_are_on_the_home_page(client: Client, person: User) -> None:
    job = JobFactory.create(running=True, owner=person, done=3, total=9, unit="rows")
    page = client.get("/").content.decode()
    assert job.get_absolute_url() in page
    assert "3 of 9 rows" in page


def test_queues_are_for_operators_who_pause_and_resume_them(client: Client, operator: User) -> None:
    refused = client.get("/ops/queues/")
    assert refused.status_code == 403
    assert "not for your role" in refused.content.decode()
    assert client.post("/ops/queues/reports/pause/").status_code == 403
    client.force_login(operator)
    assert "Pause the queue reports?" in client.get("/ops/queues/reports/pause/").content.decode()
    assert "is paused" in client.post("/ops/queues/reports/pause/", follow=True).content.decode()
    assert QueueState.objects.get(name="reports").paused_by == operator
    assert "goes on" in client.post("/ops/queues/reports/resume/", follow=True).content.decode()
    assert QueueState.objects.get(name="reports").paused_at is None
    assert client.post("/ops/queues/nothing/pause/").status_code == 404


def test_settings_keep_the_name_the_language_and_the_theme(client: Client, person: User) -> None:
    form = {"first_name": "Lan", "last_name": "Đỗ", "language": "vi", "theme": "dark"}
    page = client.post("/settings/", form, follow=True).content.decode()
    assert "Đã lưu." in page
    assert 'lang="vi" data-theme="dark"' in page
    person.refresh_from_db()
    assert (person.shown_name, person.language) == ("Đỗ Lan", "vi")


def test_a_theme_or_language_that_does_not_exist_changes_nothing(client: Client) -> None:
    client.post("/theme/", {"theme": "neon"})
    client.post("/language/", {"language": "xx"})
    assert 'lang="en" data-theme="system"' in client.get("/").content.decode()


def test_an_error_of_ours_is_said_in_words_with_a_code_and_no_cause(person: User) -> None:
    browser = Client(raise_request_exception=False, headers={"accept-language": "en"})
    browser.force_login(person)
    with override_settings(ROOT_URLCONF=__name__):
        answer = browser.get("/broken/")
    page = answer.content.decode()
    assert answer.status_code == 500
    assert answer.headers["X-Trace-Id"] in page
    assert "We could not finish this" in page
    assert "kaboom" not in page


def test_a_missing_page_has_a_code_for_support(anyone: Client) -> None:
    answer = anyone.get("/nowhere/")
    assert answer.status_code == 404
    assert answer.headers["X-Trace-Id"] in answer.content.decode()


def test_a_form_of_another_visit_is_refused_in_words(person: User) -> None:
    browser = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    answer = browser.post("/sign-in/", {"name": "ha", "password": "x"})
    assert answer.status_code == 403
    assert "open for too long" in answer.content.decode()


def test_the_policy_allows_nothing_inline_and_pages_have_nothing_inline(client: Client, person: User) -> None:
    job = JobFactory.create(running=True, owner=person)
    for address in ("/", "/jobs/", job.get_absolute_url(), "/track/", "/settings/"):
        answer = client.get(address)
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        page = answer.content.decode()
        assert " style=" not in page
        assert "<style" not in page
        assert " onclick=" not in page
        assert all("src=" in tag for tag in page.split("<script")[1:])


@pytest.mark.parametrize(("trusted", "source"), [(False, "127.0.0.1"), (True, "203.0.113.9")])
def test_the_proxys_word_counts_only_where_there_is_one(rf, settings, trusted: bool, source: str) -> None:
    settings.TRUST_PROXY = trusted
    assert source_of(rf.get("/", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})) == source
