from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop import money
from shop.money import InvalidMoney, Money

CURRENCIES = st.sampled_from(sorted(money.EXPONENTS))
AMOUNTS = st.integers(-money.LARGEST, money.LARGEST)


@given(AMOUNTS, CURRENCIES, st.integers(0, 3))
def test_an_amount_survives_text_and_back(amount, currency, finer):
    decimals = money.exponent(currency) + finer
    text = format(money.to_decimal(amount, currency, decimals), "f")
    assert money.parse(text, currency, decimals) == amount


@given(AMOUNTS, CURRENCIES, st.integers(0, 3), st.sampled_from(["vi", "en"]))
def test_what_is_shown_is_the_amount(amount, currency, finer, language):
    decimals = money.exponent(currency) + finer
    shown = money.show(amount, currency, decimals, language=language)
    thousands, point = (".", ",") if language == "vi" else (",", ".")
    digits = "".join(c for c in shown.replace(thousands, "").replace(point, ".") if c.isdigit() or c in ".-")
    assert Decimal(digits) == Decimal(amount).scaleb(-decimals)


@given(st.decimals(allow_nan=True, allow_infinity=True), CURRENCIES)
def test_a_decimal_is_exact_or_refused(value, currency):
    try:
        amount = money.to_integer(value, currency)
    except InvalidMoney:
        return
    assert money.to_decimal(amount, currency) == value


@given(st.text(max_size=30), CURRENCIES)
def test_any_text_is_an_amount_or_refused(text, currency):
    try:
        amount = money.parse(text, currency)
    except InvalidMoney:
        return
    assert abs(amount) <= money.LARGEST


@given(st.lists(st.tuples(AMOUNTS, CURRENCIES, st.integers(0, 3))))
def test_totals_are_exact_in_each_currency(parts):
    amounts = [Money(amount, currency, money.exponent(currency) + finer) for amount, currency, finer in parts]
    found = {total.currency: total.value for total in money.totals(amounts)}
    assert found == {
        currency: sum((one.value for one in amounts if one.currency == currency), Decimal(0))
        for currency in {one.currency for one in amounts}
    }


@pytest.mark.parametrize(
    ("amount", "currency", "decimals", "vietnamese", "english"),
    [
        (1_290_000, "VND", 0, "1.290.000 ₫", "1,290,000 ₫"),
        (-1_290_000, "VND", 0, "-1.290.000 ₫", "-1,290,000 ₫"),
        (0, "VND", 0, "0 ₫", "0 ₫"),
        (1_250, "GBP", 2, "12,50 £", "£12.50"),
        (1, "GBP", 3, "0,001 £", "£0.001"),
        (12_500, "GBP", 3, "12,50 £", "£12.50"),
        (-5, "GBP", 2, "-0,05 £", "-£0.05"),
        (1_234_567, "KWD", 3, "1.234,567 KWD", "1,234.567 KWD"),
        (700, "JPY", 0, "700 ¥", "¥700"),
    ],
)
def test_amounts_read_as_people_write_them(amount, currency, decimals, vietnamese, english):
    assert money.show(amount, currency, decimals) == vietnamese.replace(" ", "\N{NO-BREAK SPACE}")
    assert money.show(amount, currency, decimals, language="en") == english.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("0.001", "GBP", "more than 2 decimals"),
        ("0.5", "VND", "more than 0 decimals"),
        ("1,50", "GBP", "not an amount"),
        ("1_000", "GBP", "not an amount"),
        ("١٢", "GBP", "not an amount"),
        ("NaN", "GBP", "not an amount"),
        ("-Infinity", "GBP", "not an amount"),
        ("", "GBP", "not an amount"),
        ("9223372036854775808", "VND", "too large"),
        ("1e999999", "GBP", "too large"),
        ("1", "XXX", "not known"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text, currency, reason):
    with pytest.raises(InvalidMoney, match=reason):
        money.parse(text, currency)


def test_currencies_do_not_mix():
    with pytest.raises(InvalidMoney, match="cannot be added"):
        Money.of(1, "GBP") + Money.of(1, "VND")


def test_a_finer_amount_is_never_rounded_down_to_a_coarser_one():
    assert Money(10, "GBP", 3).scaled(2) == Money(1, "GBP", 2)
    with pytest.raises(InvalidMoney, match="more than 2 decimals"):
        Money(1, "GBP", 3).scaled(2)
