from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.periods import NAMES, InvalidPeriod, Period

SHOP = ZoneInfo("Asia/Ho_Chi_Minh")


def test_a_day_begins_at_the_shops_midnight() -> None:
    start, end = Period(date(2025, 12, 31), date(2025, 12, 31)).instants(SHOP)
    assert start == datetime(2025, 12, 30, 17, tzinfo=UTC)
    assert end == datetime(2025, 12, 31, 17, tzinfo=UTC)


def test_a_day_that_is_an_hour_longer_is_whole() -> None:
    start, end = Period(date(2025, 10, 26), date(2025, 10, 26)).instants(ZoneInfo("Europe/Berlin"))
    assert end - start == timedelta(hours=25)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("last_year", date(2025, 1, 1), date(2025, 12, 31)),
        ("this_year", date(2026, 1, 1), date(2026, 11, 25)),
        ("last_quarter", date(2026, 7, 1), date(2026, 9, 30)),
        ("this_quarter", date(2026, 10, 1), date(2026, 11, 25)),
        ("last_month", date(2026, 10, 1), date(2026, 10, 31)),
        ("this_month", date(2026, 11, 1), date(2026, 11, 25)),
    ],
)
def test_named_periods(name: str, first: date, last: date) -> None:
    assert Period.named(name, today=date(2026, 11, 25)) == Period(first, last)


def test_the_quarter_before_the_first_one_is_last_years() -> None:
    assert Period.named("last_quarter", today=date(2026, 2, 1)) == Period(date(2025, 10, 1), date(2025, 12, 31))


@given(st.sampled_from(NAMES), st.dates(min_value=date(2, 1, 1)))
def test_this_and_last_meet_without_a_gap(name: str, today: date) -> None:
    unit = name.partition("_")[2]
    last, this = (Period.named(f"{which}_{unit}", today=today) for which in ("last", "this"))
    assert last.last + timedelta(days=1) == this.first
    assert this.last == today
    assert last.first.day == this.first.day == 1


@given(st.dates(date(1970, 1, 1), date(2100, 1, 1)))
def test_neighbouring_days_share_an_instant_and_no_time(day: date) -> None:
    tomorrow = day + timedelta(days=1)
    assert Period(day, day).instants(SHOP)[1] == Period(tomorrow, tomorrow).instants(SHOP)[0]


def test_what_is_no_period_is_refused() -> None:
    with pytest.raises(InvalidPeriod):
        Period(date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(InvalidPeriod):
        Period.named("next_year", today=date(2026, 1, 1))
