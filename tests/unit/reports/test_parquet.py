"""Parquet files, held against two readers: Arrow's, and DuckDB's, which shares nothing with the writer."""

import errno
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet as pq

from reports import parquet
from reports.rows import Column, Holds
from reports.writers import About, Contents, Part, State, Unreadable
from tests.workbooks import CREATED, Field, line_of

ABOUT = About(title="Doanh thu", author="Nguyễn Thị Hường", created=CREATED, language="vi")
TEXTS = [Column("a"), Column("b", repeats=False)]


def parts_of(
    writer: parquet.Writer, lines: Sequence[str], *, change: Callable[[bytes], bytes] = bytes
) -> Iterator[Part]:
    """Between parts the state goes through JSON, and parts come back in other pieces."""
    state: State = {}
    for number, start in enumerate(range(0, len(lines), writer.rows_a_part)):
        part = lines[start : start + writer.rows_a_part]
        packed, state = writer.part(number, [part[:2], part[2:]], state)
        state = json.loads(json.dumps(state))
        yield Part(state, len(part), _in_pieces(change(packed)))


def _in_pieces(data: bytes, size: int = 1009) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def write(
    rows: Sequence[Sequence[Field]], columns: Sequence[Column], *, decimals: int = 0, rows_a_part: int = 3
) -> bytes:
    return write_lines([line_of(row) for row in rows], columns, decimals=decimals, rows_a_part=rows_a_part)


def write_lines(lines: Sequence[str], columns: Sequence[Column], *, decimals: int = 0, rows_a_part: int = 3) -> bytes:
    writer = parquet.Writer(columns, decimals=decimals, about=ABOUT, rows_a_part=rows_a_part)
    return b"".join(writer.whole(list(parts_of(writer, lines))))


def by_arrow(file: bytes) -> list[list[Any]]:
    table = pq.read_table(pa.BufferReader(file), page_checksum_verification=True)
    return [list(row) for row in zip(*(column.to_pylist() for column in table.columns), strict=True)]


def by_duckdb(file: bytes, folder: Path) -> list[list[Any]]:
    path = folder / "file.parquet"
    path.write_bytes(file)
    with duckdb.connect() as database:
        return [list(row) for row in database.execute("FROM read_parquet(?)", [str(path)]).fetchall()]


def through_both(
    rows: Sequence[Sequence[Field]], columns: Sequence[Column], folder: Path, **how: int
) -> list[list[Any]]:
    """The rows as they come back, which is the same whoever reads them."""
    file = write(rows, columns, **how)
    read = by_arrow(file)
    assert by_duckdb(file, folder) == read
    return read


NASTY = [
    "=cmd|' /C calc'!A0",
    "0000123",
    "  spaces  ",
    "a\r\nb\rc\nd\te\vf\fg\bh",
    "\\N",
    "\\",
    "\\\\n \\t",
    "N\\",
    "\x01\x1f\x7f\x85\u2028",
    '"quoted", "and"" again',
    "'",
    "NULL",
    "NaN",
    "2026-11-25",
    "Nguyễn Thị Hường ưỡn ẹo",
    "👩‍👩‍👧‍👦 🇻🇳",
    "\ufeff",
    "\u200b\u202eabc\ufeff",
    "\ufffe\uffff\U0010ffff",
    "",
    "ữ" * 100_000,
]


@pytest.mark.parametrize("text", NASTY)
def test_a_text_comes_back_as_it_was(text: str, tmp_path: Path) -> None:
    rows: list[list[Field]] = [[text, "x"], ["x", text]]
    assert through_both(rows, TEXTS, tmp_path) == rows


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
TRICKY = st.text(st.sampled_from("\\Nnt\t\r\n\"', \ufeff"), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.none() | TEXT | TRICKY] * 2), max_size=12), st.integers(1, 13))
@example([("\ufeff", "\ufeff")], 1)
def test_any_texts_come_back_as_they_were(
    tmp_path: Path, rows: list[tuple[str | None, str | None]], rows_a_part: int
) -> None:
    assert through_both(rows, TEXTS, tmp_path, rows_a_part=rows_a_part) == [list(row) for row in rows]


def test_naughty_strings_come_back_as_they_were(corpus: Path, tmp_path: Path) -> None:
    (source,) = (corpus / "mail" / "naughty-strings").rglob("blns.txt")
    texts = [line for line in source.read_text().splitlines() if line and not line.startswith("#")]
    assert len(texts) > 400
    assert through_both([[text, text] for text in texts], TEXTS, tmp_path, rows_a_part=100) == [
        [text, text] for text in texts
    ]


def test_stored_values_become_words(tmp_path: Path) -> None:
    columns = [Column("state", labels={"paid": "Đã trả", "sent": "Đã trả", "a\\b": "gạch"}), Column("b")]
    rows: list[list[Field]] = [["paid", "paid"], ["sent", ""], ["a\\b", ""], ["other", ""], [None, None]]
    assert through_both(rows, columns, tmp_path) == [
        ["Đã trả", "paid"],
        ["Đã trả", ""],
        ["gạch", ""],
        ["other", ""],
        [None, None],
    ]


ALL = [
    Column("text"),
    Column("number", holds=Holds.NUMBER),
    Column("amount", holds=Holds.MONEY),
    Column("moment", holds=Holds.MOMENT),
    Column("day", holds=Holds.DATE),
    Column("month", holds=Holds.MONTH),
    Column("percent", holds=Holds.PERCENT),
]
BIGINTS = st.integers(-(2**63), 2**63 - 1)
DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))


@st.composite
def amounts(draw: st.DrawFn) -> Decimal:
    return Decimal(draw(BIGINTS)).scaleb(-draw(st.integers(0, 6)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.none() | TEXT,
            st.none() | BIGINTS,
            st.none() | amounts(),
            st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
            st.none() | DAYS,
            st.none() | DAYS.map(lambda day: day.replace(day=1)),
            st.none() | BIGINTS,
        ),
        max_size=20,
    ),
    st.integers(1, 21),
)
def test_any_values_come_back_exactly(tmp_path: Path, rows: list[Any], rows_a_part: int) -> None:
    read = through_both(rows, ALL, tmp_path, decimals=6, rows_a_part=rows_a_part)
    assert read == [
        [*values, None if hundredths is None else Decimal(hundredths).scaleb(-2)] for *values, hundredths in rows
    ]


def test_what_holds_what_is_said_in_the_types() -> None:
    file = pq.ParquetFile(pa.BufferReader(write([], ALL, decimals=3)))
    assert file.schema_arrow.types == [
        pa.string(),
        pa.int64(),
        pa.decimal128(38, 3),
        pa.timestamp("us"),
        pa.date32(),
        pa.date32(),
        pa.decimal128(19, 2),
    ]


@pytest.mark.parametrize("holds", Holds)
def test_a_row_without_a_value_has_none(holds: Holds, tmp_path: Path) -> None:
    for repeats in (True, False):
        columns = [Column("a", holds=holds, repeats=repeats), Column("b", holds=Holds.NUMBER)]
        assert through_both([[None, 1]], columns, tmp_path) == [[None, 1]]


def test_times_are_read_as_postgresql_writes_them(tmp_path: Path) -> None:
    file = write_lines(
        ["2025-01-02 03:04:05\t0", "2025-01-02 03:04:05.25\t0", "2025-12-31 23:59:59.999999\t0"],
        [Column("at", holds=Holds.MOMENT)],
    )
    expected = [
        [datetime(2025, 1, 2, 3, 4, 5)],
        [datetime(2025, 1, 2, 3, 4, 5, 250_000)],
        [datetime(2025, 12, 31, 23, 59, 59, 999_999)],
    ]
    assert by_arrow(file) == by_duckdb(file, tmp_path) == expected


def test_amounts_of_one_column_with_different_decimals(tmp_path: Path) -> None:
    rows: list[list[Field]] = [
        [Decimal("1.5")],
        [Decimal(2)],
        [Decimal("-0.125")],
        [Decimal(10**20)],
        [Decimal("0.01")],
    ]
    read = through_both(rows, [Column("a", holds=Holds.MONEY)], tmp_path, decimals=3)
    assert [str(amount) for (amount,) in read] == ["1.500", "2.000", "-0.125", "100000000000000000000.000", "0.010"]


def test_a_number_too_large_for_64_bits_makes_its_column_one_of_decimals(tmp_path: Path) -> None:
    columns = [Column("n", holds=Holds.NUMBER), Column("m", holds=Holds.NUMBER)]
    rows: list[list[Field]] = [[1, -5], [2**63 - 1, 0], [2**63, 1], [-(10**38) + 1, 2], [None, 3], [7, -(2**63)]]
    for rows_a_part in (1, 2, 5, 6):
        assert through_both(rows, columns, tmp_path, rows_a_part=rows_a_part) == rows
        types = pq.ParquetFile(pa.BufferReader(write(rows, columns, rows_a_part=rows_a_part))).schema_arrow.types
        assert types == [pa.decimal128(38, 0), pa.int64()]


@pytest.mark.parametrize(
    ("field", "decimals", "holds"),
    [
        (f"{10**38}", 0, Holds.NUMBER),
        (f"{2**128 + 5}", 0, Holds.NUMBER),
        (f"-{'9' * 39}", 0, Holds.NUMBER),
        ("9" * 200, 0, Holds.NUMBER),
        (f"{2**256 + 5}", 0, Holds.NUMBER),
        ("1.5", 0, Holds.NUMBER),
        (f"{10**36}", 0, Holds.MONEY),
        (f"{10**37}", 1, Holds.MONEY),
        ("9" * 200, 2, Holds.MONEY),
        (f"{2**256 + 5}", 0, Holds.MONEY),
        ("12345", 3, Holds.MONEY),
        ("NaN", 0, Holds.MONEY),
        (f"{2 * 10**19}", 0, Holds.PERCENT),
        ("infinity", 0, Holds.MOMENT),
        ("0044-03-15 00:00:00 BC", 0, Holds.MOMENT),
        ("10000-01-01", 0, Holds.DATE),
    ],
)
def test_what_no_column_can_hold_is_refused_rather_than_changed(field: str, decimals: int, holds: Holds) -> None:
    with pytest.raises(ValueError):
        write_lines([f"{field}\t{decimals}"], [Column("a", holds=holds)], decimals=2)


@pytest.mark.parametrize("line", ["1", "1\t2\t0", ""])
def test_a_line_of_the_wrong_length_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        write_lines(["1\t0", line], [Column("a", holds=Holds.NUMBER)])


def test_no_rows_make_a_table_with_its_columns(tmp_path: Path) -> None:
    file = write([], ALL)
    assert by_arrow(file) == by_duckdb(file, tmp_path) == []
    assert pq.ParquetFile(pa.BufferReader(file)).schema_arrow.names == [column.title for column in ALL]


def test_columns_with_the_same_title_can_be_told_apart(tmp_path: Path) -> None:
    columns = [Column(title) for title in ("Tên", "tên", "Tên", "Tên 2", "a.b", "a")]
    file = write([["1", "2", "3", "4", "5", "6"]], columns)
    assert by_arrow(file) == by_duckdb(file, tmp_path) == [["1", "2", "3", "4", "5", "6"]]
    names = pq.ParquetFile(pa.BufferReader(file)).schema_arrow.names
    assert names == ["Tên", "tên 2", "Tên 3", "Tên 2 2", "a.b", "a"]


def test_what_the_file_says_about_itself(tmp_path: Path) -> None:
    file = write([["x", "y"]], TEXTS)
    said = {"title": "Doanh thu", "author": "Nguyễn Thị Hường", "created": "2026-11-25T07:30:00Z", "language": "vi"}
    read = pq.ParquetFile(pa.BufferReader(file))
    found = {key.decode(): value.decode() for key, value in read.metadata.metadata.items()}
    assert found.items() >= said.items()
    (tmp_path / "file.parquet").write_bytes(file)
    with duckdb.connect() as database:
        query = "SELECT decode(key), decode(value) FROM parquet_kv_metadata(?)"
        pairs = database.execute(query, [str(tmp_path / "file.parquet")]).fetchall()
    assert dict(pairs).items() >= said.items()


def test_each_part_is_a_group_of_rows() -> None:
    read = pq.ParquetFile(pa.BufferReader(write([[f"{n}", "x"] for n in range(8)], TEXTS, rows_a_part=3)))
    assert [read.metadata.row_group(group).num_rows for group in range(read.num_row_groups)] == [3, 3, 2]


def test_values_that_repeat_are_written_once() -> None:
    columns = [Column("a"), Column("b", repeats=False), Column("c", holds=Holds.MOMENT)]
    rows: list[list[Field]] = [["x" * 100, f"{n}", datetime(2025, 1, 1)] for n in range(500)]
    group = pq.ParquetFile(pa.BufferReader(write(rows, columns, rows_a_part=500))).metadata.row_group(0)
    assert [group.column(place).has_dictionary_page for place in range(3)] == [True, False, False]
    assert {group.column(place).compression for place in range(3)} == {"ZSTD"}


def test_the_same_content_is_the_same_file_whatever_the_time_zone_of_its_creation() -> None:
    rows = [[f"{n % 7}", "y"] for n in range(50)]
    lines = [line_of(row) for row in rows]
    about = About(ABOUT.title, ABOUT.author, CREATED.astimezone(timezone(timedelta(hours=7))), ABOUT.language)
    writer = parquet.Writer(TEXTS, decimals=0, about=about, rows_a_part=3)
    assert b"".join(writer.whole(list(parts_of(writer, lines)))) == write(rows, TEXTS)
    assert write(rows, TEXTS) == write(rows, TEXTS)


def test_the_signature_tells_what_would_be_written_differently() -> None:
    def signature(columns: Sequence[Column] = TEXTS, **changes: Any) -> bytes:
        return parquet.Writer(columns, **{"decimals": 0, "about": ABOUT} | changes).signature

    later = About(ABOUT.title, ABOUT.author, CREATED + timedelta(hours=1), ABOUT.language)
    assert signature() == signature() == signature(about=later)
    different = [
        signature(),
        signature(decimals=2),
        signature(rows_a_part=7),
        signature([*TEXTS, Column("more")]),
        signature([Column("a", labels={"x": "y"}), TEXTS[1]]),
        signature([Column("a", holds=Holds.DATE), TEXTS[1]]),
    ]
    assert len(set(different)) == len(different)


def test_a_successor_takes_over_the_parts_of_another() -> None:
    lines = [line_of([2**63 if n == 1 else n, "x"]) for n in range(10)]
    columns = [Column("n", holds=Holds.NUMBER), Column("t")]
    first, second = (parquet.Writer(columns, decimals=0, about=ABOUT, rows_a_part=4) for _ in range(2))
    taken_over = list(parts_of(first, lines))[:1]
    packed, state = second.part(1, [lines[4:8]], taken_over[0].state)
    rest, state_of_all = second.part(2, [lines[8:]], state)
    parts = [*taken_over, Part(state, 4, [packed]), Part(state_of_all, 2, [rest])]
    assert b"".join(second.whole(parts)) == write_lines(lines, columns, rows_a_part=4)


@pytest.mark.parametrize(
    "change",
    [
        lambda packed: packed[:-1],
        lambda packed: packed[: len(packed) // 2],
        lambda packed: b"",
        lambda packed: packed + packed,
        lambda packed: packed[:200] + bytes([packed[200] ^ 1]) + packed[201:],
    ],
)
def test_bytes_of_a_part_that_are_not_what_was_written_are_refused(change: Callable[[bytes], bytes]) -> None:
    writer = parquet.Writer(TEXTS, decimals=0, about=ABOUT, rows_a_part=3)
    with pytest.raises(ValueError, match="not what was written"):
        b"".join(writer.whole(list(parts_of(writer, [line_of(["x", "y"])] * 5, change=change))))


def test_parts_are_read_one_by_one_and_the_file_comes_as_they_are() -> None:
    writer = parquet.Writer(TEXTS, decimals=0, about=ABOUT, rows_a_part=3)
    read: list[int] = []

    def noted(number: int, part: Part) -> Part:
        def packed() -> Iterator[bytes]:
            read.append(number)
            yield from part.packed

        return Part(part.state, part.rows, packed())

    parts = list(parts_of(writer, [line_of(["x", "y"])] * 12))
    pieces = writer.whole([noted(number, part) for number, part in enumerate(parts)])
    for number in range(4):
        assert next(pieces)
        assert read == list(range(number + 1))
    assert next(pieces).endswith(b"PAR1")
    assert next(pieces, None) is None


SUMMED = [
    Column("text", repeats=False),
    Column("currency"),
    Column("amount", holds=Holds.MONEY),
    Column("pieces", holds=Holds.NUMBER),
    Column("percent", holds=Holds.PERCENT),
]


def read(file: bytes) -> Contents:
    return parquet.read_table(io.BytesIO(file), key=1, numbers=[2, 3], checkpoint=lambda: None)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(TEXT, st.sampled_from(["VND", "GBP", "Đồng"]), amounts(), st.none() | st.integers(-(10**30), 10**30)),
        max_size=40,
    ),
    st.integers(1, 41),
)
def test_read_back_the_sums_are_exact(rows: list[tuple[str, str, Decimal, int | None]], rows_a_part: int) -> None:
    written: list[list[Field]] = [[*row, None] for row in rows]
    expected = {
        key: (
            sum((row[2] for row in rows if row[1] == key), Decimal(0)),
            Decimal(sum(row[3] or 0 for row in rows if row[1] == key)),
        )
        for key in {row[1] for row in rows}
    }
    assert read(write(written, SUMMED, decimals=6, rows_a_part=rows_a_part)) == Contents(len(rows), expected)


def some_file(rows: int = 60) -> bytes:
    lines = [f"Khách {n}\t{('VND', 'USD')[n % 2]}\t{n * 977 % 4001}\t{n % 5}\t{n}\t{n % 2 * 2}" for n in range(rows)]
    return write_lines(lines, SUMMED, decimals=2, rows_a_part=25)


def test_a_row_too_many_or_too_few_or_another_amount_shows() -> None:
    right = read(some_file())
    assert right.rows == 60
    assert read(some_file(59)) != right
    assert read(some_file(61)) != right


@pytest.mark.parametrize("flip", [0x55, 0x02])
def test_no_single_changed_byte_makes_other_sums(flip: int) -> None:
    file = bytearray(some_file())
    right, unreadable = read(bytes(file)), 0
    for place in range(0, len(file), 3):
        file[place] ^= flip
        try:
            assert read(bytes(file)) == right, place
        except Unreadable:
            unreadable += 1
        file[place] ^= flip
    assert unreadable > len(file) / 6


def test_a_changed_byte_in_a_column_that_is_not_added_up_is_noticed() -> None:
    file = bytearray(some_file())
    names = pq.ParquetFile(pa.BufferReader(bytes(file))).metadata.row_group(1).column(0)
    file[names.data_page_offset + names.total_compressed_size - 5] ^= 1
    with pytest.raises(Unreadable, match="CRC"):
        read(bytes(file))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_is_cut_off_or_is_no_parquet_is_unreadable(data: st.DataObject) -> None:
    file = some_file()
    end = data.draw(st.integers(0, len(file) - 1))
    for broken in (file[:end], file[end + 1 :], data.draw(st.binary(max_size=3000))):
        with pytest.raises(Unreadable):
            read(broken)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_has_been_overwritten_never_has_other_sums(data: st.DataObject) -> None:
    file = some_file()
    place = data.draw(st.integers(0, len(file) - 1))
    other = data.draw(st.binary(min_size=1, max_size=64))
    with suppress(Unreadable):
        assert read(file[:place] + other + file[place + len(other) :]) == read(file)


def test_another_scale_of_amounts_is_noticed() -> None:
    """What stands at the end of a file has no checksum."""
    file = some_file()
    # Scale 2 or 3, precision 38, as Thrift writes them.
    changed = file.replace(b"\x15\x04\x15\x4c", b"\x15\x06\x15\x4c")
    assert pq.ParquetFile(pa.BufferReader(changed)).schema_arrow.field("amount").type == pa.decimal128(38, 3)
    with pytest.raises(Unreadable):
        read(changed)


def test_a_file_that_arrow_did_not_describe_is_unreadable() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": ["x"], "b": ["VND"], "c": [1], "d": [2]}), sink, store_schema=False)
    with pytest.raises(Unreadable):
        read(sink.getvalue())


class BrokenStream(io.BytesIO):
    """A stream that fails at its third read."""

    def __init__(self, content: bytes, failure: Exception) -> None:
        super().__init__(content)
        self._failure, self._reads = failure, 0

    def read(self, size: int | None = -1) -> bytes:
        self._reads += 1
        if self._reads == 3:
            raise self._failure
        return super().read(size)


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "broken disk"), RuntimeError("the store is gone")])
def test_a_stream_that_fails_is_no_unreadable_file(failure: Exception) -> None:
    with pytest.raises(type(failure), match=r"broken disk|the store is gone"):
        parquet.read_table(BrokenStream(some_file(), failure), key=1, numbers=[2], checkpoint=lambda: None)


def test_it_can_be_stopped() -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        parquet.read_table(io.BytesIO(some_file()), key=1, numbers=[2], checkpoint=stop)


def test_memory_does_not_grow_with_the_groups_of_rows() -> None:
    lines = [f"{n}\tVND\t{n}\t{n}\t{n}\t0" for n in range(40_000)]
    held: list[int] = []

    def note() -> None:
        held.append(pa.total_allocated_bytes())

    file = write_lines(lines, SUMMED, rows_a_part=2000)
    parquet.read_table(io.BytesIO(file), key=1, numbers=[2], checkpoint=note)
    assert len(held) == 20
    assert held[-1] < max(held[:3]) * 1.1 + 100_000


def test_nobody_pays_for_arrow_who_does_not_use_it() -> None:
    program = "import django; django.setup(); import reports.formats, sys; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
