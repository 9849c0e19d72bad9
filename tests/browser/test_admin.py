"""The operators' admin and the API's page, in both languages and themes, on a phone and on a desk."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django_celery_beat.models import PeriodicTask
from playwright.sync_api import expect

from jobs import breakers, processes
from jobs.beat import sync_schedules
from jobs.models import Job, JobEvent, State
from shop.accounts.models import User
from tests.browser.conftest import Visitor
from tests.factories.catalog import StockMovementFactory
from tests.factories.jobs import JobFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

#: axe would fetch imported style sheets and put them into the page, which the page's policy rightly forbids.
OPTIONS = {"preload": False}


@pytest.fixture
def failed(owner: User, operator: User) -> Job:
    processes.alive("worker@here", kind="worker", queues=["mail", "sync"])
    job = JobFactory.create(failed=True, owner=owner, attempt=2, failures=2, error_class="KeyError")
    JobEvent.objects.create(job=job, kind=JobEvent.Kind.ATTEMPT_FAILED, attempt=1, message="No answer.", detail="x")
    JobFactory.create(running=True, owner=owner, done=412_000, total=541_909, unit="rows")
    JobFactory.create_batch(5, owner=owner)
    breakers.force_open("shopee-vn", "bảo trì", operator)
    sync_schedules()
    return job


def check(visitor: Visitor, address: str) -> list[str]:
    """What is wrong with a page at each width: serious findings of axe, and content that sticks out sideways."""
    wrong = []
    for width in (390, 768, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.goto(address)
        if visitor.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wrong.append(f"{address} at {width}: sticks out sideways")
        for violation in Axe().run(visitor.page, options=OPTIONS).response["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                nodes = [node["target"] for node in violation["nodes"]]
                wrong.append(f"{address} at {width}: {violation['id']} {nodes}")
    return wrong


@pytest.mark.parametrize("step", ["vi-light", "en-dark"])
def test_pages_are_accessible_and_fit(visit: Callable[..., Visitor], operator: User, failed: Job, step: str) -> None:
    language, theme = step.split("-")
    visitor = visit(language=language, theme=theme)
    visitor.sign_in(operator)
    schedule = PeriodicTask.objects.first()
    assert schedule is not None
    movement = StockMovementFactory.create(note="Phiếu nhập 7")
    wrong = []
    for address in (
        "/admin/",
        "/admin/jobs/",
        "/admin/jobs/job/",
        "/admin/jobs/job/?state=failed&queue=sync",
        f"/admin/jobs/job/{failed.pk}/change/",
        f"/admin/jobs/job/{failed.pk}/history/",
        "/admin/jobs/queuestate/",
        "/admin/jobs/queuestate/mail/pause/",
        "/admin/jobs/worker/",
        "/admin/jobs/breaker/",
        "/admin/jobs/breaker/shopee-vn/change/",
        "/admin/jobs/breaker/shopee-vn/force/closed/",
        "/admin/jobs/scheduledrun/",
        "/admin/django_celery_beat/periodictask/",
        f"/admin/django_celery_beat/periodictask/{schedule.pk}/change/",
        "/admin/django_celery_results/taskresult/",
        "/admin/accounts/user/",
        f"/admin/accounts/user/{operator.pk}/change/",
        "/admin/admin/logentry/",
        f"/admin/catalog/product/{movement.product_id}/change/",
        "/admin/catalog/stockmovement/",
        "/admin/catalog/stockmovement/add/",
        f"/admin/catalog/stockmovement/{movement.pk}/change/",
        "/api/v1/docs",
    ):
        wrong += check(visitor, address)
    assert wrong == []


def test_an_operator_signs_in_and_tries_a_failed_job_again(
    visit: Callable[..., Visitor], operator: User, failed: Job
) -> None:
    visitor = visit()
    visitor.sign_in(operator)
    visitor.goto("/admin/jobs/job/")
    page = visitor.page
    page.fill("#searchbar", failed.shown_code.lower())
    page.press("#searchbar", "Enter")
    page.get_by_role("link", name=failed.shown_code).click()
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_role("heading", name="Try 1 job again?")).to_be_visible()
    page.get_by_role("button", name="Try again").click()

    expect(page.get_by_text("1 job starts again.")).to_be_visible()
    failed.refresh_from_db()
    assert failed.state == State.WAITING
    assert failed.events.filter(kind=JobEvent.Kind.RETRIED, actor=operator).exists()


@pytest.mark.parametrize("javascript", [True, False])
def test_ticked_jobs_are_cancelled_after_a_question_with_their_count(
    visit: Callable[..., Visitor], operator: User, failed: Job, javascript: bool
) -> None:
    visitor = visit(javascript=javascript)
    visitor.sign_in(operator)
    visitor.goto("/admin/jobs/job/?state=waiting")
    page = visitor.page
    for tick in page.locator("input.action-select").all():
        tick.check()
    page.get_by_label("Action:").select_option("cancel")
    page.get_by_role("button", name="Go", exact=True).click()

    expect(page.get_by_role("heading", name="Cancel 5 jobs?")).to_be_visible()
    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.get_by_text("5 jobs are cancelled or stopping.")).to_be_visible()
    assert Job.objects.filter(state=State.CANCELLED).count() == 5
