"""A job followed in the browser: live, by keyboard alone, and without JavaScript."""

import re
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from jobs.models import Job, State
from shop.accounts.models import User
from tests.browser.conftest import Visitor
from tests.factories.jobs import JobFactory
from tests.factories.people import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_progress_goes_on_by_itself_until_the_job_is_over(visit: Callable[..., Visitor], owner: User) -> None:
    job = JobFactory.create(running=True, owner=owner, done=1, total=4, unit="rows")
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto(job.get_absolute_url())
    page = visitor.page
    expect(page.get_by_text("1 of 4 rows")).to_be_visible()
    page.focus("#job-cancel")
    Job.objects.filter(pk=job.pk).update(done=3)
    expect(page.get_by_text("3 of 4 rows")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "job-cancel"
    Job.objects.filter(pk=job.pk).update(
        state=State.SUCCEEDED,
        lease_until=None,
        finished_at=timezone.now(),
        result={"url": "/track/", "label": "Open the report"},
    )
    expect(page.get_by_role("link", name="Open the report")).to_be_visible()
    expect(page.locator("#announcer")).to_have_text("Done")
    expect(page.locator("#job-timeline li").first).to_contain_text("Done.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


def test_says_when_it_has_not_heard_from_the_server_and_recovers(visit: Callable[..., Visitor], owner: User) -> None:
    job = JobFactory.create(running=True, owner=owner, done=1, total=4, unit="rows")
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto(job.get_absolute_url())
    visitor.page.route("**/live/**", lambda route: route.fulfill(status=503))
    expect(visitor.page.get_by_text(re.compile("No answer from the server. Last updated .*sec"))).to_be_visible(
        timeout=20_000
    )
    visitor.page.unroute("**/live/**")
    expect(visitor.page.locator("[data-stale]")).to_be_hidden()
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if "503" not in trouble]


def test_from_sign_in_to_a_cancelled_job_by_keyboard_alone(visit: Callable[..., Visitor], owner: User) -> None:
    older = JobFactory.create(owner=owner)
    newest = JobFactory.create(owner=owner)
    visitor = visit()
    visitor.goto("/jobs/")
    keys = visitor.page.keyboard
    expect(visitor.page.locator("#id_name")).to_be_focused()
    keys.type(owner.username)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    visitor.page.wait_for_url(f"{visitor.base}/jobs/")
    keys.press("Tab")
    expect(visitor.page.get_by_role("link", name="Skip to content")).to_be_focused()
    for key in "jjk":
        keys.press(key)
    keys.press("j")
    keys.press("Enter")
    visitor.page.wait_for_url(f"**{older.get_absolute_url()}")
    expect(visitor.page.locator("#job-cancel")).to_be_visible()
    for _ in range(30):
        keys.press("Tab")
        if visitor.page.evaluate("document.activeElement.id") == "job-cancel":
            break
    keys.press("Enter")
    dialog = visitor.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
    expect(visitor.page.locator("#job-cancel")).to_be_focused()
    keys.press("Enter")
    keys.press("Tab")
    keys.press("Enter")
    expect(visitor.page.get_by_text("The job is being cancelled.")).to_be_visible()
    older.refresh_from_db()
    newest.refresh_from_db()
    assert (older.state, newest.state) == (State.CANCELLED, State.WAITING)


def test_ticked_jobs_are_cancelled_after_a_question_with_their_count(
    visit: Callable[..., Visitor], owner: User
) -> None:
    jobs = JobFactory.create_batch(3, owner=owner)
    visitor = visit(width=390)
    visitor.sign_in(owner)
    visitor.goto("/jobs/")
    page = visitor.page
    expect(page.get_by_role("button", name="Cancel the ticked ones")).to_be_hidden()
    page.get_by_label(re.compile(jobs[0].shown_code)).check()
    expect(page.get_by_text("1 ticked")).to_be_visible()
    page.get_by_label("All on this page").check()
    expect(page.get_by_text("3 ticked")).to_be_visible()
    page.get_by_role("button", name="Cancel the ticked ones").click()
    page.get_by_role("button", name="Cancel 3 jobs?").click()
    expect(page.get_by_text("3 jobs are being cancelled.")).to_be_visible()
    assert Job.objects.filter(state=State.CANCELLED).count() == 3


def test_the_theme_changes_at_once_and_is_remembered(visit: Callable[..., Visitor], owner: User) -> None:
    visitor = visit()
    visitor.sign_in(owner)
    page = visitor.page
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Dark").click()
    assert page.evaluate(background) != light
    page.reload()
    assert page.evaluate(background) != light
    page.get_by_role("button", name="Tiếng Việt").click()
    expect(page.get_by_role("link", name="Trang chủ")).to_be_visible()


def test_a_code_is_copied(visit: Callable[..., Visitor], owner: User) -> None:
    job = JobFactory.create(owner=owner)
    visitor = visit()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.sign_in(owner)
    visitor.goto(job.get_absolute_url())
    visitor.page.get_by_role("button", name="Copy the code").click()
    expect(visitor.page.locator("#announcer")).to_have_text("Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == job.shown_code


def test_the_core_path_without_javascript(visit: Callable[..., Visitor], owner: User) -> None:
    job = JobFactory.create(running=True, owner=owner, done=1, total=4, unit="rows")
    visitor = visit(javascript=False)
    page = visitor.page
    visitor.goto("/track/")
    page.fill("#id_code", job.shown_code.lower())
    page.get_by_role("button", name="Find it").click()
    page.fill("#id_name", owner.email)
    page.fill("#id_password", PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{job.get_absolute_url()}")
    expect(page.get_by_text("1 of 4 rows")).to_be_visible()
    Job.objects.filter(pk=job.pk).update(done=2)
    page.get_by_role("link", name="Show how far it is now").click()
    expect(page.get_by_text("2 of 4 rows")).to_be_visible()
    page.locator("#job-cancel").click()
    expect(page.get_by_role("heading", name="Cancel this job?", level=2)).to_be_visible()
    page.get_by_role("button", name="Cancel the job").click()
    expect(page.get_by_text("Stopping at the next safe point")).to_be_visible()
    job.refresh_from_db()
    assert job.cancel_requested_at is not None
    visitor.goto("/jobs/")
    page.get_by_role("button", name="Tiếng Việt").click()
    expect(page.get_by_role("heading", name="Việc của tôi")).to_be_visible()
    page.get_by_role("button", name="Tối", exact=True).click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
