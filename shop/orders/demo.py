"""The demo shop's customers and orders, as text for PostgreSQL's COPY: the same for the same seed.

Amounts are đồng. Times are worked with as whole seconds since 1970, which is what keeps a million lines quick.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

from shop.orders.models import PaymentMethod, PaymentState, State
from shop.orders.provinces import PROVINCES
from shop.orders.season import HOURS, day_weight, is_before_tet, is_sale

CUSTOMER_COLUMNS: Final = "id, channel_id, number, name, phone, email, address, region"
ORDER_COLUMNS: Final = (
    "id, code, channel_id, number, customer_id, state, goods_total, shipping_fee, returned_total, region, placed_at,"
    " paid_at, cancelled_at"
)
LINE_COLUMNS: Final = (
    "order_id, position, product_id, sku, name, unit_price, unit_cost, vat_rate, quantity, discount, placed_at"
)
PAYMENT_COLUMNS: Final = "order_id, amount, fee, method, state, provider_ref, created_at, settled_at"

#: Vietnam has one time zone and no summer time.
_OFFSET: Final = 7 * 3600
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_CHUNK: Final = 20_000
_NULL: Final = r"\N"
#: An odd number that is no multiple of five, so that ``n * _STRIDE % 10**k`` and ``% 2**k`` are different for each n.
_STRIDE: Final = 618_033_988_749_897
_BASE_32: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

_FAMILY: Final = (
    ("Nguyễn", 380), ("Trần", 110), ("Lê", 95), ("Phạm", 70), ("Hoàng", 30), ("Huỳnh", 25), ("Phan", 45), ("Vũ", 25),
    ("Võ", 20), ("Đặng", 21), ("Bùi", 20), ("Đỗ", 14), ("Hồ", 13), ("Ngô", 13), ("Dương", 10), ("Lý", 5), ("Đinh", 8),
)  # fmt: skip
_WOMEN: Final = (
    ("Thị", "Thu", "Ngọc", "Thanh", "Minh", "Phương", "Kim", "Hồng", "Bảo", "Thùy"),
    ("Anh", "Linh", "Trang", "Hương", "Hà", "Mai", "Lan", "Ngân", "Thảo", "Vy", "Nhi", "Trâm", "Yến", "My", "Quỳnh"),
)
_MEN: Final = (
    ("Văn", "Minh", "Quốc", "Đức", "Hữu", "Thanh", "Anh", "Gia", "Ngọc", "Hoàng"),
    ("Hùng", "Dũng", "Nam", "Tuấn", "Long", "Khoa", "Phúc", "Bảo", "Huy", "Đạt", "Sơn", "Tùng", "Khánh", "Hiếu"),
)
_STREETS: Final = (
    "Nguyễn Trãi", "Lê Lợi", "Trần Hưng Đạo", "Hai Bà Trưng", "Lý Thường Kiệt", "Quang Trung", "Nguyễn Huệ",
    "Điện Biên Phủ", "Cách Mạng Tháng Tám", "Phan Chu Trinh", "Võ Thị Sáu", "Lê Duẩn", "Hùng Vương", "Ngô Quyền",
    "Nguyễn Du", "Bà Triệu", "Lê Hồng Phong", "Phan Đình Phùng", "Nguyễn Thị Minh Khai", "Trường Chinh",
)  # fmt: skip


class Product(NamedTuple):
    """What the generator has to know of one. ``cost``: of today, in đồng without VAT; ``vat_rate``: in percent."""

    id: int
    sku: str
    name: str
    category: str
    price: int
    cost: int | None
    vat_rate: int
    festive: bool


class ChannelPlan(NamedTuple):
    """One channel of the demo shop.

    Attributes:
        share: of all orders, in percent.
        methods: how it is paid, with weights.
        known: how many of its orders have a customer, as a fraction.
        shipping: what it charges to deliver, in đồng.
        free_from: goods worth this much are delivered free.
        commission: what a marketplace keeps of every payment, in per mille; it gives it back with a refund.
    """

    code: str
    kind: str
    name: str
    share: int
    methods: tuple[tuple[PaymentMethod, int], ...]
    known: float
    shipping: tuple[int, ...]
    free_from: int
    commission: int = 0


_MARKETPLACE: Final = ((PaymentMethod.MARKETPLACE, 62), (PaymentMethod.COD, 38))
CHANNELS: Final = (
    ChannelPlan(
        "site", "site", "Website", 16,
        (
            (PaymentMethod.TRANSFER, 34), (PaymentMethod.MOMO, 16), (PaymentMethod.ZALOPAY, 9),
            (PaymentMethod.VNPAY, 14), (PaymentMethod.CARD, 6), (PaymentMethod.COD, 21),
        ),
        1.0, (25_000, 30_000, 35_000), 499_000,
    ),
    ChannelPlan("shopee", "shopee", "Shopee", 39, _MARKETPLACE, 1.0, (0, 0, 16_500, 22_000), 300_000, 132),
    ChannelPlan("tiktok", "tiktok", "TikTok Shop", 24, _MARKETPLACE, 1.0, (0, 0, 18_000), 250_000, 114),
    ChannelPlan("lazada", "lazada", "Lazada", 12, _MARKETPLACE, 1.0, (0, 15_000, 24_000), 300_000, 95),
    ChannelPlan(
        "counter", "counter", "Cửa hàng", 9,
        ((PaymentMethod.CASH, 55), (PaymentMethod.TRANSFER, 45)),
        0.35, (0,), 0,
    ),
)  # fmt: skip


#: What a provider keeps of a payment on the shop's own channels, in per mille; a refund does not bring it back.
_FEES: Final = {PaymentMethod.MOMO: 15, PaymentMethod.ZALOPAY: 14, PaymentMethod.VNPAY: 11, PaymentMethod.CARD: 25}
#: What the courier keeps of each parcel's money, in đồng.
_COD_FEE: Final = 12_000
#: By how much suppliers' prices rise from one calendar year to the next.
_DEARER: Final = 1.03


class Chunk(NamedTuple):
    """Rows of three tables, one a line."""

    orders: str
    lines: str
    payments: str


class _Course(NamedTuple):
    """What has become of an order. ``undone``: when it was cancelled or came back."""

    state: State
    paid: int | None
    undone: int | None


@lru_cache(maxsize=8)  # an order, its lines and its payments tell the same few times
def _text(seconds: int | None) -> str:
    return _NULL if seconds is None else str(datetime.fromtimestamp(seconds, UTC))


def _midnight(day: date) -> int:
    """The second in which ``day`` begins in the shop."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - _OFFSET


def _per_mille(amount: int, rate: int) -> int:
    return (amount * rate + 500) // 1000


def _plain(name: str) -> str:
    """A name without marks, for an e-mail address."""
    bare = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    return "".join(letter for letter in bare if letter.isascii() and letter.isalpha())


def _fee(plan: ChannelPlan, method: PaymentMethod, amount: int) -> int:
    """What is kept of a payment of ``amount``: by the marketplace, or else by the provider or the courier."""
    if plan.commission:
        return _per_mille(amount, plan.commission)
    return _COD_FEE if method == PaymentMethod.COD else _per_mille(amount, _FEES.get(method, 0))


def _number(channel: str, day: date, n: int) -> str:
    """An order number as the channel writes them, unique for each ``n``."""
    if channel == "shopee":
        bits = n * _STRIDE % 32**8
        return f"{day:%y%m%d}" + "".join(_BASE_32[(bits >> 5 * place) & 31] for place in range(8))
    if channel == "lazada":
        return f"{n * _STRIDE % 10**15:015d}"
    if channel == "tiktok":
        return f"57{n * _STRIDE % 10**16:016d}"
    return f"{'HD' if channel == 'counter' else 'DH'}{n:07d}"


def lines_by_day(first: date, until: datetime, lines: int) -> list[tuple[date, int]]:
    """How many of ``lines`` are sold on each day from ``first`` to the instant ``until``; they add up exactly."""
    local = until.astimezone(UTC) + timedelta(seconds=_OFFSET)
    days = [first + timedelta(days=n) for n in range((local.date() - first).days + 1)]
    weights = [day_weight(day) for day in days]
    weights[-1] *= sum(_hours(local.hour, local.minute)) / sum(HOURS)
    reached = list(accumulate(weights))
    marks = [round(lines * mark / reached[-1]) for mark in reached]
    return [(day, mark - before) for day, mark, before in zip(days, marks, [0, *marks[:-1]], strict=True)]


def _hours(hour: int, minute: int) -> list[float]:
    """The weights of a day's hours when it is ``hour``:``minute``."""
    return [*map(float, HOURS[:hour]), HOURS[hour] * (minute + 1) / 60]


@dataclass
class DemoShop:
    """One run of the generator: ask for ``customers`` to the end, then for ``chunks``.

    Attributes:
        seed: the same seed gives the same shop.
        lines: order lines sold; what comes back is on top.
        first: first day of trade.
        until: the instant at which the story stops; nothing is dated later.
        channels: id of each channel by code.
        sold: pieces of each product (by its id) that ``chunks`` has sold, by day since ``first``.
        taken_back: pieces that came back, in the same way.
    """

    seed: int
    lines: int
    first: date
    until: datetime
    channels: Mapping[str, int]
    products: Sequence[Product]
    sold: dict[int, list[int]] = field(init=False)
    taken_back: dict[int, list[int]] = field(init=False)
    _pools: dict[str, range] = field(default_factory=dict)
    _regions: bytearray = field(default_factory=lambda: bytearray(1))

    def __post_init__(self) -> None:
        days = 1 + (int(self.until.timestamp()) - _midnight(self.first)) // _DAY
        self.sold = {product.id: [0] * days for product in self.products}
        self.taken_back = {product.id: [0] * days for product in self.products}

    def customers(self) -> Iterator[str]:
        """Rows of the customers, in text of some thousand at a time. Their ids begin at 1."""
        rng = Random(f"{self.seed} customers")  # noqa: S311 (a demo is no secret)
        shares = list(accumulate(province.share for province in PROVINCES))
        families = [name for name, _ in _FAMILY]
        family_shares = list(accumulate(share for _, share in _FAMILY))
        rows: list[str] = []
        pk = 0
        for plan in CHANNELS:
            size = max(20, round(self.lines * 0.2 * plan.known * plan.share / 100))
            self._pools[plan.code] = range(pk + 1, pk + 1 + size)
            for pk in self._pools[plan.code]:
                middles, givens = _WOMEN if rng.random() < 0.62 else _MEN
                family, given = rng.choices(families, cum_weights=family_shares)[0], rng.choice(givens)
                region = rng.choices(range(len(PROVINCES)), cum_weights=shares)[0]
                province = PROVINCES[region]
                self._regions.append(region)
                street = f"{rng.randint(1, 480)} {rng.choice(_STREETS)}"
                # 04 is nobody's mobile prefix and .test nobody's domain: a demo's reminder reaches no stranger.
                rows.append(
                    f"{pk}\t{self.channels[plan.code]}\tKH{pk:07d}\t{family} {rng.choice(middles)} {given}\t"
                    f"04{pk * _STRIDE % 10**8:08d}\t{_plain(given + family)}{pk}@demo.backroom.test\t"
                    f"{street}, phường {rng.choice(province.wards)}\t{province.name}\n"
                )
                if len(rows) >= _CHUNK:
                    yield "".join(rows)
                    rows.clear()
        yield "".join(rows)

    def chunks(self) -> Iterator[Chunk]:
        """Orders with their lines and payments, in the order of their days. Their ids begin at 1."""
        book = _Book(self)
        for day, lines in lines_by_day(self.first, self.until, self.lines):
            book.trade(day, lines)
            if len(book.lines) >= _CHUNK:
                yield book.take()
        yield book.take()

    def buyer(self, plan: ChannelPlan, rng: Random) -> int | None:
        """A customer of the channel, the early ones far more often; None: somebody at the counter."""
        if rng.random() >= plan.known:
            return None
        pool = self._pools[plan.code]
        return pool[int(len(pool) * rng.random() ** 1.7)]

    def region(self, customer: int | None) -> str:
        return PROVINCES[self._regions[customer] if customer else 0].name


class _Book:
    """The orders written so far, and the chance that writes them."""

    def __init__(self, shop: DemoShop) -> None:
        self.shop = shop
        self.rng = Random(f"{shop.seed} orders")  # noqa: S311 (a demo is no secret)
        self.until = int(shop.until.timestamp())
        self.midnight = _midnight(shop.first)
        self.orders: list[str] = []
        self.lines: list[str] = []
        self.payments: list[str] = []
        self.written = 0
        self.due = 0
        self.left = shop.lines
        self.shares = list(accumulate(plan.share for plan in CHANNELS))
        self.methods = {
            plan.code: ([method for method, _ in plan.methods], list(accumulate(w for _, w in plan.methods)))
            for plan in CHANNELS
        }
        self.year = 0
        self.tags: dict[int, str] = {}
        # A few products sell most; which ones is the seed's choice.
        ranks = list(range(1, len(shop.products) + 1))
        self.rng.shuffle(ranks)
        popularity = [1 / rank**0.7 for rank in ranks]
        self.popularity = list(accumulate(popularity))
        self.popularity_before_tet = list(
            accumulate(w * (6 if p.festive else 1) for w, p in zip(popularity, shop.products, strict=True))
        )

    def take(self) -> Chunk:
        chunk = Chunk("".join(self.orders), "".join(self.lines), "".join(self.payments))
        self.orders.clear()
        self.lines.clear()
        self.payments.clear()
        return chunk

    def trade(self, day: date, lines: int) -> None:
        """One day's orders, with about ``lines`` lines: what the last one has too many, the next day has less."""
        rng = self.rng
        if day.year != self.year:
            self._reprice(day.year)
        sizes: list[int] = []
        self.due += lines
        while self.due > 0:
            size = min(self.left, rng.choices((1, 2, 3, 4, 5, 7), (45, 27, 15, 8, 4, 1))[0])
            sizes.append(size)
            self.due -= size
            self.left -= size
        midnight = _midnight(day)
        hour, second = divmod(min(self.until - midnight, _DAY - 1), _HOUR)
        hours = rng.choices(range(hour + 1), _hours(hour, second // 60), k=len(sizes))
        times = sorted(midnight + h * _HOUR + int(rng.random() * (_HOUR if h < hour else second + 1)) for h in hours)
        popularity = self.popularity_before_tet if is_before_tet(day) else self.popularity
        products = iter(rng.choices(self.shop.products, cum_weights=popularity, k=sum(sizes)))
        quantities = iter(rng.choices((1, 2, 3, 4, 5, 10), (78, 14, 4, 1.5, 1.5, 1), k=sum(sizes)))
        discounted = 0.4 if is_sale(day) else 0.08
        for size, placed, plan in zip(
            sizes, times, rng.choices(CHANNELS, cum_weights=self.shares, k=len(sizes)), strict=True
        ):
            goods = []
            for _ in range(size):
                product, quantity = next(products), next(quantities)
                percent = rng.choice((5, 10, 15, 20)) if rng.random() < discounted else 0
                goods.append((product, quantity, quantity * product.price * percent // 100_000 * 1000))
            self._write(plan, day, placed, goods)

    def _reprice(self, year: int) -> None:
        """What a line says of each product, from now on as it was in ``year``."""
        self.year = year
        cheaper = _DEARER ** (year - self.shop.until.year)
        for pk, sku, name, _, price, cost, vat_rate, _ in self.shop.products:
            then = _NULL if cost is None else round(cost * cheaper / 100) * 100
            self.tags[pk] = f"{pk}\t{sku}\t{name}\t{price}\t{then}\t{vat_rate}"

    def _write(self, plan: ChannelPlan, day: date, placed: int, goods: list[tuple[Product, int, int]]) -> None:
        rng = self.rng
        self.written = pk = self.written + 1
        number = _number(plan.code, day, pk)
        customer = self.shop.buyer(plan, rng)
        methods, weights = self.methods[plan.code]
        method = rng.choices(methods, cum_weights=weights)[0]
        total = sum(quantity * product.price - discount for product, quantity, discount in goods)
        fee = 0 if total >= plan.free_from else rng.choice(plan.shipping)

        course = self._course(plan, method, placed)

        time = _text(placed)
        tags, sold, today = self.tags, self.shop.sold, (day - self.shop.first).days
        for position, (product, quantity, discount) in enumerate(goods, start=1):
            self.lines.append(f"{pk}\t{position}\t{tags[product.id]}\t{quantity}\t{discount}\t{time}\n")
            sold[product.id][today] += quantity
        returned = 0
        if course.undone is not None:
            whole = course.state == State.CANCELLED or rng.random() < 0.6
            later, then = _text(course.undone), (course.undone - self.midnight) // _DAY
            for position, (product, quantity, discount) in enumerate(
                goods if whole else [rng.choice(goods)], start=len(goods) + 1
            ):
                returned += quantity * product.price - discount
                self.lines.append(f"{pk}\t{position}\t{tags[product.id]}\t{-quantity}\t{-discount}\t{later}\n")
                self.shop.taken_back[product.id][then] += quantity
        cancelled = course.undone if course.state == State.CANCELLED else None
        self.orders.append(
            f"{pk}\t{plan.code.upper()}-{number}\t{self.shop.channels[plan.code]}\t{number}"
            f"\t{_NULL if customer is None else customer}\t{course.state.value}\t{total}\t{fee}\t{returned}"
            f"\t{self.shop.region(customer)}\t{time}\t{_text(course.paid)}\t{_text(cancelled)}\n"
        )
        refund = total + fee if cancelled is not None else returned
        self._write_payments(pk, plan, method, time, total=total + fee, refund=refund, course=course)

    def _course(self, plan: ChannelPlan, method: PaymentMethod, placed: int) -> _Course:
        """What has become of an order by now: most are completed within days, some cancelled, some sent back."""
        rng = self.rng
        at_counter = plan.code == "counter"
        shipped = placed if at_counter else placed + int((4 + 30 * rng.random()) * _HOUR)
        delivered = placed if at_counter else shipped + int((1 + 3 * rng.random()) * _DAY)
        paid: int | None = placed if at_counter else placed + int(rng.random() * 900)
        if method == PaymentMethod.COD:
            paid = delivered
        fate = rng.random()
        if fate < 0.06 and not at_counter:
            if fate < 0.03 or method == PaymentMethod.COD:
                paid = None  # most who change their mind have not paid
            cancelled = max(placed + int(rng.random() * 4 * _HOUR), paid or 0)
            if cancelled <= self.until:
                return _Course(State.CANCELLED, paid, cancelled)
        back = delivered + int((1 + 9 * rng.random()) * _DAY)
        if paid is not None and paid > self.until:
            paid = None
        if fate > (0.99 if at_counter else 0.965) and back <= self.until:
            return _Course(State.RETURNED, paid, back)
        if delivered <= self.until:
            return _Course(State.COMPLETED, paid, None)
        if shipped <= self.until:
            return _Course(State.SHIPPED, paid, None)
        return _Course(State.PLACED if paid is None else State.PAID, paid, None)

    def _write_payments(
        self,
        pk: int,
        plan: ChannelPlan,
        method: PaymentMethod,
        time: str,
        *,
        total: int,
        refund: int,
        course: _Course,
    ) -> None:
        settled: int | None
        fee = 0
        reference = "" if method in {PaymentMethod.COD, PaymentMethod.CASH} else f"{method.value.upper()}{pk:010d}"
        if course.paid is not None:
            state, settled = PaymentState.RECEIVED, course.paid
            fee = _fee(plan, method, total)
        elif course.state == State.CANCELLED:
            state, settled = PaymentState.FAILED, course.undone
        else:
            state, settled = PaymentState.PENDING, None
        self.payments.append(
            f"{pk}\t{total}\t{fee}\t{method.value}\t{state.value}\t{reference}\t{time}\t{_text(settled)}\n"
        )
        if course.undone is not None and course.paid is not None:
            later = _text(course.undone)
            self.payments.append(
                f"{pk}\t{-refund}\t{-_per_mille(refund, plan.commission)}\t{method.value}"
                f"\t{PaymentState.REFUNDED.value}\t{reference and reference + 'R'}\t{later}\t{later}\n"
            )
