from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.test import RequestFactory
from django.utils import translation

from jobs.models import State
from shop.money import Money

AT = datetime(2026, 11, 25, 7, 30, 5, tzinfo=UTC)


def render(source: str, language: str = "vi", **context: object) -> str:
    with translation.override(language):
        return Template("{% load backroom %}" + source).render(Context(context))


def test_money_is_written_as_the_reader_writes_it() -> None:
    assert render('{% money 1290000 "VND" %}') == "1.290.000\N{NO-BREAK SPACE}₫"
    assert render('{% money 1290000 "VND" %}', "en") == "1,290,000\N{NO-BREAK SPACE}₫"
    assert render("{% money total %}", "en", total=Money(1250, "GBP", 2)) == "£12.50"


def test_times_are_the_shops_with_utc_on_hover() -> None:
    assert render("{% when at %}", at=AT) == (
        '<time datetime="2026-11-25T07:30:05+00:00" title="2026-11-25 07:30:05 UTC">25/11/2026 14:30</time>'
    )
    assert ">25 Nov 2026, 14:30<" in render("{% when at %}", "en", at=AT)
    assert render("{% when at %}", at=None) == "–"


def test_relative_times_have_the_absolute_one_on_hover() -> None:
    past = render("{% ago at %}", "en", at=AT, now=AT + timedelta(minutes=3))
    assert 'title="25 Nov 2026, 14:30"' in past
    assert ">3 min ago<" in past
    assert ">in 2 h<" in render("{% ago at %}", "en", at=AT, now=AT - timedelta(hours=2))


@pytest.mark.parametrize("state", list(State))
def test_a_badge_has_a_tone_an_icon_and_a_word(state: State) -> None:
    badge = render("{% badge state %}", "en", state=state)
    assert f'class="badge {state.tone}"' in badge
    assert f"icons.svg#{state.icon}" in badge
    with translation.override("en"):
        assert str(state.label) in badge


def test_a_query_keeps_what_it_does_not_change() -> None:
    request = RequestFactory().get("/jobs/", {"state": "failed", "before": "abc", "q": "7K&x"})
    assert render('{% query state="done" before=None %}', request=request) == "?state=done&amp;q=7K%26x"


def test_an_icon_is_silent_beside_a_word_and_speaks_alone() -> None:
    assert 'aria-hidden="true"' in render('{% icon "clock" %}')
    assert 'aria-label="A &lt;b&gt;"' in render('{% icon "clock" label %}', label="A <b>")
