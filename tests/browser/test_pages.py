"""Every page, in both languages and themes, on a phone and on a desk."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from jobs.models import Job, JobEvent, Worker
from reports import schedules
from reports.choice import Choice
from reports.models import SavedReport
from reports.recurrence import Every, Recurrence
from reports.specs import Format
from shop.accounts.models import User
from tests.browser.conftest import Visitor
from tests.factories.jobs import JobFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WIDTHS = (390, 768, 1280)
STEPS = ("vi-light", "vi-dark", "en-light", "en-dark")


@pytest.fixture
def jobs(owner: User) -> dict[str, Job]:
    """A job of the owner in each state, one of them failed after several attempts, one with an old lease."""
    now = timezone.now()
    failed = JobFactory.create(failed=True, owner=owner, attempt=3, error_class="KeyError", error_detail="Traceback …")
    for attempt in (1, 2):
        JobEvent.objects.create(
            job=failed, kind=JobEvent.Kind.ATTEMPT_FAILED, attempt=attempt, message="It did not answer.", detail="x"
        )
    Worker.objects.create(name="quick@host", kind="worker", queues=["mail", "sync"])
    return {
        "failed": failed,
        "running": JobFactory.create(running=True, owner=owner, done=412_000, total=541_909, unit="rows"),
        "stuck": JobFactory.create(
            running=True,
            owner=owner,
            started_at=now - timedelta(hours=3),
            created_at=now - timedelta(hours=3),
            lease_until=now - timedelta(hours=2),
        ),
        "asleep": JobFactory.create(owner=owner, run_at=now + timedelta(hours=1), failures=1),
        "done": JobFactory.create(succeeded=True, owner=owner, result={"url": "/reports/", "label": "Open the report"}),
        "cancelled": JobFactory.create(cancelled=True, owner=owner),
    }


@pytest.fixture
def saved_report(owner: User) -> SavedReport:
    """The owner's, that comes every week, and brought nothing the last time."""
    saved = schedules.save(
        owner=owner,
        choice=Choice("revenue", Format.PDF, ["product", "channel"], {"state": ["paid", "completed"]}, "-revenue"),
        language="vi",
        name="Paid orders, every Monday morning, with a name that takes more than one line of a phone",
        period="last_month",
        recurrence=Recurrence(Every.WEEK, 0, 1, 7),
        by_mail=True,
        now=timezone.now(),
    )
    SavedReport.objects.filter(pk=saved.pk).update(problem="A column or a filter of it is no longer there.")
    return saved


def check(visitor: Visitor, address: str) -> list[str]:
    """What is wrong with a page at each width: findings of axe, and content that sticks out sideways."""
    wrong = []
    for width in WIDTHS:
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.goto(address)
        overflow = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if overflow > 0:
            wrong.append(f"{address} at {width}: {overflow} px stick out")
        for violation in Axe().run(visitor.page).response["violations"]:
            if violation["impact"] in {"serious", "critical"}:
                nodes = [node["target"] for node in violation["nodes"]]
                wrong.append(f"{address} at {width}: {violation['id']} {nodes}")
    return wrong


@pytest.mark.parametrize("step", STEPS)
def test_pages_are_accessible_and_fit(  # noqa: PLR0917 (fixtures)
    visit: Callable[..., Visitor],
    owner: User,
    operator: User,
    jobs: dict[str, Job],
    saved_report: SavedReport,
    step: str,
) -> None:
    language, theme = step.split("-")
    anyone = visit(language=language, theme=theme)
    wrong = check(anyone, "/sign-in/") + check(anyone, "/track/")
    owners = visit(language=language, theme=theme)
    owners.sign_in(owner)
    for address in (
        "/",
        "/jobs/",
        "/jobs/?state=cancelled&q=zzzz",
        *(job.get_absolute_url() for job in jobs.values()),
        f"{jobs['running'].get_absolute_url()}cancel/",
        "/track/",
        "/track/?code=0000-0000-0000",
        "/settings/",
        "/reports/",
        "/reports/new/",
        "/reports/new/revenue/",
        "/reports/saved/",
        saved_report.get_absolute_url(),
        "/nowhere/",
        "/ops/queues/",
    ):
        wrong += check(owners, address)
    operators = visit(language=language, theme=theme)
    operators.sign_in(operator)
    for address in ("/", "/ops/queues/", jobs["failed"].get_absolute_url()):
        wrong += check(operators, address)
    assert wrong == []


def test_a_page_at_twice_the_size_still_fits(visit: Callable[..., Visitor], owner: User, jobs: dict[str, Job]) -> None:
    """At 200 % a window of 1,280 px has room for 640."""
    visitor = visit(width=640)
    visitor.sign_in(owner)
    for address in ("/", "/jobs/", jobs["failed"].get_absolute_url(), "/settings/"):
        visitor.goto(address)
        assert visitor.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
