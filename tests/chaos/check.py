"""What must be true of a run, and what is worth knowing about it. Pure: it judges the evidence alone."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from jobs.claims import CLOCK_SKEW
from jobs.models import MOVES, TERMINAL, State
from tests.chaos.evidence import Death, Evidence, Move, Outage, Row
from tests.chaos.plan import Blow
from tests.harness.journal import Line


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job's body, as the journal tells it. ``left``: when it ended; None: it was cut off."""

    job: str
    number: int
    pid: int
    began: float
    left: float | None
    outcome: str
    effect_at: float | None


class Case:
    """The evidence, put in order."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.rows = {row.id: row for row in evidence.rows}
        self.moves: defaultdict[str, list[Move]] = defaultdict(list)
        for move in evidence.moves:
            self.moves[move.job].append(move)
        self.lines: defaultdict[str, list[Line]] = defaultdict(list)
        for line in evidence.lines:
            self.lines[line.job].append(line)
        self.death_of: dict[int, Death] = {death.pid: death for death in evidence.deaths}

    @cached_property
    def attempts(self) -> dict[str, list[Attempt]]:
        """The attempts of each job, in order."""
        found: defaultdict[str, list[Attempt]] = defaultdict(list)
        for job, lines in self.lines.items():
            for began in lines:
                if began.event != "began":
                    continue
                own = [line for line in lines if (line.attempt, line.pid) == (began.attempt, began.pid)]
                left = next((line for line in own if line.event == "left"), None)
                effect = next((line for line in own if line.event == "effect"), None)
                found[job].append(
                    Attempt(
                        job,
                        began.attempt,
                        began.pid,
                        began.at,
                        left.at if left else None,
                        left.words["outcome"] if left else "",
                        effect.at if effect else None,
                    )
                )
            found[job].sort(key=lambda attempt: attempt.began)
        return found

    def end_of(self, attempt: Attempt) -> float:
        """When it stopped working: when it left, or its process died. Infinite where neither is known."""
        if attempt.left is not None:
            return attempt.left
        death = self.death_of.get(attempt.pid)
        return death.at if death and death.at >= attempt.began else float("inf")

    def claimed(self, attempt: Attempt) -> float:
        """When its row was claimed: a moment before its body began, or long before, if its process froze in between."""
        return next(
            (
                move.at
                for move in self.moves[attempt.job]
                if (move.new, move.attempt) == (State.RUNNING, attempt.number)
            ),
            attempt.began,
        )

    def freeze_of(self, attempt: Attempt) -> Outage | None:
        """The freeze of its process that fell into it."""
        start, end = self.claimed(attempt), self.end_of(attempt)
        return next(
            (f for f in self.evidence.freezes if attempt.pid in f.pids and f.start <= end and start <= f.end), None
        )

    def overlaps(self) -> list[tuple[Attempt, Attempt]]:
        """Attempts of one job of which the second began before the first had stopped."""
        return [
            (first, second)
            for attempts in self.attempts.values()
            for place, first in enumerate(attempts)
            for second in attempts[place + 1 :]
            if second.began < self.end_of(first)
        ]

    def cause(self, attempt: Attempt, later: Attempt) -> str:
        """Why the job was begun again after ``attempt``; empty: there was no reason to."""
        if attempt.outcome == "Transient":
            return "it failed for a reason that passes"
        death = self.death_of.get(attempt.pid)
        if death and attempt.began <= death.at <= later.began:
            return death.blow
        if self.freeze_of(attempt):
            return Blow.FREEZE_WORKER
        if any(o.start <= self.end_of(attempt) and self.claimed(attempt) <= o.end for o in self.evidence.outages):
            return Blow.STOP_DATABASE
        return ""


# --- what must be true: each yields a sentence per job that breaks it ---------------------------------------------------

Rule = Callable[[Case], Iterator[str]]


def none_is_lost(case: Case) -> Iterator[str]:
    """What was submitted is a row."""
    numbers = {row.number for row in case.evidence.rows}
    for order in case.evidence.plan.every_order():
        if order.number not in numbers:
            yield f"job {order.number} was submitted and has no row"


def none_is_doubled(case: Case) -> Iterator[str]:
    """One row per submission; under one dedupe key a second one only after the first was over."""
    twice = {order.number for order in case.evidence.plan.every_order() if order.twice}
    by_number: defaultdict[int, list[Row]] = defaultdict(list)
    for row in case.evidence.rows:
        by_number[row.number].append(row)
    for number, rows in by_number.items():
        for first, second in pairwise(rows):
            if number not in twice or first.finished is None or second.created < first.finished:
                yield f"job {number} has two rows at once: {first.id} and {second.id}"


def none_is_stuck(case: Case) -> Iterator[str]:
    for row in case.evidence.rows:
        if row.state not in TERMINAL:
            yield f"{row.id} is still {row.state} (attempt {row.attempt})"


def none_has_failed(case: Case) -> Iterator[str]:
    """No job of the plan fails for good."""
    for row in case.evidence.rows:
        if row.state == State.FAILED:
            yield f"{row.id} has failed (attempt {row.attempt}, {row.deaths} deaths)"


def each_concluded_once(case: Case) -> Iterator[str]:
    for row in case.evidence.rows:
        ends = [move for move in case.moves[row.id] if move.new in TERMINAL]
        if row.state in TERMINAL and len(ends) != 1:
            yield f"{row.id} was concluded {len(ends)} times: {', '.join(move.new for move in ends)}"


def every_move_is_allowed(case: Case) -> Iterator[str]:
    for move in case.evidence.moves:
        if State(move.new) not in MOVES[State(move.old)]:
            yield f"{move.job} went from {move.old} to {move.new}"


def an_attempt_number_is_given_once(case: Case) -> Iterator[str]:
    for job, attempts in case.attempts.items():
        for number, count in Counter(attempt.number for attempt in attempts).items():
            if count > 1:
                yield f"attempt {number} of {job} began {count} times"


def each_effect_is_done_once(case: Case) -> Iterator[str]:
    """The outside system did the effect of every job that succeeded, and said so once."""
    done = Counter(line.job for line in case.evidence.lines if line.event == "effect" and line.words["applied"])
    for row in case.evidence.rows:
        if row.state == State.SUCCEEDED and row.id not in case.evidence.effects:
            yield f"{row.id} succeeded and its effect was never done"
        if done[row.id] > 1:
            yield f"the effect of {row.id} was done {done[row.id]} times"


def none_is_begun_again_without_a_cause(case: Case) -> Iterator[str]:
    for job, attempts in case.attempts.items():
        for first, second in pairwise(attempts):
            if not case.cause(first, second):
                yield f"attempt {second.number} of {job} began although attempt {first.number} ended as {first.outcome}"


def none_runs_twice_at_once(case: Case) -> Iterator[str]:
    """Except where a worker was frozen for longer than its lease: it wakes up in the middle of what it was doing."""
    for first, second in case.overlaps():
        if not case.freeze_of(first):
            yield f"attempt {second.number} of {first.job} began while attempt {first.number} was running"


def a_thawed_worker_does_no_effect(case: Case) -> Iterator[str]:
    """Once another attempt has begun."""
    for first, second in case.overlaps():
        if first.effect_at is not None and first.effect_at > second.began:
            yield f"attempt {first.number} of {first.job} did its effect after attempt {second.number} had begun"


def none_is_early(case: Case) -> Iterator[str]:
    for row in case.evidence.rows:
        for attempt in case.attempts.get(row.id, ()):
            if attempt.began < row.due - CLOCK_SKEW:
                yield f"attempt {attempt.number} of {row.id} began {row.due - attempt.began:.3f} s early"


def the_cancelled_do_not_run(case: Case) -> Iterator[str]:
    """Cancelled while it waited: nothing of it begins or has an effect from then on."""
    for row in case.evidence.rows:
        for move in case.moves[row.id]:
            if (move.old, move.new) == (State.WAITING, State.CANCELLED):
                for line in case.lines.get(row.id, ()):
                    if line.event in {"began", "effect"} and line.at > move.at:
                        yield f"{row.id} was cancelled while it waited, and {line.event} {line.at - move.at:.3f} s later"


def parents_wait_for_their_parts(case: Case) -> Iterator[str]:
    for row in case.evidence.rows:
        parent = case.attempts.get(row.parent or "", ())
        if parent and (row.finished is None or parent[0].began < row.finished):
            yield f"{row.parent} began before its part {row.id} had concluded"


def failures_are_counted_right(case: Case) -> Iterator[str]:
    """As many as the body raised, however often it was killed in between."""
    fails = {order.number: order.fails for order in case.evidence.plan.every_order()}
    for row in case.evidence.rows:
        if row.state == State.SUCCEEDED and row.failures != fails[row.number]:
            yield f"{row.id} says {row.failures} failures instead of {fails[row.number]}"


RULES: Final[tuple[Rule, ...]] = (
    none_is_lost,
    none_is_doubled,
    none_is_stuck,
    none_has_failed,
    each_concluded_once,
    every_move_is_allowed,
    an_attempt_number_is_given_once,
    each_effect_is_done_once,
    none_is_begun_again_without_a_cause,
    none_runs_twice_at_once,
    a_thawed_worker_does_no_effect,
    none_is_early,
    the_cancelled_do_not_run,
    parents_wait_for_their_parts,
    failures_are_counted_right,
)


def broken(evidence: Evidence) -> dict[str, list[str]]:
    """The rules that this run breaks, by name, each with a sentence per job. Empty: all is well."""
    case = Case(evidence)
    found = {rule.__name__.replace("_", " "): list(rule(case)) for rule in RULES}
    return {name: sentences for name, sentences in found.items() if sentences}


# --- what is worth knowing ---------------------------------------------------------------------------------------------


def figures(evidence: Evidence) -> dict[str, str]:
    """The run in figures, by what they are."""
    case = Case(evidence)
    states = Counter(row.state for row in evidence.rows)
    rung, heard = evidence.rung, evidence.heard
    jobs = max(len(evidence.rows), 1)
    asked = Counter(line.job for line in evidence.lines if line.event == "effect")
    kinds = Counter(
        case.cause(first, second) for attempts in case.attempts.values() for first, second in pairwise(attempts)
    )
    late = [attempts[0].began - row.due for row in evidence.rows if row.due and (attempts := case.attempts.get(row.id))]
    overlaps = [case.end_of(first) - second.began for first, second in case.overlaps()]
    ends = [move for move in evidence.moves if move.new in TERMINAL]
    return {
        "jobs": str(len(evidence.rows)),
        "succeeded": str(states[State.SUCCEEDED]),
        "cancelled": f"{states[State.CANCELLED]} ({_cancelled_waiting(case)} while waiting)",
        "failed": str(states[State.FAILED]),
        "stuck": str(sum(states[state] for state in states if state not in TERMINAL)),
        "lost": str(len(list(none_is_lost(case)))),
        "concluded twice": str(sum(count > 1 for count in Counter(move.job for move in ends).values())),
        "effects done once": str(sum(row.id in evidence.effects for row in evidence.rows if row.state == "succeeded")),
        "effects asked for again": str(sum(count > 1 for count in asked.values())),
        "ran twice at once": f"{len(overlaps)}" + (f" (frozen; {_spread(overlaps)})" if overlaps else ""),
        "refused by the fence": str(evidence.late),
        "begun again": ", ".join(f"{count} {cause or 'WITHOUT A CAUSE'}" for cause, count in kinds.most_common())
        or "0",
        "deaths counted": str(sum(row.deaths for row in evidence.rows)),
        "lateness of run_at": _spread(late),
        "doorbells per job": f"{rung.total() / jobs:.2f} (max {max(rung.values(), default=0)})",
        "of these heard": f"{heard.total() / jobs:.2f} (max {max(heard.values(), default=0)})",
        "worker killed → runs again": _spread(_recoveries(case, Blow.KILL_WORKER)),
        "child killed → runs again": _spread(_recoveries(case, Blow.KILL_CHILD)),
    }


def _cancelled_waiting(case: Case) -> int:
    return sum((move.old, move.new) == (State.WAITING, State.CANCELLED) for move in case.evidence.moves)


def _recoveries(case: Case, blow: Blow) -> list[float]:
    """Seconds from each such death, in the middle of a body, until that job's next attempt began."""
    return [
        second.began - death.at
        for attempts in case.attempts.values()
        for first, second in pairwise(attempts)
        if first.left is None and (death := case.death_of.get(first.pid)) and death.blow is blow
    ]


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "—"
    return (
        f"p50 {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s, min {min(seconds):.2f} s ({len(seconds)})"
    )
