"""What came into the demo shop's store, and what was lost there, as text for PostgreSQL's COPY.

Each shelf has one supplier, who delivers every four weeks. How much is settled with hindsight: at least what is sold
until the next delivery, so that there is never less than nothing of anything.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from random import Random
from typing import Final, NamedTuple

from shop.catalog.models import MovementKind
from shop.orders.demo import DemoShop, Product

MOVEMENT_COLUMNS: Final = "product_id, at, kind, quantity, note"

_HERE: Final = timezone(timedelta(hours=7))
#: Days from one delivery to the next.
_CYCLE: Final = 28
#: Days by which the suppliers' deliveries lie apart; it has no divisor in common with the cycle.
_APART: Final = 5
#: Pieces in a box, by the least price for a box of that size.
_BOXES: Final = ((300_000, 6), (100_000, 12), (0, 24))
#: Pieces that are there even when all is sold that was expected to be, and a part of that.
_SPARE: Final = 3
_SPARE_PART: Final = 4
#: A shelf is counted in one cycle of so many, on one evening; so often the books are a little wrong.
_COUNT_EVERY: Final = 6
_COUNT_DAY: Final = 13
_MISCOUNTED: Final = 0.3
_DIFFERENCES: Final = (-2, -1, -1, 1)
#: How often something of a product breaks in a cycle.
_DAMAGED: Final = 0.08
_DAMAGES: Final = ("Móp vỏ khi vận chuyển", "Rách bao bì", "Lỗi của nhà cung cấp", "Rơi vỡ trong kho")


class _Movement(NamedTuple):
    at: datetime
    product: int
    kind: MovementKind
    quantity: int
    note: str


def movements(shop: DemoShop) -> str:
    """Rows of all movements by time. ``shop`` has given out its chunks to the end."""
    rng = Random(f"{shop.seed} stock")  # noqa: S311 (a demo is no secret)
    shelves = list(dict.fromkeys(product.category for product in shop.products))
    found = sorted(
        movement
        for product in shop.products
        for movement in _movements(shop, product, shelves.index(product.category), rng)
    )
    return "".join(
        f"{one.product}\t{one.at.astimezone(UTC)}\t{one.kind.value}\t{one.quantity}\t{one.note}\n" for one in found
    )


def _movements(shop: DemoShop, product: Product, shelf: int, rng: Random) -> Iterator[_Movement]:
    box = next(size for price, size in _BOXES if product.price >= price)
    sold_by_day, back_by_day = shop.sold[product.id], shop.taken_back[product.id]
    stock = sold_before = 0
    for cycle, start in enumerate(range(-(shelf * _APART % _CYCLE), len(sold_by_day), _CYCLE)):
        days = slice(max(start, 0), start + _CYCLE)
        sold, back = sum(sold_by_day[days]), sum(back_by_day[days])
        first = shop.first + timedelta(days=start)
        losses = [one for one in _losses(product, cycle, first, rng) if one.at <= shop.until]
        expected = max(sold, (sold + sold_before) // 2)
        wanted = expected + expected // _SPARE_PART + _SPARE - sum(min(one.quantity, 0) for one in losses)
        if wanted > stock:
            received = -((stock - wanted) // box) * box
            # The day before, so that it is there before the first order of the first day.
            at = _time(first - timedelta(days=1), 14, shelf)
            yield _Movement(
                at, product.id, MovementKind.RECEIVED, received, f"Phiếu nhập {shelf + 1:02d}/{cycle + 1:03d}"
            )
            stock += received
        yield from losses
        stock += back - sold + sum(one.quantity for one in losses)
        sold_before = sold


def _losses(product: Product, cycle: int, first: date, rng: Random) -> Iterator[_Movement]:
    """What is damaged or counted in the cycle that begins on ``first``."""
    if rng.random() < _DAMAGED:
        at = _time(first + timedelta(days=rng.randrange(_CYCLE)), rng.randrange(8, 18), rng.randrange(60))
        yield _Movement(at, product.id, MovementKind.DAMAGED, -rng.randint(1, 2), rng.choice(_DAMAGES))
    if cycle % _COUNT_EVERY == _COUNT_EVERY // 2 and rng.random() < _MISCOUNTED:
        at = _time(first + timedelta(days=_COUNT_DAY), 20, 30)
        yield _Movement(at, product.id, MovementKind.COUNTED, rng.choice(_DIFFERENCES), "Kiểm kê")


def _time(day: date, hour: int, minute: int) -> datetime:
    return datetime.combine(day, time(hour, minute), _HERE)
