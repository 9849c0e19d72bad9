"""The checker itself: a run in which all is well, and one for each thing that can go wrong."""

from dataclasses import replace

import pytest

from jobs.models import State
from tests.chaos.evidence import Move
from tests.chaos.media import check, plan
from tests.chaos.media.evidence import Evidence, Held, PartMade, Uploaded
from tests.chaos.media.plan import Plan, Sent, Source
from tests.chaos.reports.evidence import Left

KEY = "media/long/part-2/480p.m4s"


@pytest.fixture
def well() -> Evidence:
    sent = (Sent(0, 0.0, Source.LONG), Sent(1, 0.0, Source.BROKEN), Sent(2, 0.0, Source.PICTURE, cancel_after=1.0))
    names = frozenset({"480p", "360p", "master"})
    return Evidence(
        plan=Plan(1, sent, plan.make(1, longest=1.0).hits),
        uploaded=(
            Uploaded("long", 0, "ready", "", (), "", names),
            Uploaded("cut", 1, "refused", "broken", (), "", frozenset()),
            Uploaded("picture", 2, "cancelled", "", (), "", frozenset()),
        ),
        states={"job": State.SUCCEEDED},
        moves=(Move("job", 1.0, State.WAITING, State.RUNNING, 1), Move("job", 2.0, State.RUNNING, State.SUCCEEDED, 1)),
        parts=(PartMade("long", "p1", 1, (KEY,)),),
        held=(Held("long", "480p", 10, 10, 130), Held("long", "poster.jpg", 5, 5, None)),
        stopped=frozenset({2}),
        named=frozenset({"a"}),
        left=Left(files=frozenset({"a"})),
        stored=("media/long/part-1/480p.m4s", KEY),
    )


def test_where_all_is_well_nothing_is_broken(well):
    assert check.broken(well) == {}
    assert check.figures(well)["ready"] == "1"


BROKEN = {
    "none is lost": lambda well: {"uploaded": well.uploaded[1:], "held": ()},
    "each ends as it should": lambda well: {
        "uploaded": (replace(well.uploaded[0], state="failed"), *well.uploaded[1:])
    },
    "each has all its sizes": lambda well: {
        "uploaded": (replace(well.uploaded[0], names=frozenset({"360p", "master"})), *well.uploaded[1:])
    },
    "each file is whole": lambda well: {"held": (replace(well.held[0], pictures=129),)},
    "no part is made twice": lambda well: {"stored": (*well.stored, "media/long/part-3/480p.m4s")},
    "what is named is there": lambda _: {"named": frozenset({"a", "b"})},
    "what is stored is named": lambda _: {"left": Left(files=frozenset({"a", "b"}))},
    "no upload is left": lambda _: {"left": Left(files=frozenset({"a"}), uploads=frozenset({"b"}))},
    "no program is left": lambda _: {"programs": ("ffmpeg",)},
    "each job concluded once": lambda well: {"moves": (*well.moves, well.moves[-1])},
    "every move is allowed": lambda well: {
        "moves": (*well.moves, Move("job", 3.0, State.SUCCEEDED, State.RUNNING, 2)),
    },
}


@pytest.mark.parametrize("rule", BROKEN)
def test_what_goes_wrong_is_seen(rule, well):
    assert rule in check.broken(replace(well, **BROKEN[rule](well)))


def test_each_rule_has_its_case():
    assert set(BROKEN) == {rule.__name__.replace("_", " ") for rule in check.RULES}


def test_only_what_was_stopped_may_be_cancelled(well):
    assert "each ends as it should" in check.broken(replace(well, stopped=frozenset()))


def test_bytes_are_counted_too(well):
    assert "each file is whole" in check.broken(replace(well, held=(replace(well.held[1], size=4),)))


def test_a_part_recorded_twice_is_seen(well):
    assert "no part is made twice" in check.broken(replace(well, parts=well.parts * 2))


def test_the_plan_of_a_seed_is_the_same_each_time():
    assert plan.make(7, longest=9.0) == plan.make(7, longest=9.0) != plan.make(8, longest=9.0)
