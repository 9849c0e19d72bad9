"""What can be chosen, and what two people who choose the same share."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from jobs import services as jobs
from jobs.models import Job
from reports import services
from reports.choice import Choice
from reports.forms import default_columns
from reports.kinds import KINDS
from reports.models import Report
from reports.services import MOST_AT_ONCE, TooMany
from reports.specs import Format, UnknownChoice
from shop.accounts.models import User
from tests.factories.catalog import CategoryFactory
from tests.factories.orders import ChannelFactory
from tests.factories.people import PersonFactory
from tests.harness.processes import wait_for


@pytest.fixture
def owner(db: None) -> User:
    """Only where several ask at once must what is written be committed."""
    return PersonFactory(owner=True)


def choice(**wishes: Any) -> Choice:
    return Choice(**{"kind": "revenue", "format": Format.XLSX, "columns": ["product"]} | wishes)


@pytest.mark.django_db
class TestWhatCanBeChosen:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_form_as_it_comes_is_a_choice_of_every_kind(self, kind: str) -> None:
        spec = KINDS[kind]
        checked = choice(kind=kind, columns=default_columns(spec)).checked()
        assert checked.columns == [column.name for column in spec if column.required or column.chosen]
        assert checked.checked() == checked

    def test_columns_come_in_the_reports_own_order_with_those_that_are_always_there(self) -> None:
        chosen = choice(columns=["product", "channel", "product", "time"]).checked()
        assert chosen.columns == ["time", "order", "channel", "product", "quantity", "revenue", "currency"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"kind": "salaries"},
            {"kind": ""},
            {"columns": ["product", "password"]},
            {"columns": ["order__customer__email"]},  # a path, not a name
            {"columns": ["margin"]},  # another kind's
            {"filters": {"region": ["Huế"]}},
            {"filters": {"method": ["cod"]}},
            {"filters": {"password": []}},
            {"filters": {"state": ["paid", "lost"]}},
            {"filters": {"channel": ["0"]}},
            {"filters": {"channel": ["1 OR true"]}},
            {"order": "password"},
            {"order": "-"},
            {"order": "--revenue"},
            {"order": "revenue; DROP TABLE"},
            {"order": "placed_at"},
            {"order": "channel"},  # a column of the kind that is not in this report
        ],
    )
    def test_what_there_is_not_cannot_be_chosen(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(UnknownChoice):
            choice(**wrong).checked()

    def test_what_there_is_not_is_named(self) -> None:
        with pytest.raises(UnknownChoice, match="lost, stolen"):
            choice(filters={"state": ["stolen", "paid", "lost"]}).checked()

    @pytest.mark.parametrize("order", ["revenue", "-revenue", "time", "-currency", "product", "-product", ""])
    def test_rows_can_be_in_order_of_any_column_that_is_there(self, order: str) -> None:
        assert choice(order=order).checked().order == order

    def test_a_filter_that_keeps_everything_is_none(self) -> None:
        assert choice(filters={"state": [], "channel": []}).checked().filters == {}

    def test_values_can_be_named_in_any_order(self) -> None:
        assert choice(filters={"state": ["placed", "cancelled"]}).checked().filters == {
            "state": ["cancelled", "placed"]
        }

    def test_channels_and_shelves_can_be_chosen_as_long_as_they_are_there(self) -> None:
        channel, shelf = ChannelFactory(), CategoryFactory()
        part = CategoryFactory(parent=shelf)
        kept = {"channel": [str(channel.pk)], "category": [str(shelf.pk)]}
        assert choice(filters=kept).checked().filters == kept
        with pytest.raises(UnknownChoice):  # a part is chosen with its shelf
            choice(filters={"category": [str(part.pk)]}).checked()
        channel.delete()
        with pytest.raises(UnknownChoice, match=kept["channel"][0]):
            choice(filters=kept).checked()


# --- the same, and not the same --------------------------------------------------------------------------------------

WISH = {"columns": ["product"], "filters": {"state": ["paid", "placed"]}, "order": "-revenue"}


@pytest.mark.parametrize(
    "same",
    [
        {"filters": {"state": ["placed", "paid"]}},
        {"filters": {"state": ["paid", "placed"], "channel": []}},
        {"columns": ["revenue", "product", "time"]},
    ],
)
def test_a_wish_in_other_words_is_the_same_report(ask: Callable[..., Report], same: dict[str, Any]) -> None:
    assert ask(**WISH).pk == ask(**WISH | same).pk
    assert Report.objects.count() == Job.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [
        {"filters": {}},
        {"filters": {"state": ["paid"]}},
        {"order": "revenue"},
        {"order": ""},
        {"format": Format.CSV},
        {"columns": []},
        {"kind": "revenue-by", "columns": [], "order": "-revenue"},
    ],
)
def test_a_wish_that_makes_another_file_is_another_report(ask: Callable[..., Report], other: dict[str, Any]) -> None:
    assert ask(**WISH).pk != ask(**WISH | other).pk


def test_every_filter_that_there_is_tells_requests_apart(ask: Callable[..., Report]) -> None:
    wishes = [
        {"filters": {}},
        *({"filters": {name: [value]}} for name, value in [("state", "paid"), ("state", "placed")]),
        {"filters": {"channel": [str(ChannelFactory().pk)]}},
        {"filters": {"category": [str(CategoryFactory().pk)]}},
    ]
    assert len({ask(**wish).pk for wish in wishes}) == len(wishes)


# --- how many --------------------------------------------------------------------------------------------------------


def wishes(count: int) -> list[dict[str, Any]]:
    """That many different ones."""
    spec = KINDS["revenue"]
    names = [column.name for column in spec if not column.required and not column.personal]
    return [{"columns": [name], "order": way} for name in names for way in ("", "revenue")][:count]


def test_a_person_waits_for_so_many_reports_and_no_more(ask: Callable[..., Report]) -> None:
    first, *_ = [ask(**wish) for wish in wishes(MOST_AT_ONCE)]
    (one_more,) = wishes(MOST_AT_ONCE + 1)[MOST_AT_ONCE:]
    with pytest.raises(TooMany, match=f"waiting for {MOST_AT_ONCE} reports already"):
        ask(**one_more)
    assert Report.objects.count() == Job.objects.count() == MOST_AT_ONCE  # nothing is left of it

    assert ask(**wishes(1)[0]).pk == first.pk  # the same again is no report more
    assert ask(by=PersonFactory(owner=True), **one_more).owner != first.owner
    jobs.cancel(first.job)
    assert ask(**one_more).pk != first.pk


def test_what_is_over_takes_no_place(ask: Callable[..., Report], work: Callable[[], list[str]]) -> None:
    for wish in wishes(MOST_AT_ONCE):
        ask(**wish)
    assert work() == ["succeeded"] * MOST_AT_ONCE
    assert ask(**wishes(1)[0]).state_at(timezone.now()) == "requested"


def together(*requests: Callable[[], Report]) -> list[Report | Exception]:
    """What came of each, all at once on connections of their own."""
    outcomes: list[Report | Exception] = []

    def run(request: Callable[[], Report]) -> None:
        try:
            outcomes.append(request())
        except Exception as error:  # noqa: BLE001 (the test's to judge)
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


@pytest.fixture
def window(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whoever has counted a person's reports waits until the other one has counted them too, or waits in turn."""
    counted: list[str] = []
    real = services._check_quota

    def check(owner: Any) -> None:
        real(owner)
        counted.append(threading.current_thread().name)
        assert wait_for(lambda: len(counted) > 1 or somebody_waits_for_us(), seconds=20)
        if len(counted) == 1:
            counted.append("nobody else")  # the one that waited goes on once we have committed

    monkeypatch.setattr(services, "_check_quota", check)
    return counted


def test_two_requests_at_once_are_counted_as_two(
    ask: Callable[..., Report], monkeypatch: pytest.MonkeyPatch, window: list[str]
) -> None:
    monkeypatch.setattr(services, "MOST_AT_ONCE", 1)
    outcomes = together(lambda: ask(columns=["sku"]), lambda: ask(columns=["product"]))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Report", "TooMany"]
    assert Report.objects.count() == Job.objects.count() == 1
    assert window[1:] == ["nobody else"]


def test_the_same_asked_for_twice_at_once_is_one_report(ask: Callable[..., Report], window: list[str]) -> None:
    outcomes = together(ask, ask)
    assert len({outcome.pk for outcome in outcomes if isinstance(outcome, Report)}) == 1
    assert len(outcomes) == 2
    assert Report.objects.count() == Job.objects.count() == 1
    assert window[1:] == ["nobody else"]
