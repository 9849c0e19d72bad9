import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from jobs.models import Job, JobEvent, State
from shop.accounts.models import User
from tests.factories.jobs import JobFactory
from tests.factories.people import PersonFactory
from web.views import LOOK_UPS

pytestmark = pytest.mark.django_db
UNKNOWN = "0000-0000-0000"


def without_support_code(page: bytes) -> str:
    return re.sub(r"[0-9a-f]{32}|csrfmiddlewaretoken\" value=\"\w+\"|/jobs/[\w-]+/", "", page.decode())


def test_an_unknown_code_and_somebody_elses_are_answered_alike(client: Client) -> None:
    foreign = JobFactory.create(owner=PersonFactory.create())
    for suffix in ("", "live/", "cancel/", "retry/"):
        theirs = client.get(f"/jobs/{foreign.shown_code}/{suffix}")
        nobodys = client.get(f"/jobs/{UNKNOWN}/{suffix}")
        assert theirs.status_code == nobodys.status_code == 404
        assert without_support_code(theirs.content) == without_support_code(nobodys.content)
    assert client.post(f"/jobs/{foreign.shown_code}/cancel/").status_code == 404
    foreign.refresh_from_db()
    assert foreign.state == State.WAITING


def test_operators_see_everybodys_job_with_its_causes_and_its_owner_does_not(
    client: Client, person: User, operator: User
) -> None:
    job = JobFactory.create(failed=True, owner=person, error_class="KeyError", error_detail="Traceback: secret_table")
    mine = client.get(job.get_absolute_url()).content.decode()
    assert "The file is not there." in mine
    assert "secret_table" not in mine
    client.force_login(operator)
    theirs = client.get(job.get_absolute_url()).content.decode()
    assert "secret_table" in theirs
    assert "For Nguyễn Thị Hà" in theirs


def test_a_page_that_is_up_to_date_gets_no_answer_and_a_finished_job_is_no_longer_asked_about(
    client: Client, person: User
) -> None:
    job = JobFactory.create(running=True, owner=person, done=1, total=4, unit="rows")
    page = client.get(job.get_absolute_url()).content.decode()
    address = re.search(r'hx-get="([^"]+)" hx-trigger="every 1s', page)[1].replace("&amp;", "&")
    assert client.get(address).status_code == 204
    Job.objects.filter(pk=job.pk).update(done=2)
    changed = client.get(address)
    assert changed.status_code == 200
    assert "2 of 4 rows" in changed.content.decode()
    assert 'id="job-timeline" hx-swap-oob' in changed.content.decode()
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED, lease_until=None, finished_at=timezone.now())
    over = client.get(address).content.decode()
    assert "Done" in over
    assert "hx-get" not in over


def test_an_old_job_is_asked_about_less_often(client: Client, person: User) -> None:
    JobFactory.create(owner=person, created_at=timezone.now() - timedelta(minutes=10))
    job = Job.objects.get()
    assert 'hx-trigger="every 5s' in client.get(job.get_absolute_url()).content.decode()


def test_cancel_asks_on_a_get_and_acts_on_a_post_once(client: Client, person: User) -> None:
    job = JobFactory.create(owner=person)
    assert "Cancel this job?" in client.get(f"/jobs/{job.shown_code}/cancel/").content.decode()
    job.refresh_from_db()
    assert job.state == State.WAITING
    for said in ("The job is being cancelled.", "already over"):
        page = client.post(f"/jobs/{job.shown_code}/cancel/", follow=True).content.decode()
        assert said in page
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert JobEvent.objects.get(job=job).actor == person


def test_retry_puts_a_failed_job_in_line_again(client: Client, person: User) -> None:
    job = JobFactory.create(failed=True, owner=person)
    page = client.post(f"/jobs/{job.shown_code}/retry/", follow=True).content.decode()
    assert "in line again" in page
    job.refresh_from_db()
    assert job.state == State.WAITING


def test_the_list_filters_by_state_task_and_the_beginning_of_a_code(client: Client, person: User) -> None:
    failed = JobFactory.create(failed=True, owner=person)
    waiting = JobFactory.create(owner=person, task="tests.other")
    JobFactory.create(owner=PersonFactory.create())

    def shown(query: str) -> set[str]:
        page = client.get(f"/jobs/?{query}").content.decode()
        return set(re.findall(r'name="codes" value="(\w+)"', page))

    assert shown("") == {failed.code, waiting.code}
    assert shown("state=failed") == {failed.code}
    assert shown("task=tests.other") == {waiting.code}
    assert shown(f"q={failed.shown_code[:6].lower()}") == {failed.code}
    assert shown("state=running") == set()
    assert client.get(f"/jobs/?q={failed.shown_code}").headers["Location"] == failed.get_absolute_url()


def test_the_list_pages_both_ways_without_losing_or_doubling_a_row(client: Client, person: User) -> None:
    at = timezone.now()
    jobs = [JobFactory.create(owner=person, created_at=at - timedelta(seconds=n // 3)) for n in range(60)]
    ordered = [job.code for job in sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)]

    def read(address: str) -> tuple[list[str], str | None, str | None]:
        page = client.get(address).content.decode()
        links = {rel: link.replace("&amp;", "&") for rel, link in re.findall(r'rel="(\w+)" href="([^"]+)"', page)}
        newer, older = (f"/jobs/{links[rel]}" if rel in links else None for rel in ("prev", "next"))
        return re.findall(r'name="codes" value="(\w+)"', page), newer, older

    first, nothing, second = read("/jobs/")
    assert nothing is None
    middle, back, third = read(second)
    last, _, end = read(third)
    assert first + middle + last == ordered
    assert end is None
    assert read(back)[0] == first


def test_a_cursor_of_nobodys_is_a_bad_request(client: Client) -> None:
    answer = client.get("/jobs/?before=nonsense")
    assert answer.status_code == 400
    assert "not one that the list has given out" in answer.content.decode()


def test_bulk_asks_with_the_count_then_does_what_the_states_allow(client: Client, person: User) -> None:
    waiting = JobFactory.create_batch(3, owner=person)
    over = JobFactory.create(succeeded=True, owner=person)
    foreign = JobFactory.create(owner=PersonFactory.create())
    form = {"action": "cancel", "codes": [job.code for job in [*waiting, over, foreign]]}
    asked = client.post("/jobs/bulk/", form).content.decode()
    assert "Cancel 3 jobs?" in asked
    assert "1 of the ticked jobs is left as it is" in asked
    assert foreign.code not in asked
    assert Job.objects.filter(state=State.CANCELLED).count() == 0
    done = client.post("/jobs/bulk/", {**form, "confirmed": "yes"}, follow=True).content.decode()
    assert "3 jobs are being cancelled." in done
    assert "1 job was left as it is" in done
    assert set(Job.objects.filter(state=State.CANCELLED)) == set(waiting)


def test_track_tells_somebody_who_has_not_signed_in_nothing_about_the_code(anyone: Client) -> None:
    job = JobFactory.create(owner=PersonFactory.create())
    assert anyone.get("/track/").status_code == 200
    for code in (job.shown_code, UNKNOWN):
        answer = anyone.get("/track/", {"code": code})
        assert answer.headers["Location"] == f"/jobs/{code}/"
        assert anyone.get(answer.headers["Location"]).headers["Location"] == f"/sign-in/?next=/jobs/{code}/"


def test_track_finds_ones_own_job_as_people_type_codes(client: Client, person: User) -> None:
    job = JobFactory.create(owner=person)
    typed = f" {job.shown_code.lower().replace('-', ' ')} "
    assert client.get("/track/", {"code": typed}).headers["Location"] == job.get_absolute_url()
    assert "twelve letters and digits" in client.get("/track/", {"code": "abc"}).content.decode()
    missing = client.get("/track/", {"code": UNKNOWN})
    assert missing.status_code == 404
    assert "We find nothing under 0000-0000-0000" in missing.content.decode()


def test_codes_cannot_be_tried_by_the_thousand(client: Client) -> None:
    answers = [client.get("/track/", {"code": UNKNOWN}).status_code for _ in range(LOOK_UPS.tries + 1)]
    assert answers == [404] * LOOK_UPS.tries + [429]


def test_a_full_page_costs_no_query_per_row(client: Client, person: User, django_assert_max_num_queries) -> None:
    JobFactory.create_batch(30, owner=person, running=True, done=1, total=2)
    with django_assert_max_num_queries(5):
        client.get("/jobs/")


def test_a_job_that_waits_for_its_parts_says_how_far_they_are(client: Client, person: User) -> None:
    job = JobFactory.create(owner=person, children_left=2)
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(seconds=60))
    JobFactory.create(owner=person, parent=job, succeeded=True)
    running = JobFactory.create(owner=person, parent=job, running=True, done=50, total=100)
    JobFactory.create(owner=person, parent=job)
    page = client.get(job.get_absolute_url()).content.decode()
    assert "Its parts: 50 %, about 1 min left" in page
    address = re.search(r'hx-get="([^"]+)" hx-trigger="every', page)[1].replace("&amp;", "&")
    Job.objects.filter(pk=running.pk).update(done=80)
    assert "Its parts: 60 %" in client.get(address).content.decode()


def test_parts_that_have_not_begun_are_no_reason_for_a_forecast(client: Client, person: User) -> None:
    job = JobFactory.create(owner=person, children_left=1)
    JobFactory.create(owner=person, parent=job)
    page = client.get(job.get_absolute_url()).content.decode()
    assert re.search(r"Its parts: 0 %\s*</p>", page)
