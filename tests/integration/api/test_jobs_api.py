"""The API of jobs as a program meets it."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from jobs import services
from jobs.models import Job, State, new_code, show_code
from shop.accounts.models import Role, User
from shop.accounts.services import create_person
from tests.harness import tasks
from web import api

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nobody_has_called_yet():
    cache.clear()


def person(name: str, *roles: Role) -> User:
    return create_person(username=name, email=f"{name}@example.test", password="x", roles=roles or (Role.OWNER,))


@pytest.fixture
def owner() -> User:
    return person("owner")


@pytest.fixture
def client(owner: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(owner)
    return client


def address(job: Job, verb: str = "") -> str:
    return f"/api/v1/jobs/{job.shown_code}{verb and '/' + verb}"


def conclude(job: Job, state: State, **fields: object) -> Job:
    Job.objects.filter(pk=job.pk).update(state=state, finished_at=timezone.now(), turn=None, lease_until=None, **fields)
    job.refresh_from_db()
    return job


def assert_problem(response, status: int) -> dict:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = json.loads(response.content)
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


class TestLookUp:
    def test_a_waiting_job(self, client, owner):
        job = services.submit(tasks.note, owner=owner, word="hi")

        response = client.get(address(job))

        assert response.status_code == 200
        body = response.json()
        assert body["code"] == job.shown_code
        assert body["task"] == "note"
        assert body["state"] == "waiting"
        assert body["state_label"] == "Waiting"
        assert body["progress"] == {"done": 0, "total": None, "unit": ""}
        assert body["attempt"] == 0
        assert body["next_try_at"] is None
        assert body["finished_at"] is None
        assert body["error"] is None
        assert response["Retry-After"] == "1"

    def test_a_code_as_a_person_types_it(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        assert client.get(f"/api/v1/jobs/{job.code.lower()}").status_code == 200

    def test_a_running_job_says_how_far_it_is_and_how_long_still(self, client, owner):
        job = services.submit(tasks.work, owner=owner, seconds=1)
        Job.objects.filter(pk=job.pk).update(
            state=State.RUNNING,
            turn=None,
            attempt=1,
            started_at=timezone.now() - timedelta(seconds=10),
            lease_until=timezone.now() + timedelta(seconds=10),
            done=25,
            total=100,
            unit="rows",
        )

        body = client.get(address(job)).json()

        assert body["progress"] == {"done": 25, "total": 100, "unit": "rows"}
        assert 30 <= body["seconds_left"] <= 32

    def test_an_old_job_need_not_be_asked_about_every_second(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(minutes=2))
        assert client.get(address(job))["Retry-After"] == "5"

    def test_a_job_with_a_time_says_when(self, client, owner):
        job = services.submit(tasks.note, owner=owner, run_at=timezone.now() + timedelta(hours=1))
        assert client.get(address(job)).json()["next_try_at"] is not None

    def test_a_finished_job_links_to_its_result_and_need_not_be_asked_again(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        conclude(job, State.SUCCEEDED, result={"url": "/reports/1/", "label": "The report"})

        response = client.get(address(job))

        assert response.json()["links"] == [{"url": "/reports/1/", "label": "The report"}]
        assert "Retry-After" not in response

    def test_a_failed_job_says_why(self, client, owner):
        job = conclude(services.submit(tasks.note, owner=owner), State.FAILED, error_message="The file is empty.")
        assert client.get(address(job)).json()["error"] == "The file is empty."

    def test_an_operator_sees_everybodys(self, owner):
        job = services.submit(tasks.note, owner=owner)
        client = Client()
        client.force_login(person("operator", Role.OPERATOR))
        assert client.get(address(job)).status_code == 200

    def test_in_vietnamese(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        response = client.get(address(job), headers={"accept-language": "vi"})
        assert response["Content-Language"] == "vi"


class TestUnchanged:
    def test_304_until_it_changes(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        first = client.get(address(job))
        etag = first["ETag"]
        assert not etag.startswith("W/")

        again = client.get(address(job), headers={"if-none-match": etag})
        assert again.status_code == 304
        assert again.content == b""
        assert again["ETag"] == etag
        assert again["Retry-After"] == "1"

        conclude(job, State.CANCELLED)
        changed = client.get(address(job), headers={"if-none-match": etag})
        assert changed.status_code == 200
        assert changed["ETag"] != etag

    def test_the_answer_is_not_for_shared_caches(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        assert client.get(address(job))["Cache-Control"] == "private, no-cache"


class TestNotFound:
    def test_unknown_and_foreign_codes_are_answered_by_the_same_bytes(self, client):
        foreign = services.submit(tasks.note, owner=person("somebody else"))
        ownerless = services.submit(tasks.note)

        answers = [
            client.get(f"/api/v1/jobs/{code}")
            for code in (foreign.shown_code, ownerless.shown_code, show_code(new_code()), "nonsense", "1")
        ]

        assert len({answer.content for answer in answers}) == 1
        for answer in answers:
            assert_problem(answer, 404)
        headers = [{name: value for name, value in answer.items() if name != "X-Trace-Id"} for answer in answers]
        assert headers == headers[:1] * len(headers)

    @pytest.mark.parametrize("verb", ["cancel", "retry"])
    def test_nor_can_foreign_jobs_be_changed(self, client, verb):
        foreign = services.submit(tasks.note, owner=person("somebody else"))

        refused = client.post(address(foreign, verb))
        unknown = client.post(f"/api/v1/jobs/{show_code(new_code())}/{verb}")

        assert refused.content == unknown.content
        assert_problem(refused, 404)
        foreign.refresh_from_db()
        assert foreign.state == State.WAITING


class TestChange:
    def test_cancel_a_waiting_job(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        response = client.post(address(job, "cancel"))
        assert response.status_code == 200
        assert response.json()["state"] == "cancelled"
        assert job.events.get().actor == owner

    def test_cancelling_what_is_over_is_a_conflict(self, client, owner):
        job = conclude(services.submit(tasks.note, owner=owner), State.SUCCEEDED)
        problem = assert_problem(client.post(address(job, "cancel")), 409)
        assert "already over" in problem["detail"]

    def test_retry_a_failed_job(self, client, owner):
        job = conclude(services.submit(tasks.note, owner=owner), State.FAILED)
        response = client.post(address(job, "retry"))
        assert response.status_code == 200
        assert response.json()["state"] == "waiting"

    def test_retrying_what_waits_is_a_conflict(self, client, owner):
        job = services.submit(tasks.note, owner=owner)
        assert_problem(client.post(address(job, "retry")), 409)

    def test_a_change_needs_the_csrf_token(self, owner):
        job = services.submit(tasks.note, owner=owner)
        client = Client(enforce_csrf_checks=True)
        client.force_login(owner)

        problem = assert_problem(client.post(address(job, "cancel")), 403)

        assert "CSRF" in problem["detail"]
        job.refresh_from_db()
        assert job.state == State.WAITING

    def test_and_goes_through_with_it(self, owner):
        job = services.submit(tasks.note, owner=owner)
        client = Client(enforce_csrf_checks=True)
        client.force_login(owner)
        token = "a" * 32
        client.cookies["csrftoken"] = token
        assert client.post(address(job, "cancel"), headers={"x-csrftoken": token}).status_code == 200


class TestList:
    def test_only_ones_own_newest_first(self, client, owner):
        mine = [services.submit(tasks.note, owner=owner, word=str(number)) for number in range(3)]
        services.submit(tasks.note, owner=person("somebody else"))

        body = client.get("/api/v1/jobs").json()

        assert [job["code"] for job in body["jobs"]] == [job.shown_code for job in reversed(mine)]
        assert body["next"] is None

    def test_pages_neither_skip_nor_repeat_while_jobs_arrive(self, client, owner):
        ids = services.submit_many(tasks.note, [{"word": str(number)} for number in range(7)], owner=owner)
        seen, cursor = [], ""
        while True:
            body = client.get("/api/v1/jobs", {"limit": 3, "cursor": cursor}).json()
            seen += [job["code"] for job in body["jobs"]]
            services.submit(tasks.note, owner=owner, word="newer")
            cursor = body["next"]
            if cursor is None:
                break

        expected = Job.objects.filter(pk__in=ids).order_by("-created_at", "-id")
        assert seen == [job.shown_code for job in expected]

    def test_by_state(self, client, owner):
        services.submit(tasks.note, owner=owner)
        failed = conclude(services.submit(tasks.note, owner=owner), State.FAILED)
        body = client.get("/api/v1/jobs", {"state": "failed"}).json()
        assert [job["code"] for job in body["jobs"]] == [failed.shown_code]

    @pytest.mark.parametrize(
        "query",
        [{"cursor": "nonsense"}, {"cursor": "MjAyNg"}, {"limit": "0"}, {"limit": "1000"}, {"state": "odd"}],
    )
    def test_nonsense_is_told_apart_from_nothing(self, client, query):
        assert_problem(client.get("/api/v1/jobs", query), 422)


class TestProblems:
    def test_not_signed_in(self, owner):
        job = services.submit(tasks.note, owner=owner)
        for response in (Client().get(address(job)), Client(enforce_csrf_checks=True).post(address(job, "cancel"))):
            assert_problem(response, 401)
            assert response["WWW-Authenticate"]

    def test_a_method_that_the_address_does_not_take(self, client, owner):
        response = client.delete(address(services.submit(tasks.note, owner=owner)))
        assert_problem(response, 405)
        assert response["Allow"] == "GET"

    def test_no_such_address(self, client):
        assert_problem(client.get("/api/v1/nothing"), 404)

    def test_too_many_requests(self, client, owner, monkeypatch):
        monkeypatch.setattr(api, "REQUESTS_A_MINUTE", 2)
        job = services.submit(tasks.note, owner=owner)
        statuses = [client.get(address(job)).status_code for _ in range(2)]
        response = client.get(address(job))

        assert statuses == [200, 200]
        assert_problem(response, 429)
        assert 1 <= int(response["Retry-After"]) <= 60

    def test_a_bug_is_a_problem_with_a_trace_id_and_without_its_cause(self, client, owner, monkeypatch, caplog):
        client.raise_request_exception = False
        monkeypatch.setattr("jobs.queries.by_code", lambda *_args, **_words: 1 / 0)

        response = client.get("/api/v1/jobs/7KQF-3M9T-XW2C")

        problem = assert_problem(response, 500)
        assert problem["trace_id"] == response["X-Trace-Id"]
        assert "ZeroDivision" not in response.content.decode()
        assert "ZeroDivision" in caplog.text


class TestDescription:
    def test_the_schema_names_every_address(self, client):
        paths = client.get("/api/v1/openapi.json").json()["paths"]
        assert set(paths) == {
            "/api/v1/jobs/{code}",
            "/api/v1/jobs/{code}/cancel",
            "/api/v1/jobs/{code}/retry",
            "/api/v1/jobs",
        }
