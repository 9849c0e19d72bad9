"""Who a customer is, is for people with a role of its own: asked for in whatever way, and still when the file is there."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from jobs.models import Job
from jobs.services import NotAllowed
from reports import preview, schedules, services
from reports.choice import Choice
from reports.forms import default_columns
from reports.kinds import KINDS
from reports.models import Report, ReportDownload, SavedReport
from reports.recurrence import Every, Recurrence
from reports.specs import Column, Format, Spec
from shop.accounts.models import Role, User
from tests.factories.orders import CustomerFactory, OrderFactory, OrderLineFactory
from tests.factories.people import PersonFactory
from tests.integration.reports.conftest import AT_NOON, YEAR_2025, content_of, stored

NOW = datetime(2026, 11, 25, 5, tzinfo=UTC)
MONTHLY = Recurrence(Every.MONTH, weekday=0, day=1, hour=7)
PERSONAL = {
    "the customer": ("revenue", ["customer"]),
    "the phone": ("revenue", ["phone"]),
    "among others": ("revenue", ["product", "phone", "customer"]),
    "a kind that is about customers": ("customers", []),
}


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def owner(db: None) -> User:
    """An owner who may have them. Only where files are made must what is written be committed."""
    return PersonFactory(roles=[Role.OWNER, Role.CUSTOMER_DATA])


@pytest.fixture
def plain(db: None) -> User:
    """An owner who may not have lists of customers."""
    return PersonFactory(owner=True)


@pytest.fixture
def page(client: Client, plain: User) -> Client:
    client.force_login(plain)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def sale(db: None) -> None:
    customer = CustomerFactory(name="Lý Thường Kiệt", phone="0912345678")
    order = OrderFactory(placed_at=AT_NOON, customer=customer, channel=customer.channel)
    OrderLineFactory(order=order, placed_at=AT_NOON, name="Trà")


def save(owner: User, kind: str, columns: list[str], *, language: str = "en") -> SavedReport:
    return schedules.save(
        owner=owner,
        choice=Choice(kind, Format.XLSX, columns),
        language=language,
        name=f"{kind} {columns}",
        period="last_month",
        recurrence=MONTHLY,
        by_mail=True,
        now=NOW,
    )


def take_away(owner: User) -> None:
    owner.roles = [Role.OWNER]
    owner.save()


def address(name: str, report: Report) -> str:
    return reverse(f"reports:{name}", kwargs={"code": report.shown_code})


def new(kind: str) -> str:
    return reverse("reports:new", kwargs={"kind": kind})


def text_of(response: Any) -> str:
    return str(response.content.decode())


# --- what is personal ------------------------------------------------------------------------------------------------


def leads_to_a_customer(column: Column) -> bool:
    return "customer" in str(column.value)


@pytest.mark.parametrize("spec", KINDS.values(), ids=list(KINDS))
def test_whatever_leads_to_a_customer_is_personal(spec: Spec) -> None:
    for column in spec.columns:
        assert spec.personal or column.personal == leads_to_a_customer(column), column.name
    assert spec.personal or not any("customer" in str(chart.value) for chart in spec.charts)
    assert not {column.name for column in spec if column.personal} & set(default_columns(spec))
    assert not any(column.personal and column.required for column in spec)


def test_these_are_personal_and_no_others() -> None:
    assert [spec.name for spec in KINDS.values() if spec.personal] == ["customers"]
    assert [(spec.name, one.name) for spec in KINDS.values() for one in spec if one.personal] == [
        ("revenue", "customer"),
        ("revenue", "phone"),
    ]


# --- not without the role --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "columns"), PERSONAL.values(), ids=PERSONAL)
def test_the_service_makes_no_such_report(
    ask: Callable[..., Report], plain: User, kind: str, columns: list[str]
) -> None:
    with pytest.raises(NotAllowed, match="says something about customers"):
        ask(by=plain, kind=kind, columns=columns)
    assert (Report.objects.count(), Job.objects.count()) == (0, 0)


@pytest.mark.parametrize(("kind", "columns"), PERSONAL.values(), ids=PERSONAL)
def test_none_can_be_saved(plain: User, kind: str, columns: list[str]) -> None:
    with pytest.raises(NotAllowed, match="says something about customers"):
        save(plain, kind, columns)
    assert SavedReport.objects.count() == 0


def test_rows_are_in_no_order_of_what_may_not_be_seen(ask: Callable[..., Report], plain: User) -> None:
    """Else the order of the rows would tell it."""
    with pytest.raises(Exception, match=r"phone|customers"):
        ask(by=plain, columns=["product"], order="phone")
    with pytest.raises(NotAllowed):
        ask(by=plain, columns=["phone"], order="phone")
    assert Report.objects.count() == 0


def test_the_pages_do_not_offer_it(page: Client, owner: User, client: Client) -> None:
    offered = text_of(page.get(reverse("reports:choose")))
    form = text_of(page.get(new("revenue")))
    assert new("customers") not in offered
    for value in ('value="customer"', 'value="phone"', 'value="-phone"'):
        assert value not in form
    assert page.get(new("customers")).status_code == 404
    assert page.post(new("customers"), {"period": "last_year", "format": "xlsx"}).status_code == 404
    assert page.get(reverse("reports:rows", kwargs={"kind": "customers"})).status_code == 404
    client.force_login(owner)
    assert new("customers") in text_of(client.get(reverse("reports:choose")))
    assert 'value="customer"' in text_of(client.get(new("revenue")))


@pytest.mark.usefixtures("sale")
@pytest.mark.parametrize(
    "hidden",
    [
        {"columns": ["product", "customer"]},
        {"columns": ["phone"]},
        {"columns": ["product"], "order": "customer"},
        {"columns": ["phone"], "order": "-phone"},
        {"columns": ["customer"], "count": "yes"},
    ],
)
def test_a_field_that_the_form_does_not_have_brings_nothing(page: Client, hidden: dict[str, Any]) -> None:
    days = {"period": "custom", "first_day": "2025-01-01", "last_day": "2025-12-31", "format": "xlsx"}
    response = page.post(new("revenue"), days | hidden)
    assert response.status_code == 200
    assert response.context["form"].errors
    assert Report.objects.count() == Job.objects.count() == 0
    counted = page.get(reverse("reports:rows", kwargs={"kind": "revenue"}), days | hidden)
    for shown in (text_of(response), text_of(counted)):
        assert "It will have 1 row," in shown
        assert "Kiệt" not in shown
        assert "0912345678" not in shown


@pytest.mark.usefixtures("transactional_db", "sale")
def test_who_has_the_role_sees_it_before_and_in_the_file(
    make: Callable[..., Report], owner: User, client: Client
) -> None:
    client.force_login(owner)
    wish = {"period": "custom", "first_day": "2025-01-01", "last_day": "2025-12-31", "columns": ["customer", "phone"]}
    shown = text_of(client.get(reverse("reports:rows", kwargs={"kind": "revenue"}), wish))
    assert "Lý Thường Kiệt" in shown
    report = make(columns=["customer", "phone"], format=Format.CSV)
    assert "Lý Thường Kiệt,0912345678" in content_of(report).decode()


# --- no longer with the role -----------------------------------------------------------------------------------------


@pytest.fixture(params=["among others", "a kind that is about customers"])
def report(request: pytest.FixtureRequest, transactional_db: None, sale: None, make: Callable[..., Report]) -> Report:
    """One that was made while its owner had the role."""
    kind, columns = PERSONAL[request.param]
    return make(kind=kind, columns=columns)


def test_once_the_role_is_gone_the_file_is_given_out_no_more(report: Report, owner: User) -> None:
    assert services.open_download(report=report, viewer=owner, address=None, now=timezone.now())
    take_away(owner)
    with pytest.raises(NotAllowed, match="says something about customers"):
        services.open_download(report=report, viewer=owner, address=None, now=timezone.now())
    assert ReportDownload.objects.count() == 1
    with pytest.raises(NotAllowed):
        services.request_again(report=Report.objects.get(), now=timezone.now())
    assert Report.objects.count() == 1


def test_once_the_role_is_gone_the_pages_say_so(report: Report, owner: User, client: Client) -> None:
    client.force_login(owner)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    link = client.get(address("download", report))["Location"]
    assert client.get(link).status_code == 200
    take_away(owner)
    assert client.get(link).status_code == 404  # the link that was given before
    for response in (client.get(address("download", report)), client.post(address("again", report))):
        assert (response.status_code, response["Location"]) == (302, report.get_absolute_url())
        *_, said = get_messages(response.wsgi_request)
        assert "you may not have that" in str(said)
    response = client.post(address("save", report), {"name": "X", "period": "last_year", "every": "never",
                                                     "weekday": "0", "day": "1", "hour": "7"})  # fmt: skip
    assert "you may not have that" in text_of(response)
    assert (Report.objects.count(), SavedReport.objects.count(), ReportDownload.objects.count()) == (1, 0, 1)
    shown = text_of(client.get(report.get_absolute_url()))
    assert "Kiệt" not in shown
    assert "0912345678" not in shown


def test_the_report_itself_is_there_still_and_the_role_opens_it_again(report: Report, owner: User) -> None:
    take_away(owner)
    owner.roles = [Role.OWNER, Role.CUSTOMER_DATA]
    owner.save()
    assert services.open_download(report=report, viewer=owner, address=None, now=timezone.now())


def test_reports_that_say_nothing_of_customers_are_as_they_were(
    transactional_db: None, sale: None, make: Callable[..., Report], owner: User
) -> None:
    report = make(columns=["product", "region"])
    take_away(owner)
    assert services.open_download(report=report, viewer=owner, address=None, now=timezone.now())


@pytest.mark.parametrize(("kind", "columns"), PERSONAL.values(), ids=PERSONAL)
def test_a_saved_one_comes_no_more_and_cannot_be_made_by_hand(
    owner: User, client: Client, kind: str, columns: list[str]
) -> None:
    saved = save(owner, kind, columns, language="vi")
    take_away(owner)
    assert saved.next_at is not None
    assert schedules.run_due(saved.next_at) == 0
    saved.refresh_from_db()
    with translation.override("vi"):
        assert saved.problem == translation.gettext(
            "This report says something about customers, and you may not have that. Ask an operator for the role."
        )
    client.force_login(owner)
    response = client.post(reverse("reports:saved-make", args=[saved.pk]))
    assert response["Location"] == saved.get_absolute_url()
    with pytest.raises(NotAllowed):
        schedules.make(saved=saved, now=NOW)
    assert (Report.objects.count(), Job.objects.count()) == (0, 0)


def test_the_role_alone_opens_nothing(ask: Callable[..., Report]) -> None:
    with pytest.raises(NotAllowed, match="for the owners of the shop"):
        ask(by=PersonFactory(roles=[Role.CUSTOMER_DATA]), columns=["product"])


def test_the_role_of_another_opens_nothing(report: Report, storage: Any) -> None:
    other = PersonFactory(roles=[Role.OWNER, Role.CUSTOMER_DATA])
    with pytest.raises(Report.DoesNotExist):
        services.open_download(report=report, viewer=other, address=None, now=timezone.now())
    assert stored(storage) == [report.file_key]


@pytest.mark.usefixtures("sale")
def test_the_first_rows_hold_what_was_chosen_and_nothing_else(plain: User) -> None:
    chosen = Choice("revenue", Format.XLSX, ["product"]).checked()
    report = Report(
        owner=plain, kind="revenue", format="xlsx", columns=chosen.columns, filters={}, language="en",
        first_day=date(2025, 1, 1), last_day=YEAR_2025.last,
    )  # fmt: skip
    shown = preview.first_rows(report.selection, language="en")
    assert len(shown) == 1
    assert "Kiệt" not in " ".join(shown[0])
