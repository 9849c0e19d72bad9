"""The checker itself: a run in which all is well, and each rule with a run that breaks it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.models import State
from jobs.run import LEASE
from reports.specs import Format
from tests.chaos.evidence import Move
from tests.chaos.reports import check, plan, reading
from tests.chaos.reports.evidence import Asked, Changed, Evidence, Held, Left, PartMade
from tests.chaos.reports.plan import AT_WORKERS, ON_THE_WAY, Blow, Order, Plan

REPORT, STOPPED = "0190-report", "0190-stopped"
FILE = f"reports/{REPORT}-2.xlsx"
PARTS = [f"reports/parts/{REPORT}-{number}-{attempt}" for number, attempt in ((0, 1), (1, 2))]
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
BEFORE = {"VND": (10, 20, 30_000)}
AFTER = {"VND": (11, 23, 36_000)}
Change = Callable[[Evidence], dict[str, Any]]


def second(number: float) -> datetime:
    return AT + timedelta(seconds=number)


def move(number: float, old: State, new: State, attempt: int = 1, job: str = "a job") -> Move:
    return Move(job, second(number).timestamp(), old, new, attempt)


def part(number: float, place: int, attempt: int, chain: str) -> PartMade:
    key = f"reports/parts/{REPORT}-{place}-{attempt}"
    return PartMade(second(number).timestamp(), REPORT, place, chain, 5, key)


@pytest.fixture
def fine() -> Evidence:
    """A report whose first worker was killed after its first part, and one that was stopped while it waited. A line was
    added before the second worker looked, and another name given after that."""
    asked = Asked(
        REPORT, 0, "CODE", Format.XLSX, "a job", State.SUCCEEDED, 2, 0, 1, "", FILE, 100, "abc", second(20), 11
    )
    stopped = replace(
        asked, id=STOPPED, number=1, job="its job", state=State.CANCELLED, attempt=0, file_key="", as_of=None
    )
    return Evidence(
        plan=Plan(1, (Order(0, 0.0, Format.XLSX), Order(1, 0.0, Format.CSV, cancel_after=1.0)), (), ()),
        before=BEFORE,
        asked=[asked, stopped],
        moves=[
            move(0, State.WAITING, State.RUNNING),
            move(10, State.RUNNING, State.WAITING),
            move(12, State.WAITING, State.CANCELLED, attempt=0, job="its job"),
            move(20, State.WAITING, State.RUNNING, attempt=2),
            move(30, State.RUNNING, State.SUCCEEDED, attempt=2),
        ],
        parts=[part(5, 0, 1, "one"), part(25, 1, 2, "two")],
        files=[(REPORT, FILE)],
        changes=[
            Changed(second(14), second(15), "a line more", "VND", (1, 3, 6_000)),
            Changed(second(24), second(25), "a name too late", "VND", (0, 0, 0)),
        ],
        held={FILE: Held(100, "abc", AFTER, frozenset({"a line more"}))},
        stopped=frozenset({STOPPED}),
        named=frozenset({FILE}),
        unswept=Left(frozenset({FILE})),
        left=Left(frozenset({FILE})),
        stored=[*PARTS, FILE],
    )


def with_report(fine: Evidence, **changes: Any) -> dict[str, Any]:
    return {"asked": [replace(fine.asked[0], **changes), *fine.asked[1:]]}


def with_stopped(fine: Evidence, **changes: Any) -> dict[str, Any]:
    return {"asked": [fine.asked[0], replace(fine.asked[1], **changes)]}


def with_file(fine: Evidence, **changes: Any) -> dict[str, Any]:
    return {"held": {FILE: replace(fine.held[FILE], **changes)}}


BREAKING: dict[str, Change] = {
    "none is lost": lambda fine: {"asked": fine.asked[:1]},
    "each is ready": lambda fine: with_report(fine, state=State.FAILED, file_key=""),
    "each file is named once": lambda fine: {"files": [*fine.files, (REPORT, f"reports/{REPORT}-1.xlsx")]},
    "each file is what was recorded": lambda fine: with_file(fine, sha256="abd"),
    "each file can be read": lambda fine: with_file(fine, sums={}, unreadable="not a zip"),
    "each file adds up": lambda fine: with_file(fine, sums=BEFORE),
    "each file is of one moment": lambda fine: with_file(fine, words=frozenset({"a line more", "a name too late"})),
    "no part is made twice": lambda fine: {"parts": [*fine.parts, part(26, 0, 2, "one")]},
    "none is made anew without a change": lambda fine: {"parts": [*fine.parts, part(26, 0, 2, "other")], "changes": []},
    "nothing is left of the stopped": lambda fine: {"named": fine.named | {f"reports/parts/{STOPPED}-0-1"}},
    "what is named is there": lambda fine: {"left": Left()},
    "what is stored is named": lambda fine: {"left": Left(fine.left.files | {PARTS[0]})},
    "no upload is left": lambda fine: {"left": Left(fine.left.files, frozenset({FILE}))},
    "each job concluded once": lambda fine: {"moves": [*fine.moves, fine.moves[-1]]},
    "every move is allowed": lambda fine: {"moves": [*fine.moves, move(40, State.SUCCEEDED, State.RUNNING)]},
    "attempts are counted": lambda fine: with_report(fine, attempt=3),
}


def test_a_run_without_fault_breaks_no_rule(fine: Evidence) -> None:
    assert check.broken(fine) == {}


def test_every_rule_is_tried() -> None:
    assert [rule.__name__.replace("_", " ") for rule in check.RULES] == list(BREAKING)


@pytest.mark.parametrize("rule", BREAKING)
def test_the_rule_finds_its_fault(fine: Evidence, rule: str) -> None:
    assert rule in check.broken(replace(fine, **BREAKING[rule](fine)))


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("each is ready", lambda fine: with_report(fine, state=State.RUNNING, file_key="")),
        ("each is ready", lambda fine: {"stopped": frozenset()}),
        ("each file is named once", lambda fine: {"files": []}),
        ("each file is what was recorded", lambda fine: {"held": {}}),
        ("each file is what was recorded", lambda fine: with_file(fine, size=99)),
        ("each file adds up", lambda fine: with_report(fine, rows=12)),
        ("each file is of one moment", lambda fine: with_file(fine, words=frozenset())),
        ("nothing is left of the stopped", lambda fine: with_stopped(fine, state=State.SUCCEEDED)),
        ("nothing is left of the stopped", lambda fine: with_stopped(fine, file_key="reports/x-1.csv")),
        ("each job concluded once", lambda fine: with_stopped(fine, state=State.WAITING)),
    ],
)
def test_a_rule_finds_its_other_faults(fine: Evidence, rule: str, change: Change) -> None:
    assert rule in check.broken(replace(fine, **change(fine)))


def test_a_fault_is_called_by_its_name(fine: Evidence) -> None:
    (sentence,) = check.broken(replace(fine, left=Left(fine.left.files | {PARTS[1]})))["what is stored is named"]
    assert PARTS[1] in sentence


def test_what_was_being_committed_may_be_in_the_file_or_not(fine: Evidence) -> None:
    changing = [replace(fine.changes[0], began=second(19), ended=second(21)), fine.changes[1]]
    assert check.broken(replace(fine, changes=changing)) == {}
    without = {FILE: Held(100, "abc", BEFORE, frozenset())}
    asked = [replace(fine.asked[0], rows=10), fine.asked[1]]
    assert check.broken(replace(fine, changes=changing, held=without, asked=asked)) == {}


def test_a_part_that_is_written_anew_after_a_change_is_no_fault(fine: Evidence) -> None:
    anew = [*fine.parts, part(26, 0, 2, "other")]
    assert check.broken(replace(fine, parts=anew)) == {}
    assert check.figures(replace(fine, parts=anew))["taken over"] == "0"


def test_parts_that_were_taken_over_and_those_that_nobody_recorded_are_counted(fine: Evidence) -> None:
    lost = f"reports/parts/{REPORT}-1-1"
    figures = check.figures(replace(fine, stored=[PARTS[0], lost, PARTS[1], FILE]))
    assert (figures["parts made"], figures["taken over"], figures["stored, not recorded"]) == ("2", "1", "1")


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_seed_is_one_plan_with_something_of_everything(seed: int) -> None:
    what = plan.make(seed, 1_000_000)
    assert what == plan.make(seed, 1_000_000) != plan.make(seed + 1, 1_000_000)
    assert {order.format for order in what.orders if order.cancel_after is None} == set(plan.FORMATS)
    assert sum(order.cancel_after is not None for order in what.orders) == 1
    blows = {hit.blow for hit in what.hits}
    assert {Blow.KILL_CHILD, Blow.KILL_WORKER, Blow.FREEZE_WORKER} <= blows & set(AT_WORKERS)
    assert len(blows & set(ON_THE_WAY)) >= 3
    short = plan.make(seed, 1_000_000, longest=5.0).hits
    assert {hit.lasts > LEASE for hit in short if hit.blow is Blow.FREEZE_WORKER} == {True}
    assert max(hit.lasts for hit in short if hit.blow is not Blow.FREEZE_WORKER) <= 5.0


def test_every_blow_is_in_some_plan() -> None:
    assert {hit.blow for seed in range(40) for hit in plan.make(seed, 1000).hits} == set(Blow)


def test_a_file_is_read_by_others_and_one_that_cannot_be_is_told() -> None:
    csv = "Order,Product,Quantity,Revenue,Currency\nA,áo,2,300,VND\nB,gone,-1,-50,VND\n".encode()
    held = reading.held(csv, Format.CSV, ["gone", "never"])
    assert (held.sums, held.words) == ({"VND": (2, 1, 250)}, {"gone"})
    for wanted in (Format.XLSX, Format.PDF):
        assert reading.held(csv, wanted, []).unreadable
