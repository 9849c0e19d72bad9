"""A CSV of sales from elsewhere: what its columns mean, and how each row becomes a sold line or a reason why not."""

import codecs
import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Final, NamedTuple, cast
from zoneinfo import ZoneInfo, available_timezones

from shop import money

REQUIRED: Final = ("number", "sku", "quantity", "unit_price", "placed_at")
OPTIONAL: Final = ("name", "discount", "customer", "customer_name", "region", "unit_cost", "vat_rate")
FIELDS: Final = REQUIRED + OPTIONAL

#: As many characters as the rows of shop.orders hold.
_LENGTHS: Final = {"number": 40, "sku": 60, "name": 255, "customer": 60, "customer_name": 200, "region": 60}
_LARGEST_QUANTITY: Final = 2**31 - 1
_YEARS: Final = range(1970, 2100)
_BLOCK: Final = 1 << 20


class UnreadableFile(ValueError):
    """The file as a whole cannot be imported. The message says why and what to do."""


class InvalidRow(ValueError):
    """One row cannot be imported. The message says why."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a file.

    Attributes:
        columns: heading of the column that holds each field of ``FIELDS``; those of ``REQUIRED`` at least.
        currency: ISO 4217 code of all its amounts.
        decimals: decimals its amounts are kept with; the currency's own unless its prices are finer.
        time_zone: whose wall clock its times show, where they carry no offset.
        time_format: for ``strptime``; empty: ISO 8601.
        encoding: of the text; UTF-8 may begin with a byte order mark.
        return_prefix: an order whose number begins with it records goods that came back. Empty: none does.
    """

    columns: Mapping[str, str]
    currency: str = "VND"
    decimals: int = 0
    time_zone: str = "Asia/Ho_Chi_Minh"
    time_format: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    return_prefix: str = ""

    def __post_init__(self) -> None:
        missing = [field for field in REQUIRED if field not in self.columns]
        if missing:
            raise UnreadableFile(f"No column is mapped to {', '.join(missing)}. Add --map HEADING=field for each.")
        unknown = [field for field in self.columns if field not in FIELDS]
        if unknown:
            raise UnreadableFile(f"Unknown field {', '.join(unknown)}; the fields are {', '.join(FIELDS)}.")
        if not money.exponent(self.currency) <= self.decimals <= money.MOST_DECIMALS:
            raise UnreadableFile(
                f"{self.currency} is kept with {money.exponent(self.currency)} to {money.MOST_DECIMALS} decimals."
            )

        if self.time_zone not in available_timezones():
            raise UnreadableFile(f"There is no time zone called {self.time_zone!r}.")
        if len(self.delimiter) != 1:
            raise UnreadableFile("The delimiter is one character.")


#: The UCI "Online Retail" data set: a British wholesaler's invoices. Four of its prices are a tenth of a penny.
ONLINE_RETAIL: Final = Layout(
    columns={
        "number": "InvoiceNo",
        "sku": "StockCode",
        "name": "Description",
        "quantity": "Quantity",
        "placed_at": "InvoiceDate",
        "unit_price": "UnitPrice",
        "customer": "CustomerID",
        "region": "Country",
    },
    currency="GBP",
    decimals=3,
    time_zone="Europe/London",
    return_prefix="C",
)
PRESETS: Final[Mapping[str, Layout]] = {"online-retail": ONLINE_RETAIL}


class SoldLine(NamedTuple):
    """One row, understood. Amounts are integers with the layout's decimals; ``line`` is where the row ends.

    ``unit_cost`` and ``vat_rate`` (in percent) are None where the file does not say.
    """

    line: int
    number: str
    sku: str
    name: str
    quantity: int
    unit_price: int
    discount: int
    placed_at: datetime
    customer: str
    customer_name: str
    region: str
    unit_cost: int | None
    vat_rate: int | None
    raw: str

    @property
    def revenue(self) -> int:
        return self.quantity * self.unit_price - self.discount


class Rejected(NamedTuple):
    """One row, not understood."""

    line: int
    reason: str
    raw: str


class Survey(NamedTuple):
    """What one pass over a file finds. ``lines`` is how many line ends it has."""

    sha256: str
    lines: int


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if zipped else path.open("rb")


def survey(path: Path, encoding: str) -> Survey:
    """Read ``path`` (plain or gzip) once: its identity, its length, and that all of it is in ``encoding``.

    Raises UnreadableFile.
    """
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
    except LookupError:
        raise UnreadableFile(f"There is no encoding called {encoding!r}.") from None
    digest = hashlib.sha256()
    lines = 0
    try:
        with _open(path) as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
                digest.update(block)
                lines += block.count(b"\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        # `object` is the block with what the decoder had kept of the one before, which holds no line end.
        line = lines + error.object[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            f"Line {line} is not {encoding}. If the file is in another encoding, name it: --encoding latin-1."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}") from None
    return Survey(digest.hexdigest(), lines)


class _Remembering:
    """Lines of a text, of which those since the last ``take`` are remembered: a row as it stood in the file."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._text)
        self._kept.append(line)
        return line

    def take(self) -> str:
        raw = "".join(self._kept).rstrip("\r\n")
        self._kept.clear()
        return raw


def read(path: Path, layout: Layout, *, after: int = 1) -> Iterator[SoldLine | Rejected]:
    """The rows that end after line ``after`` of ``path``, one at a time. Blank lines are passed over.

    Raises UnreadableFile where the headings are not those of the layout.
    """
    encoding = "utf-8-sig" if codecs.lookup(layout.encoding).name == "utf-8" else layout.encoding
    with _open(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        lines = _Remembering(text)
        rows = csv.reader(lines, delimiter=layout.delimiter)
        headings = [heading.strip() for heading in next(rows, [])]
        absent = [column for column in layout.columns.values() if column not in headings]
        if absent:
            raise UnreadableFile(
                f"{path.name} has no column {', '.join(absent)}. Its columns are: {', '.join(headings)}."
            )
        lines.take()
        parser = _Parser(layout, headings)
        while True:
            try:
                row = next(rows)
                problem = "" if len(row) == len(headings) else f"{len(row)} fields under {len(headings)} headings."
            except StopIteration:
                return
            except csv.Error as error:
                row, problem = [], f"This is not CSV: {error}."
            raw = lines.take().replace("\0", "␀")  # which PostgreSQL does not hold
            if rows.line_num <= after or not raw:
                continue
            yield parser.parse(rows.line_num, row, raw) if not problem else Rejected(rows.line_num, problem, raw)


class _Parser:
    """Turns rows into sold lines. Prices and times recur, so each distinct text is worked out once."""

    def __init__(self, layout: Layout, headings: list[str]) -> None:
        self._places = [(field, headings.index(column)) for field, column in layout.columns.items()]
        self._layout = layout
        self._zone = ZoneInfo(layout.time_zone)
        self._amount = lru_cache(maxsize=20_000)(self._parse_amount)
        self._time = lru_cache(maxsize=20_000)(self._parse_time)

    def parse(self, line: int, row: list[str], raw: str) -> SoldLine | Rejected:
        try:
            return self._sold_line(line, row, raw)
        except InvalidRow as error:
            return Rejected(line, str(error), raw)

    def _sold_line(self, line: int, row: list[str], raw: str) -> SoldLine:
        found = {field: row[place].strip() for field, place in self._places}
        for field, text in found.items():
            if "\0" in text:
                raise InvalidRow(f"The {field} holds a NUL character.")
            if len(text) > _LENGTHS.get(field, 60):
                raise InvalidRow(f"The {field} is longer than {_LENGTHS.get(field, 60)} characters.")
        for field in REQUIRED:
            if not found[field]:
                raise InvalidRow(f"The {field} is missing.")
        sold = SoldLine(
            line=line,
            number=found["number"],
            sku=found["sku"],
            name=found.get("name", ""),
            quantity=_parse_quantity(found["quantity"]),
            unit_price=self._amount(found["unit_price"]),
            discount=self._amount(found.get("discount") or "0"),
            placed_at=self._time(found["placed_at"]),
            # Spreadsheets write a whole number that has gaps in its column as 17850.0.
            customer=found.get("customer", "").removesuffix(".0"),
            customer_name=found.get("customer_name", ""),
            region=found.get("region", ""),
            unit_cost=self._amount(found["unit_cost"]) if found.get("unit_cost") else None,
            vat_rate=_parse_vat_rate(found["vat_rate"]) if found.get("vat_rate") else None,
            raw=raw,
        )
        if sold.unit_cost is not None and sold.unit_cost < 0:
            raise InvalidRow("The unit_cost is below zero.")
        if abs(sold.revenue) > money.LARGEST:
            raise InvalidRow("Quantity times price is too large.")
        return sold

    def _parse_amount(self, text: str) -> int:
        try:
            return money.parse(text, self._layout.currency, self._layout.decimals)
        except money.InvalidMoney as error:
            raise InvalidRow(str(error)) from None

    def _parse_time(self, text: str) -> datetime:
        try:
            if self._layout.time_format:
                time = datetime.strptime(text, self._layout.time_format)  # noqa: DTZ007 (the zone is added below)
            else:
                time = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidRow(f"{text!r} is not a time.") from None
        if time.year not in _YEARS:
            raise InvalidRow(f"The year of {text!r} is out of range.")
        return time if time.tzinfo else time.replace(tzinfo=self._zone)


def _parse_quantity(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,12}(\.0+)?", text):
        raise InvalidRow(f"{text!r} is not a whole quantity.")
    quantity = int(text.partition(".")[0])
    if abs(quantity) > _LARGEST_QUANTITY:
        raise InvalidRow(f"The quantity {text} is too large.")
    return quantity


def _parse_vat_rate(text: str) -> int:
    if not re.fullmatch(r"([0-9]{1,2}|100)(\.0+)? ?%?", text):
        raise InvalidRow(f"{text!r} is not a VAT rate in whole percent.")
    return int(re.split(r"[. %]", text)[0])
