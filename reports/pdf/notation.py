"""How numbers, dates and times are written for people, made from COPY's text."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

_DATE: Final = len("2026-01-31")


@dataclass(frozen=True, slots=True)
class Notation:
    """A language's way to write numbers and dates.

    Attributes:
        group: stands between thousands.
        point: stands before a fraction.
        date, month: with ``{year}``, ``{month}`` and ``{day}``.
        percent: with ``{number}``.
    """

    group: str = ","
    point: str = "."
    date: str = "{year}-{month}-{day}"
    month: str = "{year}-{month}"
    percent: str = "{number}%"

    def number(self, field: str) -> str:
        """A number as PostgreSQL writes it. What is no such number stays as it is, like ``NaN``."""
        whole, _, fraction = field.partition(".")
        try:
            grouped = f"{int(whole):,}"
        except ValueError:
            return field
        if whole.startswith("-") and not grouped.startswith("-"):
            grouped = f"-{grouped}"  # of -0.5
        return grouped.replace(",", self.group) + (self.point + fraction if fraction else "")

    def amount(self, field: str, decimals: int) -> str:
        """An integer that counts units of 10**-``decimals``."""
        if decimals:
            digits = field.removeprefix("-").rjust(decimals + 1, "0")
            field = f"{'-' if field.startswith('-') else ''}{digits[:-decimals]}.{digits[-decimals:]}"
        return self.number(field)

    def percents(self, field: str) -> str:
        """An integer that counts hundredths of a percent."""
        return self.percent.format(number=self.amount(field, 2))

    def day(self, field: str) -> str:
        """A date as PostgreSQL writes it (ISO 8601). Years before 1 and after 9999 stay as they are."""
        if len(field) != _DATE:
            return field
        return self.date.format(year=field[:4], month=field[5:7], day=field[8:])

    def moment(self, field: str) -> str:
        """A date and time as PostgreSQL writes it, to the second."""
        day, _, time = field.partition(" ")
        return f"{self.day(day)} {time[:8]}" if len(day) == _DATE else field

    def month_of(self, field: str) -> str:
        """The month of a date or a date and time."""
        if len(field.partition(" ")[0]) != _DATE:
            return field
        return self.month.format(year=field[:4], month=field[5:7])

    def read(self, text: str) -> Decimal:
        """The number that was written like this. Raises ArithmeticError."""
        return Decimal(text.replace(self.group, "").replace(self.point, "."))
