from argparse import ArgumentParser
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from shop.accounts.demo import DEMO_PASSWORD
from shop.accounts.services import DemoPeopleRefused, ensure_demo_people
from shop.orders.queries import day_start
from shop.orders.seeding import ShopNotEmpty, seed_shop


class Command(BaseCommand):
    help = "Fill an empty shop with a believable story, and make one person for each role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--lines", type=int, default=20_000, help="Order lines sold. Default: 20000.")
        parser.add_argument("--seed", type=int, default=1, help="The same seed gives the same shop. Default: 1.")
        parser.add_argument("--year", type=int, help="The year of trade. Default: last year and this one, until now.")
        parser.add_argument("--replace", action="store_true", help="Throw away the shop that is there.")

    def handle(self, *, lines: int, seed: int, year: int | None, replace: bool, **options: Any) -> None:
        started = monotonic()
        if lines < 1:
            raise CommandError("--lines must be at least 1.")
        first, until = _span(year, timezone.now())
        try:
            people = ensure_demo_people()
            seeded = seed_shop(lines=lines, seed=seed, first=first, until=until, replace=replace)
        except ShopNotEmpty as error:
            raise CommandError(f"{error} Run it with --replace to throw them away.") from None
        except DemoPeopleRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{seeded.products:,} products, {seeded.customers:,} customers, {seeded.orders:,} orders,"
            f" {seeded.lines:,} lines in {monotonic() - started:.1f} s."
            f" People: {', '.join(person.username for person in people)}; password: {DEMO_PASSWORD}"
        )


def _span(year: int | None, now: datetime) -> tuple[date, datetime]:
    """First day and last instant of the story."""
    this_year = timezone.localdate(now).year
    if year is None:
        return date(this_year - 1, 1, 1), now
    if not 2000 <= year <= this_year:  # noqa: PLR2004
        raise CommandError(f"--year must be 2000 to {this_year}.")
    return date(year, 1, 1), min(now, day_start(date(year + 1, 1, 1)) - timedelta(seconds=1))
