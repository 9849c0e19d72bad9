from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shop.orders import season
from shop.orders.demo import lines_by_day


def test_sales_days_and_the_weeks_before_tet_sell_more_and_tet_itself_little():
    ordinary = season.day_weight(date(2026, 5, 13))
    assert season.day_weight(date(2026, 11, 11)) > 3 * ordinary
    assert season.day_weight(date(2026, 12, 12)) > 3 * ordinary
    assert season.day_weight(season.TET[2026] - timedelta(days=12)) > 1.8 * ordinary
    assert season.day_weight(season.TET[2026]) < 0.3 * ordinary
    assert season.day_weight(date(2026, 5, 16)) > ordinary  # a Saturday


@given(
    st.dates(date(2019, 1, 1), date(2034, 12, 31)),
    st.integers(0, 500),
    st.integers(0, 86_399),
    st.integers(1, 100_000),
)
def test_the_days_share_out_exactly_the_lines_asked_for(first, days, second, lines):
    until = datetime(first.year, first.month, first.day, tzinfo=UTC) + timedelta(days=days, seconds=second - 25_200)
    shares = lines_by_day(first, until, lines)
    assert [day for day, _ in shares] == [first + timedelta(days=n) for n in range(len(shares))]
    assert sum(share for _, share in shares) == lines
    assert all(share >= 0 for _, share in shares)
