import io
import re
import zlib
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.pdf.notation import Notation
from reports.pdf.readback import read_table
from reports.rows import Column, Holds
from reports.writers import Contents, Unreadable
from tests import pdfs
from tests.pdfs import COLUMNS, line, lines, table, write, written


def read(file: bytes, *, columns: int = 6, notation: Notation = pdfs.VIETNAMESE) -> Contents:
    return read_table(
        io.BytesIO(file), columns=columns, key=5, numbers=[3, 4], notation=notation, checkpoint=lambda: None
    )


def expected(content: list[str]) -> Contents:
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for row in content:
        *_, quantity, revenue, currency, decimals = row.split("\t")
        before = sums.get(currency, (Decimal(0), Decimal(0)))
        sums[currency] = (before[0] + int(quantity), before[1] + Decimal(revenue).scaleb(-int(decimals)))
    return Contents(len(content), sums)


@pytest.mark.parametrize("rows", [0, 1, 40, 700])
def test_rows_and_sums_are_those_that_were_written(rows: int) -> None:
    assert read(written(pdfs.document(table()), lines(rows))) == expected(lines(rows))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["VND", "(x)", "\\y\r", "嵔 dài lắm lắm lắm lắm lắm lắm lắm", "EMC"]),
            st.integers() | st.none(),
            st.integers(-(10**9), 10**9),
            st.text(max_size=80),
        ),
        max_size=40,
    )
)
def test_any_rows_add_up(rows: list[tuple[str, int | None, int, str]]) -> None:
    columns = [Column("text", 30), Column("key", 12), Column("a", 10, Holds.NUMBER), Column("b", 10, Holds.NUMBER)]
    file = write([[text, key, one, two] for key, one, two, text in rows], columns)
    found = read_table(
        io.BytesIO(file), columns=4, key=1, numbers=[2, 3], notation=pdfs.VIETNAMESE, checkpoint=lambda: None
    )
    sums: dict[str, tuple[int, int]] = {}
    for key, one, two, _ in rows:
        name = key.replace("\r", " ")
        sums[name] = (sums.get(name, (0, 0))[0] + (one or 0), sums.get(name, (0, 0))[1] + two)
    assert found == Contents(len(rows), sums)


def test_a_row_too_many_or_too_few_or_another_amount_shows() -> None:
    right = expected(lines(100))
    for other in (lines(100)[1:], [*lines(100), lines(1)[0]], [*lines(99), line(0, rows=1)]):
        assert read(written(pdfs.document(table()), other)) != right


def changed_page(file: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The same file with another content of its first page of rows, compressed anew, in the same place."""
    for found in re.finditer(rb"<</Length (\d+)/Filter/FlateDecode>>stream\n", file):
        packed = file[found.end() : found.end() + int(found[1])]
        content = zlib.decompress(packed)
        if b"/TR BMC" in content:
            again = zlib.compress(change(content), 9)
            assert len(again) <= len(packed)
            head = b"<</Filter/FlateDecode/Length %d>>stream\n" % len(again)
            fill = len(found[0]) + len(packed) - len(head) - len(again)
            # What is left over stands behind the object.
            return (
                file[: found.start()]
                + head
                + again
                + file[found.end() + len(packed) :][:18]
                + b" " * fill
                + file[found.end() + len(packed) + 18 :]
            )
    raise AssertionError("There is no page of rows.")


def test_the_change_of_a_page_that_changes_nothing_is_no_change() -> None:
    file = written(pdfs.document(table(), compression="zlib"), lines(60))
    assert read(changed_page(file, lambda content: content.replace(b"0.75 w", b"0.8 w"))) == expected(lines(60))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"]TJ EMC", b"()]TJ EMC", 1),
        lambda content: re.sub(rb"/TR BMC.*?EMC", b"/TR BMC EMC", content, count=1, flags=re.DOTALL),
        lambda content: content[: content.rindex(b"]TJ EMC")],
        lambda content: content.replace(b"(\x00V\x00N\x00D)", b"(\x00V\x00N\x00)", 1),
        lambda content: content.replace(b"(\x001)", b"(\x00l)", 1),
    ],
)
def test_rows_that_are_not_whole_are_unreadable(change: Callable[[bytes], bytes]) -> None:
    file = written(pdfs.document(table(), compression="zlib"), lines(60))
    with pytest.raises(Unreadable):
        read(changed_page(file, change))


def test_no_single_changed_byte_goes_unseen_in_rows() -> None:
    file = bytearray(written(pdfs.document(table(), cover=pdfs.small_cover()), lines(45)))
    right = expected(lines(45))
    for place in range(0, len(file), 101):
        file[place] ^= 0x55
        try:
            found: Contents | None = read(bytes(file))
        except Unreadable:
            found = None
        assert found is None or found == right
        file[place] ^= 0x55


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_cut_off_or_is_no_pdf_is_unreadable(data: st.DataObject) -> None:
    file = written(pdfs.document(table()), lines(45))
    end = data.draw(st.integers(0, len(file) - 2))
    for broken in (file[:end], file[end + 1 :], data.draw(st.binary(max_size=3000))):
        with pytest.raises(Unreadable):
            read(broken)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/Type/Catalog/Pages 2 0 R", b"/Type/Catalog/Pages 9 0 R"),
        (b"startxref\n", b"startxref\n9"),
        (b"/Root 1 0 R", b"/Root 3 0 R"),
        (b"\nendstream", b"\nendstraem"),
        (b"/Count ", b"/Count 1"),
    ],
)
def test_a_file_that_does_not_hold_together_is_unreadable(old: bytes, new: bytes) -> None:
    file = written(pdfs.document(table()), lines(45))
    assert old in file
    with pytest.raises(Unreadable):
        read(file.replace(old, new))


def test_a_tree_of_pages_without_end_is_unreadable() -> None:
    file = written(pdfs.document(table()), lines(45))
    (kid,) = re.findall(rb"/Type/Pages/MediaBox.*?/Kids\[(\d+) 0 R\]", file)
    with pytest.raises(Unreadable):
        read(
            re.sub(rb"/Parent 2 0 R/Count (\d)/Kids\[\d+ 0 R", rb"/Parent 2 0 R/Count \1/Kids[%d 0 R" % int(kid), file)
        )


def test_another_number_of_columns_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read(
            written(
                pdfs.document(table([*COLUMNS, Column("more")])), [f"{row}".replace("\t0", "\t\t0") for row in lines(3)]
            )
        )


def test_it_asks_whether_to_go_on_at_every_page() -> None:
    asked = []
    file = written(pdfs.document(table()), lines(200))
    read_table(
        io.BytesIO(file), columns=6, key=5, numbers=[3], notation=pdfs.VIETNAMESE, checkpoint=lambda: asked.append(1)
    )
    assert len(asked) == len(pdfs.texts(file))
