"""When people in Vietnam buy online: how one day of the year, and one hour of the day, compares with another."""

from datetime import date
from typing import Final

#: First day of the lunar year.
TET: Final = {
    2020: date(2020, 1, 25),
    2021: date(2021, 2, 12),
    2022: date(2022, 2, 1),
    2023: date(2023, 1, 22),
    2024: date(2024, 2, 10),
    2025: date(2025, 1, 29),
    2026: date(2026, 2, 17),
    2027: date(2027, 2, 6),
    2028: date(2028, 1, 26),
    2029: date(2029, 2, 13),
    2030: date(2030, 2, 3),
    2031: date(2031, 1, 23),
    2032: date(2032, 2, 11),
}

#: Share of a day's orders in each of its hours: lunch break and evening.
HOURS: Final = (12, 6, 3, 2, 2, 4, 10, 20, 36, 48, 56, 66, 72, 58, 48, 46, 46, 48, 52, 68, 90, 98, 76, 36)

_SALES: Final = {(9, 9): 2.2, (10, 10): 2.0, (11, 11): 4.5, (12, 12): 3.8}
_DAYS: Final = {(2, 14): 1.3, (3, 7): 1.5, (3, 8): 1.4, (10, 19): 1.4, (10, 20): 1.3, (11, 20): 1.2, (12, 24): 1.4}


def days_to_tet(day: date) -> int | None:
    """Days from ``day`` to its year's Tết, negative after it; None for a year that the table does not have."""
    tet = TET.get(day.year)
    return (tet - day).days if tet else None


def is_sale(day: date) -> bool:
    """True on the days when every marketplace has its sale: 9.9 to 12.12, and the same day of the other months."""
    return day.month == day.day


def is_before_tet(day: date) -> bool:
    left = days_to_tet(day)
    return left is not None and 2 <= left <= 28


def day_weight(day: date) -> float:
    """How much is bought on ``day``; 1 is an ordinary Wednesday."""
    weight = (1.0, 0.98, 1.0, 1.02, 1.05, 1.18, 1.22)[day.weekday()]
    if day.day >= 25 or day.day <= 5:  # wages have come
        weight *= 1.08
    weight *= _SALES.get((day.month, day.day), 1.6 if is_sale(day) else _DAYS.get((day.month, day.day), 1.0))
    if (day.month, day.weekday()) == (11, 4) and 23 <= day.day <= 29:  # Black Friday
        weight *= 2.0
    left = days_to_tet(day)
    if left is None:
        return weight
    if 2 <= left <= 28:
        return weight * (1.3 + 0.9 * (1 - abs(left - 12) / 16))
    if -5 <= left < 2:  # the shop, the couriers and everybody else are at home
        return weight * 0.12
    if -12 <= left < -5:
        return weight * 0.7
    return weight
