"""What must be true of a run, and what is worth knowing about it. Pure: it judges the evidence alone."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from jobs.models import MOVES, TERMINAL, State
from tests.chaos.media.evidence import Evidence, Uploaded
from tests.chaos.media.plan import Source

#: How each source ends where nobody stops it.
ENDS: Final = {
    Source.LONG: ("ready", ""),
    Source.SHORT: ("ready", ""),
    Source.PICTURE: ("ready", ""),
    Source.BROKEN: ("refused", "broken"),
}
#: Sizes of each, and how many pictures they have.
SIZES: Final = {Source.LONG: {"480p": 130, "360p": 130}, Source.SHORT: {"480p": 30, "360p": 30}}

Rule = Callable[[Evidence], Iterator[str]]


def none_is_lost(evidence: Evidence) -> Iterator[str]:
    there = {asset.number for asset in evidence.uploaded}
    for sent in evidence.plan.sent:
        if sent.number not in there:
            yield f"upload {sent.number} ({sent.source}) has no row"


def each_ends_as_it_should(evidence: Evidence) -> Iterator[str]:
    for asset in evidence.uploaded:
        ends = ENDS[_source(evidence, asset)]
        if (asset.state, asset.reason) != ends and not (
            asset.number in evidence.stopped and asset.state == "cancelled"
        ):
            yield f"{_shown(evidence, asset)} is {asset.state} {asset.reason}, and should be {' '.join(ends)}; {asset.error}"
        if asset.missing:
            yield f"{_shown(evidence, asset)} lacks {', '.join(asset.missing)}"


def each_has_all_its_sizes(evidence: Evidence) -> Iterator[str]:
    for asset in evidence.uploaded:
        sizes = SIZES.get(_source(evidence, asset), {})
        if asset.state == "ready" and not asset.names >= {*sizes, *(["master"] if sizes else [])}:
            yield f"{_shown(evidence, asset)} has only {', '.join(sorted(asset.names))}"


def each_file_is_whole(evidence: Evidence) -> Iterator[str]:
    """As many bytes as its row says, and every picture."""
    sources = {asset.id: _source(evidence, asset) for asset in evidence.uploaded}
    for held in evidence.held:
        expected = SIZES.get(sources[held.asset], {}).get(held.name)
        if held.size != held.recorded:
            yield f"{held.name} of {held.asset} has {held.size} bytes instead of {held.recorded}"
        if held.pictures is not None and held.pictures != expected:
            yield f"{held.name} of {held.asset} has {held.pictures} pictures instead of {expected}"


def no_part_is_made_twice(evidence: Evidence) -> Iterator[str]:
    """None is recorded twice, and nothing is stored of one that was recorded before."""
    for part, times in Counter(one.part for one in evidence.parts).items():
        if times > 1:
            yield f"part {part} was recorded {times} times"
    for made in evidence.parts:
        if not made.number:
            continue
        job, attempt = _maker(made.keys[0])
        for key in evidence.stored:
            later, number = _maker(key)
            if later == job and number > attempt:
                yield f"part {made.part} was recorded by attempt {attempt}, and stored again as {key}"


def _maker(key: str) -> tuple[str, int]:
    """The job and the attempt that stored a file: see ``media_pipeline.files``."""
    job, _, attempt = key.split("/")[2].rpartition("-")
    return job, int(attempt)


def what_is_named_is_there(evidence: Evidence) -> Iterator[str]:
    for key in sorted(evidence.named - evidence.left.files):
        yield f"{key} is named by a row and is not stored"


def what_is_stored_is_named(evidence: Evidence) -> Iterator[str]:
    """After the sweep of a day later."""
    for key in sorted(evidence.left.files - evidence.named):
        yield f"{key} is stored and no row names it"


def no_upload_is_left(evidence: Evidence) -> Iterator[str]:
    for key in sorted(evidence.left.uploads):
        yield f"pieces of {key} are still stored"


def no_program_is_left(evidence: Evidence) -> Iterator[str]:
    yield from (f"{program} still runs" for program in evidence.programs)


def each_job_concluded_once(evidence: Evidence) -> Iterator[str]:
    ends = Counter(move.job for move in evidence.moves if move.new in TERMINAL)
    for job, state in evidence.states.items():
        if state not in TERMINAL:
            yield f"{job} is still {state}"
        elif ends[job] != 1:
            yield f"{job} was concluded {ends[job]} times"


def every_move_is_allowed(evidence: Evidence) -> Iterator[str]:
    for move in evidence.moves:
        if State(move.new) not in MOVES[State(move.old)]:
            yield f"{move.job} went from {move.old} to {move.new}"


RULES: Final[tuple[Rule, ...]] = (
    none_is_lost,
    each_ends_as_it_should,
    each_has_all_its_sizes,
    each_file_is_whole,
    no_part_is_made_twice,
    what_is_named_is_there,
    what_is_stored_is_named,
    no_upload_is_left,
    no_program_is_left,
    each_job_concluded_once,
    every_move_is_allowed,
)


def broken(evidence: Evidence) -> dict[str, list[str]]:
    """The rules that this run breaks, by name, each with a sentence per case. Empty: all is well."""
    found = {rule.__name__.replace("_", " "): list(rule(evidence)) for rule in RULES}
    return {name: sentences for name, sentences in found.items() if sentences}


def _source(evidence: Evidence, asset: Uploaded) -> Source:
    return next(sent.source for sent in evidence.plan.sent if sent.number == asset.number)


def _shown(evidence: Evidence, asset: Uploaded) -> str:
    return f"upload {asset.number} ({_source(evidence, asset)}, {asset.id})"


def figures(evidence: Evidence) -> dict[str, str]:
    """The run in figures, by what they are."""
    states = Counter(asset.state for asset in evidence.uploaded)
    return {
        **{state: str(states[state]) for state in ("ready", "refused", "cancelled")},
        "jobs": str(len(evidence.states)),
        "attempts": str(evidence.attempts),
        "deaths": str(evidence.deaths),
        "parts made": str(sum(part.number > 0 for part in evidence.parts)),
        "files read": str(len(evidence.held)),
        "seconds": f"{evidence.seconds:.0f}",
    }
