"""The owner's pages, without JavaScript."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from django.urls import reverse, reverse_lazy
from django.utils import timezone

from jobs.models import Job
from jobs.models import State as JobState
from reports import kinds, preview
from reports.forms import default_columns
from reports.models import Report, State
from reports.periods import Period
from reports.specs import Format
from shop.accounts.models import Role
from tests.factories.orders import OrderFactory, OrderLineFactory
from tests.factories.people import PersonFactory
from tests.integration.reports.conftest import rows_of

TODAY = timezone.localdate
NEW = reverse_lazy("reports:new", kwargs={"kind": "revenue"})
ROWS = reverse_lazy("reports:rows", kwargs={"kind": "revenue"})


@pytest.fixture
def page(client, owner):
    client.force_login(owner)
    client.cookies["language"] = "en"
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


class Forms(HTMLParser):
    """The forms of a page: where each goes and what it would send."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str]]]] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag == "form":
            self.found.append((values.get("action", ""), []))
            self._open = True
        elif tag == "input" and self._open and values.get("type") not in {"checkbox", "radio"}:
            self.found[-1][1].append((values.get("name", ""), values.get("value", "")))

    def handle_endtag(self, tag):
        if tag == "form":
            self._open = False


def text_of(response):
    return response.content.decode()


def sell(day, **line):
    return OrderLineFactory(order=OrderFactory(placed_at=datetime(*day, 5, tzinfo=UTC)), **line)


@pytest.mark.parametrize("address", [reverse_lazy("reports:list"), reverse_lazy("reports:choose"), NEW, ROWS])
def test_only_owners_have_reports(client, transactional_db, address):
    assert client.get(address)["Location"].startswith(reverse("web:sign_in"))
    client.force_login(PersonFactory(roles=[Role.SHOPPER, Role.FINANCE, Role.OPERATOR]))
    assert client.get(address).status_code == 403


def test_full_year_revenue_is_one_click_away(page, owner, work):
    year = TODAY().year - 1
    sell((year, 3, 8))
    forms = Forms(text_of(page.get(reverse("reports:list")))).found
    sent = next(dict(fields) for action, fields in forms if ("period", "last_year") in fields)
    columns = next(
        [v for n, v in fields if n == "columns"] for _a, fields in forms if ("period", "last_year") in fields
    )
    response = page.post(NEW, {**sent, "columns": columns})
    report = Report.objects.get()
    assert (response.status_code, response["Location"]) == (302, report.get_absolute_url())
    assert (report.period, report.owner) == (Period.year(year), owner)
    assert set(default_columns(kinds.get("revenue"))) < set(report.columns)
    assert report.shown_code in text_of(page.get(report.get_absolute_url()))
    assert work() == ["succeeded"]
    assert len(rows_of(Report.objects.get())) == 1


def test_clicked_twice_it_is_one_report(page):
    wish = {"period": "this_year", "format": "xlsx", "columns": ["product"]}
    first, second = (page.post(NEW, wish) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Report.objects.count() == 1


def test_the_form_says_how_many_rows_it_will_be(page):
    for day in range(1, 4):
        sell((TODAY().year - 1, 5, day))
    assert "It will have 3 rows" in text_of(page.get(NEW))
    days = {"period": "custom", "first_day": f"{TODAY().year - 1}-05-02", "last_day": f"{TODAY().year - 1}-05-02"}
    assert "It will have 1 row," in text_of(page.get(ROWS, days))
    counted = page.post(NEW, {**days, "format": "xlsx", "columns": ["sku"], "count": "yes"})
    assert "It will have 1 row," in text_of(counted)
    assert 'value="sku" ' in text_of(counted)
    assert Report.objects.count() == 0
    assert "There is nothing in these days" in text_of(page.get(ROWS, {"period": "this_month"}))


def test_the_form_shows_the_first_rows_in_the_columns_that_are_ticked(page):
    for day in range(1, 9):
        sell((TODAY().year - 1, 5, day))
    shown = text_of(page.get(ROWS, {"period": "last_year", "columns": ["product"]}))
    assert "Product" in shown
    assert "Channel" not in shown
    assert shown.count("<tr>") == 1 + 5
    assert "₫" in shown
    assert "Making it takes about" in shown
    assert "As a PDF it has about 1 page." in shown
    first = text_of(page.get(NEW))
    assert "The first rows:" in first
    assert "Channel" in first


def test_how_long_it_takes_is_judged_by_the_latest_reports(page, ask, work):
    sell((2025, 6, 1))
    assert preview.seconds_for(1_000_000, Format.XLSX) == pytest.approx(41)
    report = ask()
    assert work() == ["succeeded"]
    now = timezone.now()
    Job.objects.filter(pk=report.job_id).update(started_at=now - timedelta(seconds=2), finished_at=now)
    assert preview.seconds_for(1_000_000, Format.XLSX) == pytest.approx(41)  # one row says nothing
    Report.objects.filter(pk=report.pk).update(row_count=20_000)
    assert preview.seconds_for(1_000_000, Format.XLSX) == pytest.approx(101)
    assert preview.seconds_for(1_000_000, Format.CSV) == pytest.approx(41)


def test_years_that_the_shop_sold_in_can_be_chosen(page):
    sell((2011, 12, 9))
    page.post(NEW, {"period": "2011", "format": "xlsx"})
    assert Report.objects.get().period == Period.year(2011)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"period": "custom"}, "Choose a day."),
        (
            {"period": "custom", "first_day": "2025-02-02", "last_day": "2025-02-01"},
            "The last day is before the first one",
        ),
        ({"period": "custom", "first_day": "2025-02-30", "last_day": "2025-03-01"}, "valid date"),
        ({"period": "next_year"}, "not one of the available choices"),
        ({"period": "1900"}, "not one of the available choices"),
        ({"period": "last_year", "columns": ["password"]}, "not one of the available choices"),
        ({"period": "last_year", "format": "exe"}, "not one of the available choices"),
    ],
)
def test_a_wish_that_cannot_be_is_said_beside_its_field(page, wish, said):
    response = page.post(NEW, {"format": "xlsx", **wish})
    assert said in text_of(response)
    assert Report.objects.count() == Job.objects.count() == 0


def test_the_pages_follow_a_report_from_waiting_to_ready(page, ask, work):
    sell((2025, 6, 15), unit_price=1_290_000)
    report = ask()
    live = reverse("reports:live", kwargs={"code": report.shown_code})
    waiting = page.get(report.get_absolute_url())
    assert waiting.context["state"] == State.REQUESTED
    assert f"{live}?v={waiting.context['version']}" in text_of(waiting)
    assert page.get(live, {"v": waiting.context["version"]}).status_code == 204

    now = timezone.now()
    Job.objects.filter(pk=report.job_id).update(
        state=JobState.RUNNING, turn=None, started_at=now - timedelta(seconds=76), lease_until=now + timedelta(minutes=1),
        done=412_000, total=541_909, unit="rows",
    )  # fmt: skip
    building = text_of(page.get(live, {"v": waiting.context["version"]}))
    assert "412,000 of 541,909 rows, about 2" in building
    assert "s left" in building
    Job.objects.filter(pk=report.job_id).update(state=JobState.WAITING, lease_until=None)

    work()
    ready = text_of(page.get(live))
    report = Report.objects.get()
    assert "hx-get" not in ready
    assert reverse("reports:download", kwargs={"code": report.shown_code}) in ready
    assert "1,290,000" in ready
    assert report.sha256 in ready


def test_the_list_shows_each_state_and_filters_by_it(page, ask, work, owner):
    sell((2025, 6, 15))
    ready, waiting = ask(), None
    work()
    waiting = ask(columns=["sku"])
    everything = text_of(page.get(reverse("reports:list")))
    assert ready.shown_code in everything
    assert waiting.shown_code in everything
    only_ready = text_of(page.get(reverse("reports:list"), {"state": "ready"}))
    assert ready.shown_code in only_ready
    assert waiting.shown_code not in only_ready
    assert ask(by=PersonFactory(owner=True)).shown_code not in text_of(page.get(reverse("reports:list")))


def test_the_list_comes_in_pages_and_costs_the_same_however_long(page, owner, django_assert_max_num_queries):
    now = timezone.now()
    Report.objects.bulk_create(
        Report(
            code=f"{number:012d}",
            owner=owner,
            kind="revenue",
            format="xlsx",
            first_day="2025-01-01",
            last_day="2025-12-31",
            columns=["sku"],
            language="vi",
            created_at=now - timedelta(minutes=number),
        )
        for number in range(60)
    )
    with django_assert_max_num_queries(8):
        first = page.get(reverse("reports:list"))
    older = page.get(reverse("reports:list"), {"before": first.context["page"].older})
    seen = [report.code for response in (first, older) for report in response.context["page"].rows]
    assert seen == [f"{number:012d}" for number in range(50)]
    assert page.get(reverse("reports:list"), {"before": "nonsense"}).status_code == 400


def test_stopping_asks_first_and_then_does(page, ask):
    report = ask()
    stop = reverse("reports:cancel", kwargs={"code": report.shown_code})
    assert "Stop making this report?" in text_of(page.get(stop))
    assert Job.objects.get().state == JobState.WAITING
    assert page.post(stop)["Location"] == report.get_absolute_url()
    assert Job.objects.get().state == JobState.CANCELLED
    after = text_of(page.post(stop, follow=True))
    assert "already over" in after


def test_made_again_it_is_a_new_report_with_a_code_of_its_own(page, ask, work):
    report = ask()
    work()
    response = page.post(reverse("reports:again", kwargs={"code": report.shown_code}))
    newest = Report.objects.latest("created_at")
    assert response["Location"] == newest.get_absolute_url()
    assert newest.pk != report.pk
    assert (newest.period, newest.columns) == (report.period, report.columns)
    assert page.get(reverse("reports:again", kwargs={"code": report.shown_code})).status_code == 405


def test_a_failed_report_says_why_and_what_to_do(page, ask):
    report = ask()
    Job.objects.filter(pk=report.job_id).update(
        state=JobState.FAILED, turn=None, finished_at=timezone.now(), error_message="The disk is full."
    )
    shown = text_of(page.get(report.get_absolute_url()))
    assert "The disk is full." in shown
    assert reverse("reports:again", kwargs={"code": report.shown_code}) in shown


def test_the_codes_page_of_the_job_leads_to_the_report(page, ask, work):
    report = ask()
    work()
    assert report.get_absolute_url() in text_of(page.get(report.job.get_absolute_url()))


def test_operators_see_reports_in_the_admin_but_not_their_files(client, ask, work):
    sell((2025, 6, 15))
    report = ask()
    work()
    report.refresh_from_db()
    report.downloads.create(person=report.owner, at=timezone.now(), address="203.0.113.9")
    client.force_login(PersonFactory(is_staff=True, is_superuser=True))
    listed = text_of(client.get(reverse("admin:reports_report_changelist"), {"q": report.shown_code, "state": "ready"}))
    assert report.owner.get_username() in listed
    row = text_of(client.get(reverse("admin:reports_report_change", args=[report.pk])))
    assert "203.0.113.9" in row
    assert report.file_key not in row
    assert client.get(reverse("admin:reports_report_add")).status_code == 403


def test_default_columns_hold_nothing_personal():
    assert not {"customer", "phone"} & set(default_columns(kinds.get("revenue")))


@pytest.mark.parametrize("gone", [{"kind": "weather"}, {"columns": ["time", "weight"]}, {"order": "-weight"}])
def test_what_another_release_has_made_is_shown_as_far_as_it_is_known(page, ask, work, gone):
    sell((2025, 6, 15))
    report = ask()
    work()
    Report.objects.filter(pk=report.pk).update(**gone)
    report = Report.objects.get(pk=report.pk)
    for address in (reverse("reports:list"), report.get_absolute_url()):
        assert page.get(address).status_code == 200
    again = page.post(reverse("reports:again", kwargs={"code": report.shown_code}), follow=True)
    assert "no longer there" in text_of(again)
    assert Report.objects.count() == 1
    download = page.get(reverse("reports:download", kwargs={"code": report.shown_code}), follow=True)
    assert download.status_code == 200
