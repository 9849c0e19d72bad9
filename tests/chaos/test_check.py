"""The checker finds what a run must not do: each rule is broken once, on evidence made by hand."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from jobs.models import State
from tests.chaos import check, plan
from tests.chaos.evidence import Death, Evidence, Move, Outage, Row
from tests.chaos.plan import Blow, Order, Plan
from tests.harness.journal import Line

JOB, PART = "a job", "its part"
Change = Callable[[Evidence], dict[str, Any]]


def line(event: str, at: float, *, attempt: int = 1, pid: int = 10, job: str = JOB, **words: Any) -> Line:
    return Line(event, job, attempt, pid, at, words)


def move(at: float, old: str, new: str, attempt: int = 1, job: str = JOB) -> Move:
    return Move(job, at, old, new, attempt)


def began_again(at: float, pid: int = 11) -> list[Line]:
    return [line("began", at, attempt=2, pid=pid), line("left", at + 1, attempt=2, pid=pid, outcome="done")]


@pytest.fixture
def fine() -> Evidence:
    """One job that waited for its part, ran once from 100 to 102 and did its effect at 101."""
    part = Order(1, 0.0, "sync", 1.0)
    row = Row(JOB, 0, State.SUCCEEDED, 1, 0, 0, None, created=90.0, finished=102.5, due=0.0)
    return Evidence(
        plan=Plan(1, (Order(0, 0.0, "sync", 2.0, parts=(part,)),), (), 10.0),
        rows=[row, replace(row, id=PART, number=1, parent=JOB, finished=95.0)],
        moves=[
            move(91, "waiting", "running", job=PART),
            move(95, "running", "succeeded", job=PART),
            move(100, "waiting", "running"),
            move(102.5, "running", "succeeded"),
        ],
        lines=[
            line("began", 100.0),
            line("effect", 101.0, applied=True),
            line("left", 102.0, outcome="done"),
        ],
        effects=frozenset({JOB, PART}),
    )


def with_row(fine: Evidence, **changes: Any) -> dict[str, Any]:
    return {"rows": [replace(fine.rows[0], **changes), *fine.rows[1:]]}


BREAKING: dict[str, Change] = {
    "none is lost": lambda fine: {"rows": fine.rows[:1]},
    "none is doubled": lambda fine: {"rows": [*fine.rows, replace(fine.rows[0], id="another")]},
    "none is stuck": lambda fine: with_row(fine, state=State.RUNNING, finished=None),
    "none has failed": lambda fine: with_row(fine, state=State.FAILED),
    "each concluded once": lambda fine: {"moves": [*fine.moves, move(103, "running", "succeeded")]},
    "every move is allowed": lambda fine: {"moves": [*fine.moves, move(103, "succeeded", "running")]},
    "an attempt number is given once": lambda fine: {"lines": [*fine.lines, line("began", 103, pid=11)]},
    "each effect is done once": lambda fine: {"effects": frozenset({PART})},
    "none is begun again without a cause": lambda fine: {"lines": [*fine.lines, *began_again(103)]},
    "none runs twice at once": lambda fine: {"lines": [*fine.lines, *began_again(101.5)]},
    "a thawed worker does no effect": lambda fine: {
        "lines": [*fine.lines, *began_again(100.5)],
        "freezes": [Outage(100.2, 100.8, frozenset({10}))],
    },
    "none is early": lambda fine: with_row(fine, due=100.1),
    "the cancelled do not run": lambda fine: {"moves": [*fine.moves, move(99.9, "waiting", "cancelled")]},
    "parents wait for their parts": lambda fine: {"rows": [fine.rows[0], replace(fine.rows[1], finished=100.1)]},
    "failures are counted right": lambda fine: with_row(fine, failures=1),
}


def test_a_run_without_fault_breaks_no_rule(fine: Evidence) -> None:
    assert check.broken(fine) == {}


def test_every_rule_is_tried() -> None:
    assert [rule.__name__.replace("_", " ") for rule in check.RULES] == list(BREAKING)


@pytest.mark.parametrize("rule", BREAKING)
def test_the_rule_finds_its_fault(fine: Evidence, rule: str) -> None:
    assert rule in check.broken(replace(fine, **BREAKING[rule](fine)))


def test_an_effect_that_is_said_to_be_done_twice_is_found(fine: Evidence) -> None:
    twice = replace(fine, lines=[*fine.lines, line("effect", 101.1, applied=True)])
    assert list(check.broken(twice)) == ["each effect is done once"]


@pytest.mark.parametrize(
    "reason",
    [
        {"deaths": [Death(10, 102.2, Blow.KILL_WORKER)]},
        {"freezes": [Outage(101.5, 120.0, frozenset({10}))]},
        {"outages": [Outage(101.5, 102.9)]},
    ],
    ids=["killed before it concluded", "frozen", "the database was away"],
)
def test_what_is_begun_again_for_a_reason_is_no_fault(fine: Evidence, reason: dict[str, Any]) -> None:
    lines = [*fine.lines, *began_again(103), line("effect", 103.5, attempt=2, pid=11, applied=False)]
    assert check.broken(replace(fine, lines=lines, **reason)) == {}


def test_who_froze_between_its_claim_and_its_body_gives_the_job_back(fine: Evidence) -> None:
    lines = [line("began", 100.0), line("left", 100.1, outcome="LeaseLost"), *began_again(103)]
    lines.append(line("effect", 103.5, attempt=2, pid=11, applied=True))
    moves = [replace(one, at=85.0) if one == move(100, "waiting", "running") else one for one in fine.moves]
    woken = replace(fine, lines=lines, moves=moves, freezes=[Outage(85.1, 99.0, frozenset({10}))])
    assert "none is begun again without a cause" not in check.broken(woken)
    assert "none is begun again without a cause" in check.broken(replace(woken, moves=fine.moves))


def test_who_was_killed_works_until_then(fine: Evidence) -> None:
    cut_off = [*fine.lines[:2], *began_again(103)]
    killed = replace(fine, lines=cut_off, deaths=[Death(10, 101.5, Blow.KILL_CHILD)])
    assert check.broken(killed) == {}
    assert check.figures(killed)["child killed → runs again"].startswith("p50 1.50 s")
    later = replace(killed, deaths=[Death(10, 103.5, Blow.KILL_CHILD)])
    assert "none runs twice at once" in check.broken(later)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_is_one_plan(seed: int) -> None:
    assert plan.make(seed, 300) == plan.make(seed, 300)
    assert plan.make(seed, 300) != plan.make(seed + 1, 300)


@pytest.mark.parametrize("jobs", [200, 2000])
def test_a_plan_has_as_many_jobs_as_asked_and_every_blow(jobs: int) -> None:
    what = plan.make(5, jobs)
    assert sorted(order.number for order in what.every_order()) == list(range(jobs))
    blows = [hit.blow for hit in what.hits]
    assert set(blows) == set(Blow)
    assert blows.count(Blow.FREEZE_WORKER) == 2
