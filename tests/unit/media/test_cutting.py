"""Where a long video is cut, and where a stream can be."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_pipeline import cutting
from media_pipeline.keyframes import Keyframes

NTSC = Fraction(30000, 1001)


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=200),
    st.sampled_from([Fraction(25), NTSC, Fraction(24000, 1001)]),
    st.floats(1.0, 200.0),
)
def test_parts_are_whole_segments_and_together_they_are_all_of_them(pictures, rate, seconds):
    parts = cutting.cut([round(float(count / rate), 6) for count in pictures], rate, seconds)
    begins = [part.start + cut for part in parts for cut in part.cuts]
    assert begins == [sum(pictures[:place]) for place in range(len(pictures))]
    for part, following in pairwise(parts):
        assert part.start + part.pictures == following.start
    assert [part.pictures is None for part in parts] == [False] * (len(parts) - 1) + [True]


def test_parts_are_about_as_long_as_was_asked_for():
    parts = cutting.cut([4.004] * 100, NTSC, 60.0)
    assert len(parts) == 7
    assert all(52 < part.seconds < 64 for part in parts)


def test_an_encoder_looks_for_a_segment_just_before_it_begins():
    (part,) = cutting.cut([4.004, 4.004], NTSC, 60.0)
    assert part.cuts == (0, 120)
    fast = type("Rung", (), {"rate": 2 * NTSC})
    assert part.moments(fast) == [0.0, pytest.approx(4.004 - 0.25 / float(2 * NTSC))]


def seen(*keys: float, first: float = 0.0, last: float = 20.0) -> Keyframes:
    found = Keyframes()
    found.see(first, key=first in keys)
    for key in keys:
        found.see(key, key=True)
    found.see(last, key=False)
    return found


def test_a_stream_without_keyframes_can_be_cut_nowhere():
    found = seen()
    assert (found.gap, found.good) == (float("inf"), False)
    assert not cutting.are_near(60.0, found.gap)


@pytest.mark.parametrize(
    ("keys", "good"),
    [((0.0, 8.0, 16.0), True), ((0.0, 8.0), False), ((0.5, 8.0, 16.0), False), ((0.0, 12.0, 8.0, 16.0), False)],
    ids=["often enough", "too far from the end", "not from its beginning", "out of order"],
)
def test_a_stream_is_kept_where_one_can_jump_and_switch(keys, good):
    assert seen(*keys).good is good


def test_keyframes_far_apart_are_for_long_parts():
    assert cutting.are_near(60.0, seen(0.0, 10.0).gap)
    assert not cutting.are_near(16.0, seen(0.0, 10.0).gap)
