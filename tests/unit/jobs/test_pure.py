"""The kernel's pure parts: codes, back-off, due times, traces, what a declaration refuses."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from hypothesis import given
from hypothesis import strategies as st

from jobs import backoff, queues
from jobs import task as tasks
from jobs.due import last_due
from jobs.models import CODE_ALPHABET, CODE_LENGTH, MOVES, TERMINAL, State, clean_code, new_code, show_code
from jobs.trace import from_traceparent
from tests.harness import tasks as harness

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


class TestCodes:
    def test_are_long_and_differ(self):
        codes = {new_code() for _ in range(10_000)}
        assert len(codes) == 10_000
        assert {len(code) for code in codes} == {CODE_LENGTH}

    @given(st.text(alphabet=CODE_ALPHABET, min_size=CODE_LENGTH, max_size=CODE_LENGTH))
    def test_survive_being_shown_and_typed(self, code):
        typed = show_code(code).lower().replace("-", " ").replace("0", "o").replace("1", "l")
        assert clean_code(typed) == code

    @given(st.text())
    def test_any_text_can_be_typed(self, text):
        clean_code(text)


class TestBackoff:
    @given(st.integers(1, 10_000), st.floats(0.01, 600), st.floats(0, 1, exclude_max=True))
    def test_stays_between_half_and_whole_of_the_interval(self, failures, base, chance):
        whole = min(backoff.LONGEST, base * 2.0 ** min(failures - 1, 30))
        assert whole / 2 <= backoff.delay(failures, base=base, chance=chance) <= whole

    def test_doubles(self):
        waits = [backoff.delay(failures, base=5, chance=0.5) for failures in range(1, 5)]
        assert waits == [3.75, 7.5, 15, 30]


class TestLastDue:
    @given(
        st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),
        st.integers(1, 100_000),
    )
    def test_an_interval_counts_from_1970(self, now, seconds):
        due = last_due(timedelta(seconds=seconds), now, HANOI)
        assert due <= now < due + timedelta(seconds=seconds)
        assert due.timestamp() % seconds == 0

    @given(
        st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC)),
        st.integers(0, 59),
        st.one_of(st.none(), st.integers(0, 23)),
        st.one_of(st.none(), st.integers(0, 6)),
    )
    def test_a_crontab_is_found_as_by_walking_back_minute_by_minute(self, now, minute, hour, weekday):
        every = crontab(
            minute=str(minute),
            hour="*" if hour is None else str(hour),
            day_of_week="*" if weekday is None else str(weekday),
        )
        walk = now.replace(second=0, microsecond=0)
        while True:
            local = walk.astimezone(HANOI)
            if (
                local.minute in every.minute
                and local.hour in every.hour
                and local.isoweekday() % 7 in every.day_of_week
            ):
                break
            walk -= timedelta(minutes=1)
        assert last_due(every, now, HANOI) == walk

    def test_two_beats_apart_name_the_same_window(self):
        hourly = crontab(minute="0")
        early, late = datetime(2026, 11, 25, 7, 0, 0, 5, tzinfo=UTC), datetime(2026, 11, 25, 7, 1, 30, tzinfo=UTC)
        assert last_due(hourly, early, HANOI) == last_due(hourly, late, HANOI)

    def test_29_february(self):
        every = crontab(minute="0", hour="0", day_of_month="29", month_of_year="2")
        assert last_due(every, datetime(2026, 11, 25, tzinfo=UTC), UTC) == datetime(2024, 2, 29, tzinfo=UTC)


class TestDeclaring:
    def test_positional_arguments_are_refused(self):
        with pytest.raises(TypeError, match="keyword-only"):

            @tasks.job(queue="sync", name="harness.wrong")
            def wrong(word):
                return None

    def test_an_unknown_queue_is_refused(self):
        with pytest.raises(queues.UnknownQueue, match="nowhere"):

            @tasks.job(queue="nowhere", name="harness.wrong")
            def wrong():
                return None

    def test_a_name_is_used_once(self):
        with pytest.raises(ValueError, match=r"harness\.note"):

            @tasks.job(queue="sync", name="harness.note")
            def note():
                return None

    def test_arguments_are_checked_where_they_are_submitted(self):
        with pytest.raises(TypeError, match="unknown"):
            harness.work.check({"seconds": 1, "colour": "red"})
        with pytest.raises(TypeError, match="missing"):
            harness.work.check({})

    def test_arguments_of_another_release_are_left_out(self, caplog):
        assert harness.work.known({"seconds": 1, "colour": "red"}) == {"seconds": 1}
        assert "colour" in caplog.text


class TestStates:
    def test_nothing_leaves_success(self):
        assert not MOVES[State.SUCCEEDED]

    def test_every_state_is_reached_and_has_a_tone(self):
        reached = {State.WAITING}.union(*MOVES.values())
        assert reached == set(State)
        assert all(state.tone for state in State)
        assert set(State) > TERMINAL


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "0af7651916cd43dd8448eb211c80319c"),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", ""),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "0af7651916cd43dd8448eb211c80319c"),
        ("rubbish", ""),
        ("", ""),
        ("00-" + "g" * 32 + "-b7ad6b7169203331-01", ""),
    ],
)
def test_traceparent(header, trace):
    assert from_traceparent(header) == trace
