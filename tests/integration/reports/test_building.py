import csv
import errno
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from pyarrow import parquet
from pypdf import PdfReader

from jobs import claims
from jobs import services as jobs
from jobs.models import Job
from jobs.models import State as JobState
from jobs.run import Run
from jobs.task import Cancelled, LeaseLost, Permanent, Transient
from reports import building, extract, files, kinds
from reports.building import WrongFile
from reports.models import Report, State
from reports.specs import Format
from reports.xlsx.workbook import Workbook
from shop.money import EXPONENTS
from shop.orders.models import OrderLine
from tests.factories.orders import OrderFactory, OrderLineFactory
from tests.integration.reports.conftest import (
    AT_NOON,
    NEW_YEARS_EVE,
    Worker,
    content_of,
    rows_of,
    stop_at,
    stored,
    summary_of,
)

ALL_COLUMNS = [column.name for column in kinds.get("revenue").columns]


def by_sql() -> dict[str, tuple[int, int]]:
    """Pieces and revenue for each currency, by a query that shares nothing with the report's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT currency, sum(quantity), sum(quantity::numeric * unit_price - discount)"
            " FROM orders_orderline WHERE placed_at >= '2025-01-01 00:00+07' AND placed_at < '2026-01-01 00:00+07'"
            " GROUP BY currency"
        )
        return {row[0]: (row[1], int(row[2])) for row in cursor.fetchall()}


def sums_of(report: Report) -> dict[str, tuple[int, int]]:
    return {total["currency"]: (total["sums"]["quantity"], total["sums"]["revenue"]) for total in report.totals}


# --- what is in the file ---------------------------------------------------------------------------------------------


def test_totals_rows_and_summary_agree_with_sql(lines, make):
    report = make()
    assert sums_of(report) == by_sql()
    rows = rows_of(report)
    assert report.row_count == len(rows) == 25
    vnd = sum(row["Revenue"] for row in rows if row["Currency"] == "VND")
    gbp = sum(Decimal(str(row["Revenue"])) for row in rows if row["Currency"] == "GBP")
    summary = summary_of(report)
    assert summary["Rows"] == 25
    assert summary["Revenue in VND"] == vnd == by_sql()["VND"][1]
    assert Decimal(str(summary["Revenue in GBP"])) == gbp == Decimal(by_sql()["GBP"][1]) / 1000
    assert summary["Quantity in VND"] == 38
    assert summary["Lookup code"] == report.shown_code
    assert summary["Made for"] == report.owner.shown_name


def test_the_file_is_what_its_checksum_and_size_say(lines, make):
    report = make()
    content = content_of(report)
    assert hashlib.sha256(content).hexdigest() == report.sha256
    assert len(content) == report.size


def test_days_begin_at_midnight_in_the_shop(transactional_db, make):
    instants = {
        "day before": datetime(2025, 12, 30, 16, 59, 59, 999999, tzinfo=UTC),
        "first": datetime(2025, 12, 30, 17, 0, tzinfo=UTC),
        "last": datetime(2025, 12, 31, 16, 59, 59, 999999, tzinfo=UTC),
        "day after": datetime(2025, 12, 31, 17, 0, tzinfo=UTC),
    }
    for name, at in instants.items():
        OrderLineFactory(order=OrderFactory(placed_at=at), name=name)
    rows = rows_of(make(NEW_YEARS_EVE))
    assert [row["Product"] for row in rows] == ["first", "last"]
    assert rows[0]["Time"] == datetime(2025, 12, 31)
    assert rows[1]["Time"].date() in {datetime(2025, 12, 31).date(), datetime(2026, 1, 1).date()}


@pytest.mark.usefixtures("small_parts")
def test_lines_of_one_instant_come_once_each_in_the_order_of_their_ids(transactional_db, make):
    order = OrderFactory(placed_at=AT_NOON)
    made = [OrderLineFactory(order=order, position=n, name=f"line {n}") for n in range(1, 30)]
    assert [row["Product"] for row in rows_of(make())] == [line.name for line in sorted(made, key=lambda one: one.pk)]


def test_hostile_texts_and_numbers_arrive_as_they_were_sold(transactional_db, make):
    texts = [
        "=cmd|' /C calc'!A0",
        "-2+3",
        "0000123",
        "a\x01b\x0b",
        "_x000D_",
        "  x ",
        "dòng\r\nhai",
        "👩‍👩‍👧",
        "<&>]]>",
        "Hường",
    ]
    order = OrderFactory(placed_at=AT_NOON)
    for place, text in enumerate(texts, start=1):
        OrderLineFactory(order=order, position=place, name=text, sku=text)
    OrderLineFactory(order=order, position=99, name="huge", sku="9" * 19, unit_price=10**16 + 1)
    report = make(columns=ALL_COLUMNS)
    *rows, huge = rows_of(report)
    unescape = openpyxl.utils.escape.unescape
    assert [unescape(row["Product"]) for row in rows] == texts
    assert [unescape(row["SKU"]) for row in rows] == texts
    assert (huge["SKU"], huge["Unit price"], huge["Revenue"]) == ("9" * 19, "10000000000000001", "10000000000000001")
    assert sums_of(report)["VND"][1] == by_sql()["VND"][1]


def test_totals_beyond_a_bigint_are_exact(transactional_db, make):
    order = OrderFactory(placed_at=AT_NOON)
    for place in range(1, 4):
        OrderLineFactory(order=order, position=place, unit_price=2**62, quantity=1)
    report = make()
    assert sums_of(report)["VND"][1] == 3 * 2**62 == by_sql()["VND"][1]
    assert summary_of(report)["Revenue in VND"] == str(3 * 2**62)


@pytest.mark.usefixtures("small_parts")
def test_a_full_sheet_goes_on_in_the_next(lines, make, monkeypatch):
    monkeypatch.setitem(Workbook.__init__.__kwdefaults__, "max_rows", 15)
    report = make()
    rows = [row for table in ("Revenue", "Revenue 2", "Revenue 3") for row in rows_of(report, table)]
    assert report.row_count == len(rows) == 25
    assert sum(row["Revenue"] for row in rows if row["Currency"] == "VND") == by_sql()["VND"][1]


def test_a_period_without_sales_makes_an_empty_table(transactional_db, make):
    report = make()
    assert (report.row_count, report.totals, rows_of(report)) == (0, [], [])


@pytest.mark.usefixtures("small_parts")
def test_a_csv_file_holds_the_same_rows(lines, make, storage):
    report = make(format=Format.CSV, columns=ALL_COLUMNS)
    assert report.file_name == "Revenue 2025-01-01 – 2025-12-31.csv"
    rows = list(csv.DictReader(io.StringIO(content_of(report).decode("utf-8-sig"), newline="")))
    sheet = rows_of(make(columns=ALL_COLUMNS))
    assert [row["SKU"] for row in rows] == [row["SKU"] for row in sheet]
    assert [Decimal(row["Revenue"]) for row in rows] == [Decimal(str(row["Revenue"])) for row in sheet]
    assert [row["Time"][:19] for row in rows] == [str(row["Time"])[:19] for row in sheet]
    assert report.row_count == 25
    assert sums_of(report)["VND"][1] == by_sql()["VND"][1]
    assert stored(storage).count(report.file_key) == 1


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_pdf_file_shows_the_same_rows_and_sums(lines, make, language):
    report = make(format=Format.PDF, columns=ALL_COLUMNS, language=language)
    reader = PdfReader(io.BytesIO(content_of(report)))
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert report.row_count == 25
    assert text.count(lines[0].order.code) == 21
    assert reader.metadata.title.startswith("Doanh thu" if language == "vi" else "Revenue")
    assert {"vi": "Tổng cộng", "en": "Total"}[language] in reader.pages[-1].extract_text()
    assert len(reader.outline) == 2  # the summary and the month


def test_the_summary_shows_where_the_revenue_came_from(lines, make):
    page = openpyxl.load_workbook(io.BytesIO(content_of(make())))["Summary"]
    assert len(page._charts) == 3
    charts = {
        page.cell(row, 4).value: sum(page.cell(at, 5).value or 0 for at in range(row + 1, row + 21))
        for row in (1, 23, 45)
    }
    vnd = by_sql()["VND"][1]
    assert charts == {
        "Revenue by month, VND": vnd,
        "Revenue by channel, VND": vnd,
        "Revenue by category, VND": vnd,
    }


def test_only_the_columns_that_were_asked_for_and_those_always_there(lines, make):
    assert list(rows_of(make(columns=["product"]))[0]) == [
        "Time", "Order", "Product", "Quantity", "Revenue", "Currency",
    ]  # fmt: skip


def test_headings_states_and_file_name_are_in_the_language_that_was_asked_in(lines, make):
    english, vietnamese = (make(columns=["state"], language=language) for language in ("en", "vi"))
    assert english.file_name == "Revenue 2025-01-01 – 2025-12-31.xlsx"
    assert vietnamese.language == "vi"
    assert rows_of(english)[0]["State of the order"] == "Completed"


def test_many_lines_cost_no_more_queries_than_few(lines, make, django_assert_max_num_queries):
    with django_assert_max_num_queries(30):
        make(columns=ALL_COLUMNS)


@pytest.mark.usefixtures("small_parts")
def test_a_parquet_file_holds_the_same_rows_with_types(lines, make):
    report = make(format=Format.PARQUET, columns=ALL_COLUMNS)
    assert report.file_name == "Revenue 2025-01-01 – 2025-12-31.parquet"
    rows = parquet.read_table(io.BytesIO(content_of(report))).to_pylist()
    sheet = rows_of(make(columns=ALL_COLUMNS))
    assert [row["SKU"] for row in rows] == [row["SKU"] for row in sheet]
    assert [row["Time"] for row in rows] == [row["Time"] for row in sheet]
    assert [row["Revenue"] for row in rows] == [Decimal(str(row["Revenue"])) for row in sheet]
    assert {row["Revenue"].as_tuple().exponent for row in rows} == {-3}
    assert sums_of(report) == by_sql()


# --- one moment ------------------------------------------------------------------------------------------------------


def sell_meanwhile(line: OrderLine) -> None:
    """Somebody else, on a connection of their own, sells more and takes a line away."""

    def change() -> None:
        OrderLine.objects.create(
            order=line.order, position=900, sku="late", quantity=1, unit_price=7, placed_at=AT_NOON - timedelta(days=1)
        )
        OrderLine.objects.filter(pk=line.pk).delete()
        connection.close()

    other = threading.Thread(target=change)
    other.start()
    other.join()


def test_rows_and_totals_are_of_one_moment_while_others_sell(lines, make):
    before = by_sql()
    worker = Worker(at_step=lambda done: sell_meanwhile(lines[3]) if done == 0 else None)
    report = make(worker=worker)
    assert by_sql() != before
    assert sums_of(report) == before
    assert "late" not in {row["SKU"] for row in rows_of(report)}


def test_without_the_snapshot_the_same_race_is_noticed_and_nothing_is_published(lines, ask, storage, monkeypatch):
    def no_snapshot(self, _seen):
        self._connection = connection.copy()
        self._connection.connect()

    monkeypatch.setattr(extract.Reader, "__init__", no_snapshot)
    report = ask()
    worker = Worker(at_step=lambda done: sell_meanwhile(lines[3]) if done == 0 else None)
    with pytest.raises(WrongFile):
        building.build(report.pk, run=worker)
    assert stored(storage) == []
    report.refresh_from_db()
    assert report.ready_at is None


def test_the_snapshot_can_change_nothing(transactional_db):
    with pytest.raises(Exception, match="read-only"), extract.moment():
        OrderFactory()


def test_a_reader_sees_the_moment_also_when_it_is_over(lines):
    with extract.moment() as moment:
        reader = extract.Reader(moment)
    sell_meanwhile(lines[3])
    with reader:
        batches = list(reader.lines(OrderLine.objects.order_by("pk").values_list("sku"), at_once=10))
    assert [batch.count(b"\n") for batch in batches] == [10, 10, 5]
    assert b"late" not in b"".join(batches)


# --- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["drop a row", "double a row", "change an amount"])
def test_a_file_that_does_not_hold_what_the_database_holds_is_not_published(lines, ask, storage, monkeypatch, damage):
    real = extract.Reader.lines

    def wrong(*args, **options):
        lines = b"".join(real(*args, **options)).splitlines(keepends=True)
        if damage == "drop a row":
            lines.pop(7)
        elif damage == "double a row":
            lines[8] = lines[7]
        else:
            fields = lines[3].split(b"\t")
            fields[-3] = b"%d" % (int(fields[-3]) + 1)  # the revenue, before currency and decimals
            lines[3] = b"\t".join(fields)
        yield b"".join(lines)

    monkeypatch.setattr(extract.Reader, "lines", wrong)
    report = ask()
    with pytest.raises(WrongFile):
        building.build(report.pk, run=Worker())
    assert stored(storage) == []


@pytest.mark.usefixtures("lines", "small_parts")
@pytest.mark.parametrize("step", [0, 9, 18, 25, -1])
def test_cancelled_anywhere_it_leaves_nothing(ask, storage, step):
    report = ask()
    with pytest.raises(Cancelled):
        building.build(report.pk, run=Worker(at_step=stop_at(step, Cancelled())))
    assert stored(storage) == []
    assert not report.parts.exists()
    report.refresh_from_db()
    assert report.ready_at is None


@pytest.mark.usefixtures("lines", "small_parts")
@pytest.mark.parametrize("step", [0, 9, 18, 25, -1])
def test_a_worker_that_loses_its_lease_leaves_only_finished_parts(ask, storage, step):
    report = ask()
    with pytest.raises(LeaseLost):
        building.build(report.pk, run=Worker(at_step=stop_at(step, LeaseLost())))
    assert stored(storage) == sorted(part.file_key for part in report.parts.all())
    report.refresh_from_db()
    assert report.ready_at is None


def test_a_pdf_file_of_more_currencies_than_it_has_room_for_says_so(transactional_db, ask):
    for currency in EXPONENTS:
        OrderLineFactory(order=OrderFactory(placed_at=AT_NOON, currency=currency))
    report = ask(format=Format.PDF)
    with pytest.raises(Permanent, match="12 currencies"):
        building.build(report.pk, run=Worker())
    building.build(ask(format=Format.XLSX).pk, run=Worker())


# --- workers that come too late --------------------------------------------------------------------------------------


def test_a_worker_without_its_lease_stores_nothing(lines, ask, storage):
    report = ask()
    with pytest.raises(LeaseLost):
        building.build(report.pk, run=Worker(holds_lease=False))
    assert stored(storage) == []


def test_a_worker_that_loses_its_lease_while_publishing_publishes_nothing(lines, ask, storage):
    def lose():
        if report.parts.exists():
            raise LeaseLost

    report = ask()
    with pytest.raises(LeaseLost):
        building.build(report.pk, run=Worker(before_hold=lose))
    assert stored(storage) == [part.file_key for part in report.parts.all()]
    report.refresh_from_db()
    assert report.ready_at is None

    building.build(report.pk, run=Worker(attempt=2))
    report.refresh_from_db()
    assert stored(storage) == [report.file_key]


def test_a_worker_frozen_past_its_lease_cannot_replace_its_successors_file(lines, ask, storage):
    report = ask()

    def the_successor_is_quicker():
        OrderLineFactory(order=lines[0].order, position=500)
        building.build(report.pk, run=Worker(attempt=2))

    def lose():
        raise LeaseLost

    with pytest.raises(LeaseLost):
        building.build(report.pk, run=Worker(before_store=the_successor_is_quicker, before_hold=lose))
    report.refresh_from_db()
    assert report.row_count == 26
    assert hashlib.sha256(content_of(report)).hexdigest() == report.sha256
    assert len(rows_of(report)) == 26


def test_done_again_after_it_was_done_it_finds_the_file_there(lines, make, storage):
    report = make()
    OrderLineFactory(order=lines[0].order, position=500)
    result = building.build(report.pk, run=Worker(attempt=2))
    assert result["url"] == report.get_absolute_url()
    again = Report.objects.get(pk=report.pk)
    assert (again.sha256, again.ready_at, again.row_count) == (report.sha256, report.ready_at, 25)
    assert stored(storage) == [report.file_key]


def test_a_full_disk_is_said_and_tried_again(lines, ask, monkeypatch):
    def full(*_args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "save", full)
    with pytest.raises(Transient, match="no room"):
        building.build(ask().pk, run=Worker())


def test_another_fault_of_the_disk_is_not_taken_for_a_full_one(lines, ask, monkeypatch):
    def broken(*_args):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "save", broken)
    with pytest.raises(OSError, match="Input/output"):
        building.build(ask().pk, run=Worker())


def test_a_report_that_is_gone_is_said_to_be_gone(lines, ask):
    report = ask()
    Report.objects.filter(pk=report.pk).delete()
    with pytest.raises(Permanent, match=r"deleted|xoá"):
        building.build(report.pk, run=Worker())


def test_a_report_deleted_while_it_is_made_is_said_to_be_gone(lines, ask):
    report = ask()
    with pytest.raises(Permanent, match=r"deleted|xoá"):
        building.build(report.pk, run=Worker(before_hold=Report.objects.filter(pk=report.pk).delete))


# --- with the kernel -------------------------------------------------------------------------------------------------


def test_from_request_to_file(lines, ask, work):
    report = ask()
    assert report.state_at(timezone.now()) == State.REQUESTED
    assert work() == ["succeeded"]
    report = Report.objects.select_related("job").get(pk=report.pk)
    assert report.state_at(timezone.now()) == State.READY
    assert report.job.result == {"url": f"/reports/{report.shown_code}/", "label": "Open the report"}
    assert (report.job.done, report.job.total, report.job.unit) == (25, 25, "rows")


def test_cancelled_before_it_starts_it_never_does(lines, ask, work, storage):
    report = ask()
    jobs.cancel(report.job)
    assert work() == []
    report = Report.objects.select_related("job").get(pk=report.pk)
    assert report.state_at(timezone.now()) == State.CANCELLED
    assert stored(storage) == []


def test_cancelled_while_it_runs_it_leaves_no_file(lines, ask, work, storage, monkeypatch):
    real = building._read_back

    def cancel_then_read_back(report: Report, key: str, content: Any, run: Run) -> None:
        jobs.cancel(report.job)
        claims.beat(run)  # what the heartbeat does every few seconds
        real(report, key, content, run)

    monkeypatch.setattr(building, "_read_back", cancel_then_read_back)
    report = ask()
    assert work() == ["cancelled"]
    report = Report.objects.select_related("job").get(pk=report.pk)
    assert report.state_at(timezone.now()) == State.CANCELLED
    assert stored(storage) == []


def test_failed_for_good_it_can_be_tried_again(lines, ask, work, monkeypatch):
    def broken(*_args):
        raise Permanent("The numbers are on strike.")

    with monkeypatch.context() as patched:
        patched.setattr(building, "_publish", broken)
        report = ask()
        assert work() == ["failed"]
    report = Report.objects.select_related("job").get(pk=report.pk)
    assert report.state_at(timezone.now()) == State.FAILED
    jobs.retry(report.job)
    assert work() == ["succeeded"]
    assert Report.objects.get(pk=report.pk).row_count == 25


WORKER = """
import sys, time, uuid
import django
django.setup()
from jobs import runner
from reports import building
from reports import tasks  # declares the jobs

module, stage = (building.parts, "write") if sys.argv[2] == "write" else (building, sys.argv[2])
real = getattr(module, stage)
def stuck(*args):
    real(*args)
    print("here", flush=True)
    time.sleep(600)
setattr(module, stage, stuck)
runner.answer(uuid.UUID(sys.argv[1]), message=sys.argv[3])
"""


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize("stage", ["write", "_read_back", "_publish"])
def test_killed_anywhere_another_worker_makes_one_right_file(ask, work, storage, tmp_path, stage):
    report = ask()
    # The child has a database of the test's and files of its own settings: nothing may be visible there either.
    environment = {
        **os.environ,
        "DATABASE_URL": _test_database_url(),
        "STORAGE_URL": f"file://{storage}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
        "TMPDIR": str(tmp_path),
    }
    from jobs import ringing

    ringing.make_known()
    ringing.admit_due()
    (bell,) = ringing.ring("reports", 10)
    child = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(report.job_id), stage, bell.message],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        assert Job.objects.get(pk=report.job_id).state == JobState.RUNNING
        published = Report.objects.get(pk=report.pk).ready_at is not None
        assert published == (stage == "_publish")
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert {path.name for path in tmp_path.iterdir()} <= {"files", "static"}  # nothing lies about elsewhere

    Job.objects.filter(pk=report.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert [redone.state for redone in claims.redo_lapsed()] == [JobState.WAITING]
    assert work() == ["succeeded"]
    report = Report.objects.select_related("job").get(pk=report.pk)
    assert report.job.attempt == 2
    assert report.state_at(timezone.now()) == State.READY
    assert stored(storage) == [report.file_key]
    assert hashlib.sha256(content_of(report)).hexdigest() == report.sha256
    assert len(rows_of(report)) == 25


def _test_database_url() -> str:
    database = connection.settings_dict
    return f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
