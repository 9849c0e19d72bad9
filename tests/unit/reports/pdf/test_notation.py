from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.pdf.notation import Notation
from tests.pdfs import VIETNAMESE

ENGLISH = Notation()


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("0", "0"),
        ("-0.5", "-0,5"),
        ("1234567", "1.234.567"),
        ("-1234", "-1.234"),
        ("1234.50", "1.234,50"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_numbers(field: str, shown: str) -> None:
    assert VIETNAMESE.number(field) == shown


@pytest.mark.parametrize(
    ("field", "decimals", "shown"),
    [("1234567", 0, "1.234.567"), ("5", 2, "0,05"), ("-5", 2, "-0,05"), ("-123456", 2, "-1.234,56"), ("0", 3, "0,000")],
)
def test_amounts(field: str, decimals: int, shown: str) -> None:
    assert VIETNAMESE.amount(field, decimals) == shown


@given(st.integers(), st.integers(0, 6), st.sampled_from([VIETNAMESE, ENGLISH, Notation("\xa0", ",")]))
def test_an_amount_is_read_as_it_was_written(amount: int, decimals: int, notation: Notation) -> None:
    assert notation.read(notation.amount(str(amount), decimals)) == Decimal(f"{amount}e-{decimals}")


@pytest.mark.parametrize(
    ("field", "vietnamese", "english"),
    [
        ("1234", "12,34\xa0%", "12.34%"),
        ("0", "0,00\xa0%", "0.00%"),
        ("-7", "-0,07\xa0%", "-0.07%"),
        ("100000000", "1.000.000,00\xa0%", "1,000,000.00%"),
    ],
)
def test_percents(field: str, vietnamese: str, english: str) -> None:
    assert VIETNAMESE.percents(field) == vietnamese
    assert ENGLISH.percents(field) == english


def test_dates_and_times() -> None:
    assert VIETNAMESE.day("2026-01-31") == "31/01/2026"
    assert VIETNAMESE.moment("2026-01-31 08:05:09.123456") == "31/01/2026 08:05:09"
    assert VIETNAMESE.month_of("2026-01-31 08:05:09") == VIETNAMESE.month_of("2026-01-01") == "01/2026"


@pytest.mark.parametrize("field", ["infinity", "-infinity", "12026-01-31"])
def test_a_date_that_no_notation_has_stays_as_it_is(field: str) -> None:
    assert VIETNAMESE.day(field) == VIETNAMESE.moment(field) == VIETNAMESE.month_of(field) == field
