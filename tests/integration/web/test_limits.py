from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from web.limits import Limit, forget, take
from web.models import Tries

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
LIMIT = Limit("test", tries=3, window=timedelta(minutes=1))


@pytest.mark.django_db
def test_counts_from_the_first_try_and_starts_afresh_after_the_window() -> None:
    waits = [take(LIMIT, "a", now=NOW + timedelta(seconds=10 * n)) for n in range(5)]
    assert waits == [None, None, None, timedelta(seconds=30), timedelta(seconds=20)]
    assert take(LIMIT, "b", now=NOW) is None
    assert take(LIMIT, "a", now=NOW + LIMIT.window) is None


@pytest.mark.django_db
def test_what_has_lapsed_is_cleared_away_by_later_tries() -> None:
    for n in range(8):
        take(LIMIT, f"old {n}", now=NOW)
    for n in range(2):
        take(LIMIT, f"new {n}", now=NOW + timedelta(hours=1))
    assert Tries.objects.count() == 2


@pytest.mark.django_db
def test_keeps_no_subject_in_clear() -> None:
    take(LIMIT, "hunter2", now=NOW)
    assert "hunter2" not in Tries.objects.get().key
    forget(LIMIT, "hunter2")
    assert not Tries.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_at_once_gain_nothing() -> None:
    def one(_: int) -> bool:
        try:
            return take(LIMIT, "a", now=NOW) is None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(24))) == LIMIT.tries
