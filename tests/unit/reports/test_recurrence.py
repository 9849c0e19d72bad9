from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.recurrence import Every, Recurrence

SHOP = ZoneInfo("Asia/Ho_Chi_Minh")
BERLIN = ZoneInfo("Europe/Berlin")

TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))
RHYTHMS = st.builds(
    Recurrence,
    st.sampled_from([Every.DAY, Every.WEEK, Every.MONTH]),
    weekday=st.integers(0, 6),
    day=st.integers(1, 31),
    hour=st.integers(0, 23),
)


def at(text: str, zone: ZoneInfo = SHOP) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("every", "now", "expected"),
    [
        (Every.DAY, "2026-11-25 06:59:59", "2026-11-25 07:00"),
        (Every.DAY, "2026-11-25 07:00", "2026-11-26 07:00"),
        (Every.WEEK, "2026-11-25 12:00", "2026-11-27 07:00"),
        (Every.WEEK, "2026-11-27 07:00", "2026-12-04 07:00"),
        (Every.MONTH, "2026-11-25 12:00", "2026-11-30 07:00"),
        (Every.MONTH, "2026-11-30 12:00", "2026-12-31 07:00"),
        (Every.MONTH, "2028-02-01 00:00", "2028-02-29 07:00"),
    ],
)
def test_the_next_time_is_the_shops(every: Every, now: str, expected: str) -> None:
    found = Recurrence(every, weekday=4, day=31, hour=7).next_after(at(now), SHOP)
    assert found == at(expected)


def test_what_never_comes_has_no_next_time() -> None:
    assert Recurrence(Every.NEVER, 0, 1, 7).next_after(at("2026-11-25 12:00"), SHOP) is None


def test_an_hour_that_a_summer_time_skips_comes_all_the_same() -> None:
    rhythm = Recurrence(Every.DAY, 0, 1, 2)
    first = rhythm.next_after(at("2027-03-27 12:00", BERLIN), BERLIN)
    assert first is not None
    assert first.astimezone(BERLIN).date().isoformat() == "2027-03-28"
    assert rhythm.next_after(first, BERLIN) == at("2027-03-29 02:00", BERLIN)


@given(rhythm=RHYTHMS, now=TIMES, zone=st.sampled_from([SHOP, BERLIN]))
def test_times_go_on_for_ever_and_are_never_skipped(rhythm: Recurrence, now: datetime, zone: ZoneInfo) -> None:
    first = rhythm.next_after(now, zone)
    assert first is not None
    assert first > now
    second = rhythm.next_after(first, zone)
    assert second is not None
    days = (second.astimezone(zone).date() - first.astimezone(zone).date()).days
    assert days in {Every.DAY: {1}, Every.WEEK: {7}, Every.MONTH: {28, 29, 30, 31}}[rhythm.every]
