"""Money as the rows hold it: an integer, a currency, and how many decimals the integer has.

An amount normally counts the currency's minor unit (VND has none, GBP two decimals, KWD three). Prices from elsewhere
may be finer than that (£0.001 apiece), so a row may hold more decimals than ISO 4217 gives its currency, never fewer:
see docs/decisions/money.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final, Self

#: Decimals of each currency by ISO 4217. A currency that is not here is refused, not guessed.
EXPONENTS: Final[dict[str, int]] = {
    **dict.fromkeys(("ISK", "JPY", "KRW", "VND"), 0),
    **dict.fromkeys(("AUD", "CAD", "CHF", "CNY", "DKK", "EUR", "GBP", "HKD", "IDR", "INR", "MYR", "NOK", "NZD"), 2),
    **dict.fromkeys(("PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"), 2),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}
MOST_DECIMALS: Final = 6
#: What a PostgreSQL bigint holds.
LARGEST: Final = 2**63 - 1

#: Rounds nothing: it raises where it would have to.
_EXACT: Final = Context(prec=60, traps=[Inexact, InvalidOperation])
_SYMBOLS: Final = {"VND": "₫", "GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥"}


class InvalidMoney(ValueError):
    """A text is no amount of its currency. The message says why, for a person."""


def exponent(currency: str) -> int:
    """Decimals of ``currency`` by ISO 4217. Raises InvalidMoney for a currency that the shop does not know."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise InvalidMoney(
            f"The currency {currency!r} is not known; use one of {', '.join(sorted(EXPONENTS))}."
        ) from None


def to_integer(value: Decimal, currency: str, decimals: int | None = None) -> int:
    """``value`` (in whole currency: pounds, đồng) as an integer with ``decimals`` (the currency's own by default).

    Never rounds. Raises InvalidMoney where the value is finer than that, not finite, or too large for a row.
    """
    places = exponent(currency) if decimals is None else decimals
    if not value.is_finite():
        raise InvalidMoney(f"{value} is not an amount.")
    if abs(value) > LARGEST:
        raise InvalidMoney(f"{value} {currency} is too large.")
    try:
        scaled = value.scaleb(places, _EXACT).to_integral_exact(context=_EXACT)
    except Inexact:
        raise InvalidMoney(f"{value} {currency} has more than {places} decimals.") from None
    if abs(scaled) > LARGEST:
        raise InvalidMoney(f"{value} {currency} is too large.")
    return int(scaled)


def to_decimal(amount: int, currency: str, decimals: int | None = None) -> Decimal:
    """The exact value of a row's integer in whole currency."""
    places = exponent(currency) if decimals is None else decimals
    return Decimal(f"{amount}E-{places}") if places else Decimal(amount)


def parse(text: str, currency: str, decimals: int | None = None) -> int:
    """An amount as machines write it (``-12.50``: a point for decimals, no thousands separators), as an integer.

    Raises InvalidMoney.
    """
    try:
        # Underscores and other alphabets' digits are Python's own liberties.
        value = Decimal(text if text.isascii() and "_" not in text else "")
    except InvalidOperation:
        raise InvalidMoney(f"{text!r} is not an amount.") from None
    return to_integer(value, currency, decimals)


def show(amount: int, currency: str, decimals: int | None = None, *, language: str = "vi") -> str:
    """An amount for a person: ``1.290.000 ₫`` in Vietnamese, ``1,290,000 ₫`` and ``£12.50`` in English.

    Decimals beyond the currency's own are shown only where they are not zero.
    """
    own = exponent(currency)
    places = own if decimals is None else decimals
    digits = str(abs(amount)).rjust(places + 1, "0")
    whole, fraction = (digits[:-places], digits[-places:]) if places else (digits, "")
    fraction = fraction[:own] + fraction[own:].rstrip("0")
    thousands, point = (".", ",") if language == "vi" else (",", ".")
    number = f"{int(whole):,}".replace(",", thousands) + (point + fraction if fraction else "")
    sign = "-" if amount < 0 else ""
    symbol = _SYMBOLS.get(currency, currency)
    if language == "vi" or currency in {"VND", symbol}:
        return f"{sign}{number}\N{NO-BREAK SPACE}{symbol}"
    return f"{sign}{symbol}{number}"


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: ``amount`` / 10**``decimals`` of ``currency``."""

    amount: int
    currency: str
    decimals: int

    @classmethod
    def of(cls, amount: int, currency: str) -> Self:
        """An amount in the currency's minor unit."""
        return cls(amount, currency, exponent(currency))

    @property
    def value(self) -> Decimal:
        return to_decimal(self.amount, self.currency, self.decimals)

    def show(self, *, language: str = "vi") -> str:
        return show(self.amount, self.currency, self.decimals, language=language)

    def scaled(self, decimals: int) -> Self:
        """The same value with ``decimals``. Raises InvalidMoney where it would have to be rounded."""
        return type(self)(to_integer(self.value, self.currency, decimals), self.currency, decimals)

    def __add__(self, other: "Money") -> Self:
        if other.currency != self.currency:
            raise InvalidMoney(f"{self.currency} and {other.currency} cannot be added.")
        places = max(self.decimals, other.decimals)
        amount = self.amount * 10 ** (places - self.decimals) + other.amount * 10 ** (places - other.decimals)
        return type(self)(amount, self.currency, places)

    def __neg__(self) -> Self:
        return type(self)(-self.amount, self.currency, self.decimals)


def totals(amounts: Iterable[Money]) -> list[Money]:
    """One exact sum for each currency, by currency code."""
    sums: dict[str, Money] = {}
    for money in amounts:
        sums[money.currency] = sums[money.currency] + money if money.currency in sums else money
    return [sums[currency] for currency in sorted(sums)]
