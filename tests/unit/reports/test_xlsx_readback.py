import io
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import summing
from reports.rows import Column, Holds
from reports.writers import Contents, Unreadable
from reports.xlsx import readback
from reports.xlsx.workbook import MAX_ROWS
from tests.workbooks import write


def made(rows: list[tuple[str, Decimal, int]], *, max_rows: int = MAX_ROWS) -> io.BytesIO:
    columns = [Column("name"), Column("amount", holds=Holds.MONEY), Column("pieces", holds=Holds.NUMBER)]
    return io.BytesIO(write(rows, columns=columns, max_rows=max_rows, rows_a_part=max(1, min(3, max_rows - 1))))


def read(stream: io.BytesIO) -> Contents:
    return readback.read_table(stream, table="Rows", key="A", numbers=["B", "C"], checkpoint=lambda: None)


def damaged(stream: io.BytesIO, change: Callable[[bytes], bytes]) -> io.BytesIO:
    """The same file with the second sheet's XML changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(result, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, change(content) if name.endswith("sheet2.xml") else content)
    return result


ROWS = [
    ("VND", Decimal(1000), 1),
    ("GBP", Decimal("2.55"), 6),
    ("VND", Decimal(-1000), -1),
    ("GBP", Decimal("0.001"), 2),
]


def test_rows_and_sums_are_found_by_key() -> None:
    contents = read(made(ROWS))
    assert contents.rows == 4
    assert contents.sums == {"VND": (Decimal(0), Decimal(0)), "GBP": (Decimal("2.551"), Decimal(8))}


AMOUNTS = st.decimals(-(10**17), 10**17, places=3)  # also those too long for a number cell
PIECES = st.integers(-(2**63), 2**63)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["VND", "GBP"]), AMOUNTS, PIECES), max_size=40), st.integers(2, 12))
def test_sums_are_exact_over_any_number_of_sheets(rows: list[tuple[str, Decimal, int]], max_rows: int) -> None:
    contents = read(made(rows, max_rows=max_rows))
    assert contents.rows == len(rows)
    assert contents.sums == {
        key: (sum(row[1] for row in rows if row[0] == key), sum(row[2] for row in rows if row[0] == key))
        for key in {row[0] for row in rows}
    }


def test_more_kinds_of_rows_than_are_kept_apart_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summing, "_ROWS_KEPT", 3)
    monkeypatch.setattr(readback, "_CHUNK", 100)
    contents = read(made([("VND", Decimal(number), 1) for number in range(100)]))
    assert contents.sums == {"VND": (Decimal(4950), Decimal(100))}


def test_a_lost_row_is_noticed() -> None:
    def lose(xml: bytes) -> bytes:
        before, _, rest = xml.partition(b'<row r="3">')
        return before + rest.partition(b"</row>")[2]

    with pytest.raises(Unreadable, match="cell A3 is missing"):
        read(damaged(made(ROWS), lose))


def test_a_row_lost_at_the_end_is_counted() -> None:
    def lose(xml: bytes) -> bytes:
        before, _, rest = xml.partition(b'<row r="5">')
        return before + rest.partition(b"</row>")[2]

    assert read(damaged(made(ROWS), lose)).rows == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: xml[:-40],
        lambda xml: xml.replace(b"<v>", b"<v>\x01", 1),
        lambda xml: xml.replace(b"<v>", b"<v>&", 1),
        lambda xml: xml.replace(b"<v>1000<", b"<v>1000.0.0<", 1),
    ],
)
def test_broken_xml_is_noticed(change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(Unreadable):
        read(damaged(made(ROWS), change))


def test_a_changed_byte_is_noticed() -> None:
    content = bytearray(made([("VND", Decimal(number), 1) for number in range(500)]).getvalue())
    at = content.index(b"sheet2.xml") + 400
    content[at] ^= 0xFF
    with pytest.raises(Unreadable):
        read(io.BytesIO(bytes(content)))


def test_half_a_file_is_noticed() -> None:
    content = made(ROWS).getvalue()
    with pytest.raises(Unreadable):
        read(io.BytesIO(content[: len(content) // 2]))


def test_it_can_be_stopped() -> None:
    class Stopped(Exception):
        pass

    def stop() -> Iterator[None]:
        raise Stopped

    with pytest.raises(Stopped):
        readback.read_table(made(ROWS), table="Rows", key="A", numbers=["B"], checkpoint=stop)
