import pytest
from django.utils import translation

from web.durations import in_words, left_in_words


@pytest.mark.parametrize(
    ("seconds", "english", "vietnamese"),
    [
        (0, "0 s", "0 giây"),
        (20.4, "20 s", "20 giây"),
        (59.6, "1 min", "1 phút"),
        (90, "2 min", "2 phút"),
        (3599, "1 h", "1 giờ"),
        (7500, "2 h 5 min", "2 giờ 5 phút"),
        (86399, "1 day", "1 ngày"),
        (3 * 86400, "3 days", "3 ngày"),
    ],
)
def test_says_a_duration(seconds: float, english: str, vietnamese: str) -> None:
    with translation.override("en"):
        assert in_words(seconds) == english
    with translation.override("vi"):
        assert in_words(seconds) == vietnamese


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "5 s"), (13, "15 s"), (58, "1 min"), (200, "3 min")])
def test_what_is_left_is_no_more_exact_than_an_estimate(seconds: float, said: str) -> None:
    with translation.override("en"):
        assert left_in_words(seconds) == f"about {said} left"
