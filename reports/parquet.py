"""Parquet files: typed columns for whoever goes on calculating (https://parquet.apache.org/docs/file-format/).

Amounts are decimals with as many places as any row of the file needs, days and months are dates, times are the shop's
clock without a zone. Columns are found by their titles. What the file says about itself stands among its key-value
metadata: title, author, created (UTC, ISO 8601) and language.

COPY's text goes through Arrow's own parser of separated values, which knows everything of that text but its escapes,
and those are undone once for each different text. Arrow is imported with this module, and takes some 70 MB: import it
only where such a file is written or read.
"""

import io
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC
from typing import IO, Final

import pyarrow as pa
from pyarrow import compute, csv, ipc
from pyarrow import parquet as pq

from reports.rows import NULL, Column, Holds, unescape
from reports.summing import Sums
from reports.writers import ROWS_A_PART, About, Contents, Part, State, Unreadable

#: Digits that a decimal of 128 bits has, and those of a bigint.
_MOST_DIGITS, _BIGINT_DIGITS = 38, 19
#: Column of the text that says how many decimals a row's amounts have.
_DECIMALS: Final = "decimals"
_TAB: Final = "\t"
#: The longest text that Arrow's parser takes as one.
_LONGEST: Final = (1 << 31) - 1
#: Where Arrow keeps its own description of the columns, among a file's metadata.
_SCHEMA: Final = b"ARROW:schema"

_TEXT: Final = pa.string()
_WHOLE, _WIDE = pa.int64(), pa.decimal128(_MOST_DIGITS, 0)
_PERCENT = pa.decimal128(_BIGINT_DIGITS, 2)
_MOMENT, _DAY = pa.timestamp("us"), pa.date32()
#: How fields are parsed, where it is not as texts.
_PARSED: Final = {
    Holds.TEXT: pa.dictionary(pa.int32(), _TEXT),
    Holds.MOMENT: _MOMENT,
    Holds.DATE: _DAY,
    Holds.MONTH: _DAY,
}


class Writer:
    """Writes the file of ``columns``, one group of rows for each part.

    A number that is too large for 64 bits makes its column one of decimals. Raises ValueError for what no column can
    hold: more than 38 digits, a row of amounts with more than ``decimals``, a time before the year 1 or after 9999.

    ``decimals``: the most that any row's amounts have.
    """

    def __init__(
        self, columns: Sequence[Column], *, decimals: int, about: About, rows_a_part: int = ROWS_A_PART
    ) -> None:
        self.rows_a_part = rows_a_part
        self._columns, self._decimals, self._about = columns, decimals, about
        self._names = _names(columns)

    @property
    def signature(self) -> bytes:
        return f"parquet {pa.__version__} {self.rows_a_part} {self._decimals} {self._columns!r}".encode()

    def part(self, number: int, lines: Iterable[Sequence[str]], before: State) -> tuple[bytes, State]:  # noqa: ARG002
        """See ``writers.Writer``. A part is a stream of Arrow's own. The state is its checksum and the places of the
        columns that are decimals for the sake of a number in it or in a part before."""
        found = _parsed(lines, self._columns)
        arrays = [self._values(column, found, place) for place, column in enumerate(self._columns)]
        wide = {place for place, array in enumerate(arrays) if array.type != self._type(self._columns[place])}
        packed = _packed(pa.table(arrays, names=self._names))
        return packed, {"wide": sorted(wide.union(before.get("wide", ()))), "crc": zlib.crc32(packed)}

    def _values(self, column: Column, found: pa.Table, place: int) -> pa.Array | pa.ChunkedArray:
        fields = found.column(place)
        if column.holds == Holds.TEXT:
            return _texts(fields, column.labels or {})
        if column.holds == Holds.NUMBER:
            return _whole(fields)
        if column.holds == Holds.MONEY:
            return _shifted(fields, found.column(_DECIMALS), self._type(column))
        if column.holds == Holds.PERCENT:
            return _shifted(fields, "2", self._type(column))
        return fields

    def whole(self, parts: Sequence[Part]) -> Iterator[bytes]:
        """The file. Raises ValueError where a part's bytes are not those that were written."""
        schema = self._schema(wide=parts[-1].state["wide"] if parts else ())
        sink = io.BytesIO()
        with pq.ParquetWriter(
            sink,
            schema,
            compression="zstd",
            use_dictionary=[
                name
                for name, column in zip(self._names, self._columns, strict=True)
                if column.repeats and column.holds != Holds.MOMENT
            ],
            write_page_checksum=True,
        ) as writer:
            for part in parts:
                writer.write_table(_unpacked(part).cast(schema), row_group_size=self.rows_a_part)
                yield _taken(sink)
        yield _taken(sink)

    def _schema(self, wide: Iterable[int]) -> pa.Schema:
        types = [_WIDE if place in wide else self._type(column) for place, column in enumerate(self._columns)]
        about = self._about
        said = {
            "title": about.title,
            "author": about.author,
            "created": f"{about.created.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "language": about.language,
        }
        return pa.schema(list(zip(self._names, types, strict=True)), metadata=said)

    def _type(self, column: Column) -> pa.DataType:
        types = {
            Holds.TEXT: _TEXT,
            Holds.NUMBER: _WHOLE,
            Holds.MONEY: pa.decimal128(_MOST_DIGITS, self._decimals),
            Holds.MOMENT: _MOMENT,
            Holds.DATE: _DAY,
            Holds.MONTH: _DAY,
            Holds.PERCENT: _PERCENT,
        }
        return types[column.holds]


def _names(columns: Sequence[Column]) -> list[str]:
    """The titles. Readers find columns by them, some whatever their case: where two are the same, the second has a
    number behind it."""
    names: dict[str, str] = {}
    for column in columns:
        name, number = column.title, 1
        while name.casefold() in names:
            number += 1
            name = f"{column.title} {number}"
        names[name.casefold()] = name
    return list(names.values())


# --- fields ----------------------------------------------------------------------------------------------------------


def _parsed(lines: Iterable[Sequence[str]], columns: Sequence[Column]) -> pa.Table:
    """The fields of ``lines``: columns are called by their places, and the last one ``_DECIMALS``."""
    names = [*map(str, range(len(columns))), _DECIMALS]
    # The parser would drop a U+FEFF from the beginning of the first field: another line goes before it.
    text = bytearray(f"{_TAB.join(names)}\n".encode())
    for batch in lines:
        text += "\n".join([*batch, ""]).encode()
    return csv.read_csv(
        pa.py_buffer(text),
        read_options=csv.ReadOptions(use_threads=False, block_size=min(len(text), _LONGEST)),
        parse_options=csv.ParseOptions(delimiter=_TAB, quote_char=False, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, _TEXT)
            | {f"{place}": _PARSED.get(column.holds, _TEXT) for place, column in enumerate(columns)},
            null_values=[NULL],
            strings_can_be_null=True,
        ),
    )


def _texts(fields: pa.ChunkedArray, labels: Mapping[str, str]) -> pa.Array:
    found = fields.combine_chunks()
    values = [unescape(field) for field in found.dictionary.to_pylist()]
    return pa.array([labels.get(value, value) for value in values], _TEXT).take(found.indices)


def _whole(fields: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return fields.cast(_WHOLE)
    except pa.ArrowInvalid:
        return _shifted(fields, "0", _WIDE)


def _shifted(fields: pa.ChunkedArray, decimals: pa.ChunkedArray | str, kind: pa.Decimal128Type) -> pa.ChunkedArray:
    """Integers that count units of 10**-``decimals``."""
    # Where there are too many digits, Arrow silently makes another number of them, which may well fit
    # (https://github.com/apache/arrow/issues/49817). So texts that are far too long do not get to it, and all others
    # have room in a decimal of twice the digits, which is then checked.
    if (compute.max(compute.binary_length(fields)).as_py() or 0) > _MOST_DIGITS + len("-"):
        raise ValueError(f"A number has more than {_MOST_DIGITS} digits.")
    exact = compute.binary_join_element_wise(fields, decimals, "E-").cast(pa.decimal256(2 * _MOST_DIGITS, kind.scale))
    return exact.cast(kind)


# --- parts -----------------------------------------------------------------------------------------------------------


def _packed(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    options = ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1), use_threads=False)
    with ipc.new_stream(sink, table.schema, options=options) as stream:
        stream.write_table(table)
    return sink.getvalue()


def _unpacked(part: Part) -> pa.Table:
    packed = b"".join(part.packed)
    if zlib.crc32(packed) != part.state["crc"]:
        raise ValueError("A part is not what was written.")
    return ipc.open_stream(packed, options=ipc.IpcReadOptions(use_threads=False)).read_all()


def _taken(sink: io.BytesIO) -> bytes:
    """What has been written to ``sink`` since it was last asked."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece


# --- reading ---------------------------------------------------------------------------------------------------------


def read_table(stream: IO[bytes], *, key: int, numbers: Sequence[int], checkpoint: Callable[[], object]) -> Contents:
    """Adds the table up by the texts of column ``key``; columns are counted from 0. Every page of every column is
    decompressed, and its checksum verified. ``checkpoint`` is called for each group of rows. Raises Unreadable."""
    sums, rows = Sums(), 0
    try:
        file = pq.ParquetFile(stream, pre_buffer=False, page_checksum_verification=True)
        _check_columns(file)
        for group in range(file.num_row_groups):
            checkpoint()
            found = file.read_row_group(group, use_threads=False)
            found.validate(full=True)
            sums.add(list(zip(*(_shown(found.column(place)) for place in (key, *numbers)), strict=True)))
            rows += found.num_rows
        if rows != file.metadata.num_rows:
            raise Unreadable(f"There are {rows} rows, and not {file.metadata.num_rows}.")
        return Contents(rows, sums.total())
    except (pa.ArrowException, ValueError, ArithmeticError, LookupError) as error:
        raise Unreadable(str(error)) from error
    except OSError as error:
        if error.errno is not None:  # the stream's own
            raise
        raise Unreadable(str(error)) from error


def _check_columns(file: pq.ParquetFile) -> None:
    """Raises Unreadable where the columns are not as Arrow wrote them down: what stands at the end of the file has no
    checksum, but holds them twice, and an amount with another scale is another amount."""
    written = ipc.read_schema(pa.py_buffer(b64decode((file.metadata.metadata or {})[_SCHEMA])))
    if not written.equals(file.schema_arrow, check_metadata=True):
        raise Unreadable("The columns are not those that were written.")


def _shown(column: pa.ChunkedArray) -> list[str]:
    texts: list[str] = column.cast(_TEXT).fill_null("").to_pylist()
    return texts
