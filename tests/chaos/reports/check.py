"""What must be true of a run, and what is worth knowing about it. Pure: it judges the evidence alone."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Final

from jobs.models import MOVES, TERMINAL, State
from tests.chaos.evidence import Move
from tests.chaos.reports.evidence import Asked, Changed, Evidence, PartMade, Sums


class Case:
    """The evidence, put in order."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.by_id = {report.id: report for report in evidence.asked}
        self.moves: defaultdict[str, list[Move]] = defaultdict(list)
        for move in evidence.moves:
            self.moves[move.job].append(move)

    @cached_property
    def wanted(self) -> list[Asked]:
        """The reports that nobody stopped."""
        return [report for report in self.evidence.asked if report.id not in self.evidence.stopped]

    @cached_property
    def made(self) -> dict[tuple[str, int], list[PartMade]]:
        """Every making of a part, by report and number, in order."""
        found: defaultdict[tuple[str, int], list[PartMade]] = defaultdict(list)
        for part in self.evidence.parts:
            found[part.report, part.number].append(part)
        return found

    def claimed(self, report: str, attempt: int) -> float:
        """When the attempt began: before it looked at any row."""
        job = self.by_id[report].job
        found = [one.at for one in self.moves[job] if (one.new, one.attempt) == (State.RUNNING, attempt)]
        return found[0] if found else 0.0

    def possible(self, as_of: datetime) -> list[Sums]:
        """What the lines may have added up to at that time: one answer, or one more for each change that was just being
        committed."""
        changes = sorted(self.evidence.changes, key=lambda change: change.ended)
        sure = [change for change in changes if change.ended <= as_of]
        maybe = [change for change in changes if change.began <= as_of < change.ended]
        return [_plus(self.evidence.before, [*sure, *maybe[:count]]) for count in range(len(maybe) + 1)]


def _plus(sums: Sums, changes: list[Changed]) -> Sums:
    found = {currency: list(one) for currency, one in sums.items()}
    for change in changes:
        total = found.setdefault(change.currency, [0, 0, 0])
        for place, amount in enumerate(change.adds):
            total[place] += amount
    return {currency: (one[0], one[1], one[2]) for currency, one in found.items()}


# --- what must be true: each yields a sentence per report that breaks it -------------------------------------------------

Rule = Callable[[Case], Iterator[str]]


def none_is_lost(case: Case) -> Iterator[str]:
    """What was asked for is a row."""
    numbers = {report.number for report in case.evidence.asked}
    for order in case.evidence.plan.orders:
        if order.number not in numbers:
            yield f"report {order.number} ({order.format}) was asked for and has no row"


def each_is_ready(case: Case) -> Iterator[str]:
    """What nobody stopped has a file."""
    for report in case.wanted:
        if report.state != State.SUCCEEDED or not report.file_key:
            yield f"{_shown(report)} is {report.state} after {report.attempt} attempts, {report.deaths} deaths; {report.error}"


def each_file_is_named_once(case: Case) -> Iterator[str]:
    named = Counter(report for report, key in case.evidence.files if key)
    for report in case.evidence.asked:
        if named[report.id] != bool(report.file_key):
            yield f"{_shown(report)} came to name a file {named[report.id]} times"


def each_file_is_what_was_recorded(case: Case) -> Iterator[str]:
    """Byte for byte."""
    for report in case.evidence.asked:
        held = case.evidence.held.get(report.file_key)
        if report.file_key and held is None:
            yield f"{_shown(report)} names {report.file_key}, which is not there"
        elif held and (held.size, held.sha256) != (report.size, report.sha256):
            yield f"{report.file_key} is not the file that was recorded: {held.size} bytes instead of {report.size}"


def each_file_can_be_read(case: Case) -> Iterator[str]:
    """By programs that are not the product's."""
    for key, held in case.evidence.held.items():
        if held.unreadable:
            yield f"{key}: {held.unreadable}"


def each_file_adds_up(case: Case) -> Iterator[str]:
    """To what the lines came to at its time, by SQL and by a reader that are not the product's."""
    for report in case.evidence.asked:
        held = case.evidence.held.get(report.file_key)
        if held is None or held.unreadable or report.as_of is None:
            continue
        possible = case.possible(report.as_of)
        if dict(held.sums) not in possible:
            yield f"{report.file_key} holds {dict(held.sums)}, the database held {possible}"
        if report.rows != sum(rows for rows, _, _ in held.sums.values()):
            yield f"{_shown(report)} says that it has {report.rows} rows; its file has {dict(held.sums)}"


def each_file_is_of_one_moment(case: Case) -> Iterator[str]:
    """Rows written before its time are in it as they were written, later ones are not."""
    for report in case.evidence.asked:
        held = case.evidence.held.get(report.file_key)
        if held is None or held.words is None or report.as_of is None:
            continue
        for change in case.evidence.changes:
            if change.ended <= report.as_of and change.word not in held.words:
                yield f"{report.file_key} lacks “{change.word}”, written before {report.as_of}"
            if change.began > report.as_of and change.word in held.words:
                yield f"{report.file_key} has “{change.word}”, written after {report.as_of}"


def no_part_is_made_twice(case: Case) -> Iterator[str]:
    """A part whose rows are the same is taken over, not written again."""
    for (report, number), made in case.made.items():
        for chain, count in Counter(part.chain for part in made).items():
            if count > 1:
                yield f"part {number} of {report} was made {count} times from the same rows ({chain[:8]}…)"


def none_is_made_anew_without_a_change(case: Case) -> Iterator[str]:
    """A part is written from other rows only where rows have changed since the attempt that wrote it before began."""
    for (report, number), made in case.made.items():
        for first, second in pairwise(made):
            began = case.claimed(report, first.attempt)
            changed = any(
                change.ended.timestamp() >= began and change.began.timestamp() <= second.at
                for change in case.evidence.changes
            )
            if first.chain != second.chain and not changed:
                yield f"part {number} of {report} was written anew by attempt {second.attempt}; no row had changed"


def nothing_is_left_of_the_stopped(case: Case) -> Iterator[str]:
    """Its job is cancelled, or was over by then; there is no file and no part of it."""
    for report in case.evidence.asked:
        if report.id not in case.evidence.stopped:
            continue
        if report.state != State.CANCELLED:
            yield f"{_shown(report)} was to be stopped, and is {report.state}"
        if report.file_key:
            yield f"{_shown(report)} was stopped, and has the file {report.file_key}"
        for key in sorted(case.evidence.named):
            if report.id in key:
                yield f"{_shown(report)} was stopped, and a row still names {key}"


def what_is_named_is_there(case: Case) -> Iterator[str]:
    for key in sorted(case.evidence.named - case.evidence.left.files):
        yield f"{key} is named by a row and is not stored"


def what_is_stored_is_named(case: Case) -> Iterator[str]:
    """After the sweep of a day later."""
    for key in sorted(case.evidence.left.files - case.evidence.named):
        yield f"{key} is stored and no row names it"


def no_upload_is_left(case: Case) -> Iterator[str]:
    """After the sweep of a day later."""
    for key in sorted(case.evidence.left.uploads):
        yield f"pieces of {key} are still stored"


def each_job_concluded_once(case: Case) -> Iterator[str]:
    for report in case.evidence.asked:
        ends = [move.new for move in case.moves[report.job] if move.new in TERMINAL]
        if report.state not in TERMINAL:
            yield f"{_shown(report)} is still {report.state} (attempt {report.attempt})"
        elif len(ends) != 1:
            yield f"{_shown(report)} was concluded {len(ends)} times: {', '.join(ends)}"


def every_move_is_allowed(case: Case) -> Iterator[str]:
    for move in case.evidence.moves:
        if State(move.new) not in MOVES[State(move.old)]:
            yield f"{move.job} went from {move.old} to {move.new}"


def attempts_are_counted(case: Case) -> Iterator[str]:
    for report in case.evidence.asked:
        claimed = [move.attempt for move in case.moves[report.job] if move.new == State.RUNNING]
        if claimed != list(range(1, report.attempt + 1)):
            yield f"{_shown(report)} says {report.attempt} attempts and was claimed as {claimed}"


RULES: Final[tuple[Rule, ...]] = (
    none_is_lost,
    each_is_ready,
    each_file_is_named_once,
    each_file_is_what_was_recorded,
    each_file_can_be_read,
    each_file_adds_up,
    each_file_is_of_one_moment,
    no_part_is_made_twice,
    none_is_made_anew_without_a_change,
    nothing_is_left_of_the_stopped,
    what_is_named_is_there,
    what_is_stored_is_named,
    no_upload_is_left,
    each_job_concluded_once,
    every_move_is_allowed,
    attempts_are_counted,
)


def broken(evidence: Evidence) -> dict[str, list[str]]:
    """The rules that this run breaks, by name, each with a sentence per report or file. Empty: all is well."""
    case = Case(evidence)
    found = {rule.__name__.replace("_", " "): list(rule(case)) for rule in RULES}
    return {name: sentences for name, sentences in found.items() if sentences}


def _shown(report: Asked) -> str:
    return f"report {report.number} ({report.format}, {report.id})"


# --- what is worth knowing ---------------------------------------------------------------------------------------------


def figures(evidence: Evidence) -> dict[str, str]:
    """The run in figures, by what they are."""
    case = Case(evidence)
    ready = [report for report in evidence.asked if report.file_key]
    last = {report.id: _last_attempt(report) for report in ready}
    final = {(report, number): made[-1] for (report, number), made in case.made.items() if report in last}
    recorded = {part.key for part in evidence.parts}
    unrecorded = {key for key in evidence.stored if "/parts/" in key} - recorded
    return {
        "ready": f"{len(ready)} of {len(case.wanted)}",
        "stopped": str(len(evidence.stopped)),
        "attempts": str(sum(report.attempt for report in evidence.asked)),
        "failed attempts": str(sum(report.failures for report in evidence.asked)),
        "deaths": str(sum(report.deaths for report in evidence.asked)),
        "parts made": str(len(evidence.parts)),
        "taken over": str(sum(part.attempt < last[part.report] for part in final.values())),
        "made anew": str(sum(len(made) - 1 for made in case.made.values())),
        "stored, not recorded": str(len(unrecorded)),
        "changes": str(len(evidence.changes)),
        "parts of stopped swept": str(evidence.to_sweep),
        "leftovers swept": str(len(evidence.unswept.files - evidence.left.files)),
        "dead uploads swept": str(len(evidence.unswept.uploads)),
        "seconds": f"{evidence.seconds:.0f}",
    }


def _last_attempt(report: Asked) -> int:
    """The one that made the file."""
    return int(report.file_key.rpartition("-")[2].partition(".")[0])
