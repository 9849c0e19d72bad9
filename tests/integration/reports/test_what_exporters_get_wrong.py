"""Twelve kinds of bugs that people report of exporters elsewhere, each held against every format that there is.

A class stands for a kind. Its docstring says where it has been reported, and where the rest of its tests are.
"""

import csv
import io
import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, ClassVar
from xml.etree.ElementTree import fromstring

import openpyxl
import pytest
import time_machine
from django.conf import settings
from django.core import mail, signing
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation
from pyarrow import parquet
from storages.backends.s3 import S3Storage

from jobs import claims, ringing, runner
from jobs.models import Job
from jobs.models import State as JobState
from reports import building, files, preview, schedules, services
from reports.choice import Choice
from reports.kinds import KINDS
from reports.models import Report, SavedReport, State
from reports.pdf.text import CUT, printable
from reports.periods import Period
from reports.recurrence import Every, Recurrence
from reports.rows import Holds
from reports.selection import Selection
from reports.specs import Format
from reports.xlsx.workbook import Workbook
from shop.accounts.models import User
from shop.orders.models import OrderLine
from tests import pdfs
from tests.factories.orders import OrderFactory
from tests.factories.people import PersonFactory
from tests.harness.processes import wait_for
from tests.integration.reports import reading
from tests.integration.reports import test_kinds as known
from tests.integration.reports.conftest import Worker, content_of, stored
from tests.integration.reports.reading import expected, headings_of, table_of

FORMATS = list(Format)
_YEARS = count(2030)


@pytest.fixture(scope="module")
def transactional_db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Emptied once, behind all tests of this module: each sells in a year of its own."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def small_shop(transactional_db: None) -> None:
    """The shop whose reports of 2025 are known."""
    known.small_shop()


@pytest.fixture(autouse=True)
def _no_reports_of_others(transactional_db: None) -> Iterator[None]:
    yield
    Report.objects.all().delete()
    SavedReport.objects.all().delete()
    Job.objects.all().delete()


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def year(transactional_db: None) -> int:
    """One that nobody else sells in."""
    return next(_YEARS)


@pytest.fixture
def page(client: Client, owner: User) -> Client:
    client.force_login(owner)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def at(year: int, month: int = 6, day: int = 15, **clock: int) -> datetime:
    """A time on the shop's clock."""
    return datetime(year, month, day, **clock, tzinfo=known.SHOP)  # type: ignore[arg-type]


def sell(year: int, skus: list[str] | int, **more: Any) -> list[OrderLine]:
    """An order of lines with these SKUs (or so many), all of one instant."""
    order = OrderFactory(placed_at=more.pop("placed_at", at(year)), **more.pop("of_order", {}))
    if isinstance(skus, int):
        skus = [f"{number:06}" for number in range(skus)]
    wishes = {"quantity": 1, "unit_price": 1000, "placed_at": order.placed_at, "currency": order.currency} | more
    return OrderLine.objects.bulk_create(
        OrderLine(order=order, position=place, sku=sku, decimals=order.decimals, **wishes)
        for place, sku in enumerate(skus)
    )


def column_of(report: Report, name: str) -> list[Any]:
    place = [column.name for column in report.choice.selected].index(name)
    return [row[place] for row in table_of(report)]


def address(name: str, report: Report) -> str:
    return reverse(f"reports:{name}", kwargs={"code": report.shown_code})


def text_of(response: Any) -> str:
    return str(response.content.decode())


class TestCutShort:
    """Rows beyond a cap are left out, and nobody says so: metabase #9866, #10399, #8625, superset #35139, odoo #106209,
    lightdash #6688.

    That a file with a row less than the database is never given out: ``test_building``. A real year of 541,909 lines:
    ``test_real_lines``. Texts too long for a cell: ``tests/unit/reports/test_xlsx``.
    """

    @pytest.mark.usefixtures("small_shop", "small_parts")
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("format", FORMATS)
    def test_every_cell_of_every_kind_is_in_the_file(self, make: Any, kind: str, format: Format) -> None:
        columns = KINDS[kind].columns
        report = make(known.YEAR, kind=kind, format=format, columns=[column.name for column in columns])
        assert table_of(report) == expected(columns, known.KNOWN[kind])
        assert report.row_count == len(known.KNOWN[kind])

    @pytest.mark.usefixtures("small_parts")
    @pytest.mark.parametrize("format", FORMATS)
    def test_no_row_is_lost_where_a_part_ends(self, make: Any, format: Format) -> None:
        for rows in (0, 1, 5, 6, 7, 12, 13):
            year = next(_YEARS)
            lines = sell(year, rows)
            report = make(Period.year(year), format=format, columns=["sku"])
            assert column_of(report, "sku") == [line.sku for line in lines]
            assert report.row_count == rows

    @pytest.mark.parametrize("format", FORMATS)
    def test_the_longest_text_is_whole_or_says_that_it_is_cut(self, make: Any, year: int, format: Format) -> None:
        name = "".join(f"{number:03} dài lắm, " for number in range(22))[:254] + "."
        sell(year, ["S" * 60], name=name, of_order={"region": "Tỉnh " * 11 + "hết."})
        report = make(Period.year(year), format=format, columns=[column.name for column in KINDS["revenue"]])
        assert column_of(report, "sku") == ["S" * 60]
        (region,), (shown,) = column_of(report, "region"), column_of(report, "product")
        assert region == "Tỉnh " * 11 + "hết."
        if format == Format.PDF and shown != name:
            assert shown.endswith(CUT)
            assert name.startswith(shown.removesuffix(CUT))
            assert len(shown) > 100
        else:
            assert shown == name


class TestMoreThanASheetHolds:
    """More rows than a sheet has fail, or are dropped: metabase #13585, sense-export #4, odoo #28046.

    A sheet of real size that is full: ``tests/unit/reports/test_xlsx``. Pages of a PDF in a tree of any size:
    ``tests/unit/reports/pdf/test_document``.
    """

    @pytest.mark.usefixtures("small_parts")
    @pytest.mark.parametrize("kind", ["revenue", "margins"])
    @pytest.mark.parametrize(("rows", "sheets"), [(11, 1), (12, 1), (13, 2), (24, 2), (25, 3)])
    def test_the_table_goes_on_in_the_next_sheet_from_the_very_next_row(  # noqa: PLR0917
        self, make: Any, year: int, monkeypatch: pytest.MonkeyPatch, kind: str, rows: int, sheets: int
    ) -> None:
        monkeypatch.setitem(Workbook.__init__.__kwdefaults__, "max_rows", 15)  # two parts of six, and a heading
        lines = sell(year, rows)
        report = make(Period.year(year), kind=kind, columns=["sku"])
        book = openpyxl.load_workbook(io.BytesIO(content_of(report)))
        title = str(KINDS[kind].title)
        assert book.sheetnames[1:] == [title, *(f"{title} {number}" for number in range(2, sheets + 1))]
        assert [sheet.max_row for sheet in book.worksheets[1:-1]] == [13] * (sheets - 1)
        assert [[cell.value for cell in sheet[1]] for sheet in book.worksheets[1:]] == [headings_of(report)] * sheets
        assert column_of(report, "sku") == [line.sku for line in lines]
        assert report.headlines[0].amount == (rows * 1000 if kind == "revenue" else 0)


MEASURE = """
import resource, sys, time, uuid
import django
django.setup()
from django.db import connection
from reports import building

class Run:
    attempt, done, total, unit = 1, 0, None, ""
    def progress(self, *_): pass
    def checkpoint(self): pass
    def lease_ok(self): return True
    def hold(self): pass

for report_id in sys.argv[1:]:
    building.build(uuid.UUID(report_id), run=Run())
    # Of this program alone: ru_maxrss begins with what its parent had.
    print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), flush=True)
"""


@pytest.fixture(scope="module")
def much(transactional_db: None) -> int:
    """A year with 27,000 lines in January, which is a part and a bit, and four times as many in all."""
    year = next(_YEARS)
    order = OrderFactory(placed_at=at(year))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders_orderline (order_id, position, sku, name, quantity, unit_price, placed_at)"
            " SELECT %s, n, 'SKU-' || n %% 5000, 'Áo thun cotton nam ' || n %% 300, 1 + n %% 3, 1000 * (n %% 500),"
            " %s + n %% 1440 * interval '1 minute' + (n / 27000) * interval '40 days' FROM generate_series(0, 107999) AS n",
            [order.pk, at(year, 1, 1)],
        )
    return year


class TestMemory:
    """The worker's memory grows with the rows until it is killed: redash #4867, #3241, #6608, metabase #5187, odoo
    #22475, django-import-export PR 44.

    Of the writers alone: ``tests/unit/reports/pdf/test_document``. In megabytes, beside others: ``benchmarks/reports``.
    """

    @pytest.mark.parametrize("format", FORMATS)
    def test_four_times_the_rows_take_no_more_memory(self, ask: Any, much: int, storage: Path, format: Format) -> None:
        asked = [
            ask(Period(date(much, 1, 1), last), format=format)
            for last in (date(much, 1, 30), date(much, 1, 31), date(much, 12, 31))
        ]
        database = connection.settings_dict
        environment = {
            **os.environ,
            "DATABASE_URL": f"postgresql://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
            f"/{database['NAME']}",
            "STORAGE_URL": f"file://{storage}",
            "PYTHONPATH": str(settings.BASE_DIR),
        }
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE, *(str(report.pk) for report in asked)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        _first, after_few, after_many = map(int, measured.stdout.split())
        assert [Report.objects.get(pk=one.pk).row_count for one in asked] == [27_000, 27_000, 108_000]
        assert after_many - after_few < 8_000, "kilobytes: the file itself, or its rows, would be more"


class TestRequests:
    """A request makes or carries the file although there are workers for that, and runs into its time-out: redash #5613,
    frappe #33795, django-import-export #206.

    With a broker that hangs: ``tests/integration/kernel/test_frozen_broker``. Straight out of a bucket, in a real one:
    ``test_object_store``.
    """

    @pytest.fixture
    def sizes(self, transactional_db: None) -> tuple[int, int]:
        """A year of three lines, and one of three thousand."""
        little, much = next(_YEARS), next(_YEARS)
        sell(little, 3)
        sell(much, 3000)
        return little, much

    @pytest.mark.parametrize("format", FORMATS)
    def test_asking_makes_no_file_and_costs_the_same_however_much_it_will_be(
        self, page: Client, sizes: tuple[int, int], storage: Path, format: Format
    ) -> None:
        page.get(reverse("reports:list"))  # what a person's first request alone looks up
        queries = []
        for year in sizes:
            wish = {"period": "custom", "first_day": f"{year}-01-01", "last_day": f"{year}-12-31", "format": format}
            with CaptureQueriesContext(connection) as asked:
                response = page.post(reverse("reports:new", kwargs={"kind": "revenue"}), wish | {"columns": ["sku"]})
            assert response.status_code == 302
            queries.append(len(asked))
        assert queries[0] == queries[1] < 20
        assert [report.state_at(timezone.now()) for report in Report.objects.select_related("job")] == ["requested"] * 2
        assert stored(storage) == []

    def test_giving_out_costs_the_same_however_much_it_is(
        self, page: Client, make: Any, sizes: tuple[int, int]
    ) -> None:
        little, much = (make(Period.year(year), columns=["sku"], format=Format.CSV) for year in sizes)
        assert much.size > 100 * little.size
        queries = []
        for report in (little, much):
            with CaptureQueriesContext(connection) as asked:
                response = page.get(page.get(address("download", report))["Location"])
            assert response.streaming
            assert sum(map(len, response.streaming_content)) == report.size
            queries.append(len(asked))
        assert queries[0] == queries[1] < 20

    def test_a_file_in_a_bucket_does_not_go_through_the_request(
        self, page: Client, make: Any, year: int, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        report = make(Period.year(year))
        options = {"bucket_name": "shop", "endpoint_url": "http://127.0.0.1:9", "access_key": "a", "secret_key": "b"}
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
        }
        monkeypatch.setattr(S3Storage, "open", lambda *_: pytest.fail("the request opened the file"))
        assert page.get(address("download", report))["Location"].startswith(
            f"http://127.0.0.1:9/shop/{report.file_key}?"
        )

    @pytest.fixture
    def slow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Counting takes longer than a page waits. The time-out is the database's own."""

        def count(_selection: Selection) -> int:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(60)")
            return 1

        monkeypatch.setattr(Selection, "count", count)
        monkeypatch.setattr(preview, "_PATIENCE", 0.2)

    @pytest.mark.usefixtures("slow")
    @pytest.mark.parametrize("how", ["the form", "the fragment", "without JavaScript"])
    def test_what_takes_too_long_to_count_is_said_in_a_sentence(self, page: Client, how: str) -> None:
        new, rows = (reverse(f"reports:{name}", kwargs={"kind": "revenue"}) for name in ("new", "rows"))
        response = {
            "the form": lambda: page.get(new),
            "the fragment": lambda: page.get(rows, {"period": "last_year"}),
            "without JavaScript": lambda: page.post(new, {"period": "last_year", "format": "xlsx", "count": "yes"}),
        }[how]()
        assert response.status_code == 200
        assert "counting it takes longer than this page waits" in text_of(response)

    @pytest.mark.usefixtures("slow")
    def test_the_report_can_be_asked_for_all_the_same(self, page: Client) -> None:
        new = reverse("reports:new", kwargs={"kind": "revenue"})
        page.get(new)
        assert page.post(new, {"period": "last_year", "format": "xlsx"}).status_code == 302
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)  # nobody else is hurried by it
        assert Report.objects.count() == 1

    def test_another_fault_of_the_database_is_not_taken_for_patience(self, transactional_db: None) -> None:
        with pytest.raises(OperationalError, match="terminating"), preview.in_no_time():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        connection.close()


class TestStuck:
    """A report waits for ever, or one that has failed is shown as if it still waited: erpnext #51425, erpnext_germany
    PR 129, saleor PR 9160.

    A worker that is killed, at three places: ``test_building``. Lost doorbells and leases, for jobs of any kind:
    ``tests/integration/kernel/test_life`` and ``tests/chaos``. What the mail says: ``test_schedules``.
    """

    @pytest.mark.parametrize(
        ("job", "shown", "word", "watched"),
        [
            ({}, State.REQUESTED, "Waiting", True),
            ({"state": JobState.RUNNING, "turn": None, "lease_until": True, "started_at": True}, State.BUILDING,
             "Being made", True),
            ({"state": JobState.FAILED, "turn": None, "finished_at": True, "error_message": "Out of ink."}, State.FAILED,
             "Out of ink.", False),
            ({"state": JobState.CANCELLED, "turn": None, "finished_at": True}, State.CANCELLED, "Cancelled", False),
        ],
    )  # fmt: skip
    def test_pages_show_what_the_job_has_come_to_and_watch_only_what_goes_on(  # noqa: PLR0917
        self, page: Client, ask: Any, year: int, job: dict[str, Any], shown: State, word: str, watched: bool
    ) -> None:
        report = ask(Period.year(year))
        if job:
            now = timezone.now()
            changes = {name: now if value is True else value for name, value in job.items()}
            Job.objects.filter(pk=report.job_id).update(**changes)
        detail, listed = (text_of(page.get(to)) for to in (report.get_absolute_url(), reverse("reports:list")))
        assert Report.objects.select_related("job").get().state_at(timezone.now()) == shown
        assert word in detail
        assert str(shown.label) in detail
        assert str(shown.label) in listed
        assert ("hx-get" in text_of(page.get(address("live", report)))) == watched

    def test_a_job_that_is_purged_leaves_nothing_that_seems_to_go_on(self, page: Client, ask: Any, year: int) -> None:
        report = ask(Period.year(year))
        Job.objects.filter(pk=report.job_id).delete()
        assert "hx-get" not in text_of(page.get(address("live", report)))
        assert Report.objects.get().state_at(timezone.now()) == State.CANCELLED

    @pytest.mark.parametrize("over", [JobState.FAILED, JobState.CANCELLED])
    def test_what_is_over_stands_in_nobodys_way(self, ask: Any, year: int, over: JobState) -> None:
        report = ask(Period.year(year))
        Job.objects.filter(pk=report.job_id).update(state=over, turn=None, finished_at=timezone.now())
        assert ask(Period.year(year)).pk != report.pk

    def test_a_doorbell_that_nobody_hears_is_rung_again(self, ask: Any, work: Any, year: int) -> None:
        report = ask(Period.year(year))
        ringing.admit_due()
        (_lost,) = ringing.ring("reports", 10)
        assert ringing.ring("reports", 10) == []
        Job.objects.filter(pk=report.job_id).update(ring_at=timezone.now() - timedelta(seconds=1))
        assert work() == ["succeeded"]
        assert Report.objects.get().ready_at is not None

    def test_a_report_that_kills_its_workers_fails_and_says_so(
        self, page: Client, ask: Any, year: int, storage: Path
    ) -> None:
        report = ask(Period.year(year))
        for attempt in range(1, 20):
            Job.objects.filter(pk=report.job_id).update(run_at=timezone.now(), ring_at=timezone.now())
            ringing.admit_due()
            bells = ringing.ring("reports", 10)
            if not bells:
                break
            assert claims.claim(report.job_id, holder=f"worker-{attempt}", message=bells[0].message) is not None
            files.save(f"{files.PARTS}/{report.pk}-0-{attempt}", [b"half a part"])
            Job.objects.filter(pk=report.job_id).update(lease_until=timezone.now() - timedelta(seconds=1))
            claims.redo_lapsed()
        job = Job.objects.get(pk=report.job_id)
        assert job.state == JobState.FAILED
        assert 1 < job.attempt < 10
        shown = text_of(page.get(report.get_absolute_url()))
        assert "stopped the process working on it several times" in shown
        assert "hx-get" not in text_of(page.get(address("live", report)))
        assert address("again", report) in shown


class TestTwice:
    """The same task runs twice, for the broker gave it out again: celery #5935, pretix #2058, learningequality/studio
    #3395.

    Workers that come too late, with and without their lease: ``test_building``. Two that look for what is due at once:
    ``test_schedules``.
    """

    @pytest.mark.parametrize("format", FORMATS)
    def test_two_workers_with_the_same_message_make_one_file_one_row_and_one_mail(
        self, owner: User, year: int, storage: Path, monkeypatch: pytest.MonkeyPatch, format: Format
    ) -> None:
        sell(year, 5)
        saved = schedules.save(
            owner=owner, choice=Choice("revenue", format, ["sku"]), language="en", name="Year", period="last_year",
            recurrence=Recurrence(Every.MONTH, 0, 1, 7), by_mail=True, now=at(year, 12, 1),
        )  # fmt: skip
        assert schedules.run_due(at(year + 1, 1, 2)) == 1
        ringing.make_known()
        ringing.admit_due()
        (bell,) = ringing.ring("reports", 10)
        real, outcomes = building._make, []

        def make(report: Report, run: Any) -> None:
            assert wait_for(lambda: len(outcomes) == 1, seconds=20)  # the other one has been and gone
            real(report, run)

        def answer() -> None:
            outcomes.append(runner.answer(bell.job_id, message=bell.message))
            connection.close()

        monkeypatch.setattr(building, "_make", make)
        workers = [threading.Thread(target=answer) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert outcomes == ["nothing to do", "succeeded"]
        report = Report.objects.get()
        assert (report.saved, report.row_count, stored(storage)) == (saved, 5, [report.file_key])

        made = (report.sha256, report.ready_at)
        assert runner.answer(bell.job_id, message=bell.message) == "nothing to do"  # an hour later, once more
        report.refresh_from_db()
        assert ((report.sha256, report.ready_at), stored(storage)) == (made, [report.file_key])
        assert [schedules.mail_finished(), schedules.mail_finished()] == [1, 0]
        ringing.admit_due()
        (letter,) = ringing.ring("mail", 10)
        answers = [runner.answer(letter.job_id, message=letter.message) for _ in range(2)]
        assert answers == ["succeeded", "nothing to do"]
        assert len(mail.outbox) == 1

    def test_rung_twice_because_the_first_was_slow_it_is_worked_on_once(
        self, ask: Any, year: int, storage: Path
    ) -> None:
        report = ask(Period.year(year))
        bells = []
        for _ in range(2):
            Job.objects.filter(pk=report.job_id).update(ring_at=timezone.now() - timedelta(seconds=1))
            ringing.admit_due()
            bells += ringing.ring("reports", 10)
        assert len({bell.message for bell in bells}) == 2
        assert [runner.answer(bell.job_id, message=bell.message) for bell in bells[::-1]] == [
            "succeeded",
            "nothing to do",
        ]
        assert stored(storage) == [Report.objects.get().file_key]


class TestPaging:
    """Rows come twice and others not at all, for pages of them were asked for in no firm order: magento2 #4531, nocodb
    #13931, woocommerce PR 65074, easy-digital-downloads #5678. The number of rows looks right.

    That every order of every kind is a firm one: ``test_kinds_of_a_seeded_shop``. Rows that come or change between a
    worker's death and its successor: ``test_parts``.
    """

    @pytest.mark.usefixtures("small_parts")
    @pytest.mark.parametrize("order", ["", "-currency"])
    @pytest.mark.parametrize("format", FORMATS)
    def test_each_line_comes_once_while_others_sell_and_all_are_equal(
        self, make: Any, year: int, format: Format, order: str
    ) -> None:
        lines = sell(year, 40)
        sold = []

        def sell_more(_done: int) -> None:
            """Somebody else, before, among and behind them, at each step of the worker."""
            if len(sold) < 12:
                later = timedelta(days=len(sold) % 3 - 1)
                other = threading.Thread(
                    target=_on_its_own, args=(lambda: sell(year, ["late"], placed_at=at(year) + later),)
                )
                other.start()
                other.join()
                sold.append(later)

        report = make(
            Period.year(year), worker=Worker(at_step=sell_more), format=format, columns=["sku", "product"], order=order
        )
        assert column_of(report, "sku") == [line.sku for line in lines]
        assert len(sold) == 12
        assert OrderLine.objects.filter(sku="late", placed_at__year=year).count() == len(sold)

    def test_the_list_of_reports_shows_each_once_while_others_come(self, page: Client, owner: User, ask: Any) -> None:
        at_once = timezone.now()
        wishes = [{"kind": "revenue", "format": "xlsx", "columns": ["sku"], "language": "en", "owner": owner}] * 60
        Report.objects.bulk_create(
            Report(
                code=f"{number:012}", first_day=date(2020, 1, 1), last_day=date(2020, 1, 1), created_at=at_once, **wish
            )
            for number, wish in enumerate(wishes)
        )
        seen: list[str] = []
        where: dict[str, str] = {}
        while True:
            found = page.get(reverse("reports:list"), where).context["page"]
            seen += [report.code for report in found.rows]
            if not found.older:
                break
            where = {"before": found.older}
            ask(Period(date(2020, 1, 1), date(2020, 1, len(seen) // 25)))
        assert sorted(seen) == [f"{number:012}" for number in range(60)]


def _on_its_own(act: Callable[[], object]) -> None:
    try:
        act()
    finally:
        connection.close()


#: Texts that a spreadsheet takes for formulas, and such as only look like them.
FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "+84 28 1234", "-5", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "－1"]


class TestFormulaGuard:
    """What guards against formulas makes texts of negative amounts: grafana PR 17363, woocommerce #25379 and PR 52727.

    That no text is a formula: ``tests/unit/reports/test_xlsx`` and ``test_csv``.
    """

    @pytest.mark.usefixtures("small_shop")
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_number_of_every_kind_is_one_in_the_file(self, make: Any, kind: str) -> None:
        spec = KINDS[kind]
        wish = {"kind": kind, "columns": [column.name for column in spec.columns]}
        book = openpyxl.load_workbook(io.BytesIO(content_of(make(known.YEAR, **wish))))
        rows = list(book[str(spec.title)].iter_rows(min_row=2))
        text = content_of(make(known.YEAR, format=Format.CSV, **wish)).decode("utf-8-sig")
        _heading, *lines = csv.reader(io.StringIO(text, newline=""))
        negative = 0
        for place, column in enumerate(spec.columns):
            if not column.is_number:
                continue
            for row, line in zip(rows, lines, strict=True):
                cell = row[place]
                assert cell.data_type == "n"
                assert not cell.quotePrefix
                assert re.fullmatch(r"-?\d+(\.\d+)?" if cell.value is not None else "", line[place])
                negative += cell.value is not None and cell.value < 0
        assert negative or kind in {"customers", "margins"}

    @pytest.mark.parametrize("format", FORMATS)
    def test_negative_amounts_are_amounts_and_texts_like_them_are_texts(
        self, make: Any, year: int, format: Format
    ) -> None:
        sell(year, ["-5"], name="-1000", quantity=-3, unit_price=70, discount=-10)
        sell(year, ["=1"], name="+0", quantity=-1, unit_price=5, of_order={"currency": "GBP", "decimals": 3})
        report = make(Period.year(year), format=format, columns=["sku", "product", "unit_price", "discount"])
        names = ["sku", "product", "quantity", "discount", "revenue"]
        assert [column_of(report, name) for name in names] == [
            ["-5", "=1"],
            ["-1000", "+0"],
            [Decimal(-3), Decimal(-1)],
            [Decimal(-10), Decimal(0)],
            [Decimal(-200), Decimal("-0.005")],
        ]
        assert {total.currency: total.amount for total in report.headlines} == {"GBP": -5, "VND": -200}

    @pytest.mark.parametrize("format", FORMATS)
    def test_guarded_texts_are_what_was_sold(self, make: Any, year: int, format: Format) -> None:
        for text in FORMULAS:
            sell(year, [text], name=text)
        report = make(Period.year(year), format=format, columns=["sku", "product"])
        wanted = [printable(text) if format == Format.PDF else text for text in FORMULAS]
        assert column_of(report, "sku") == column_of(report, "product") == wanted
        if format == Format.CSV:
            text = content_of(report).decode("utf-8-sig")
            for row in csv.DictReader(io.StringIO(text, newline="")):
                assert not row["SKU"].startswith(reading.GUARDED)
                assert not row["Product"].startswith(reading.GUARDED)


#: All that PostgreSQL can hold (it has no U+0000) and that some file format cannot.
CONTROLS = [
    *(chr(code) for code in [*range(1, 0x20), *range(0x7F, 0xA0)]),
    *"\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\ufdd0\ufffe\uffff\U0001ffff\U0010ffff",
]


class TestControlCharacters:
    """A control character makes the whole report fail, or a file that nothing opens: ciso-assistant PR 4699,
    libxlsxwriter #42.

    Any text at all, in the writers alone: ``tests/unit/reports``.
    """

    @pytest.mark.parametrize("format", FORMATS)
    def test_each_is_accounted_for_in_a_file_that_is_sound(
        self, make: Any, year: int, tmp_path: Path, format: Format
    ) -> None:
        texts = [*(f"a{control}b" for control in CONTROLS), *(f"{control}" for control in CONTROLS), "".join(CONTROLS)]
        sell(year, [f"{number}" for number in range(len(texts))])
        for number, text in enumerate(texts):
            OrderLine.objects.filter(placed_at__year=year, sku=f"{number}").update(name=text)
        report = make(Period.year(year), format=format, columns=["sku", "product"])
        wanted = [printable(text) if format == Format.PDF else text for text in texts]
        assert column_of(report, "product") == wanted
        assert {"\ufffd"} >= {text for text in wanted if format == Format.PDF and "\x01" in text}
        SOUND[format](content_of(report), tmp_path)

    @pytest.mark.parametrize("format", FORMATS)
    def test_they_do_no_harm_in_names_that_stand_around_the_table(
        self, make: Any, year: int, owner: User, tmp_path: Path, format: Format
    ) -> None:
        owner.first_name = owner.last_name = "<a>\x01\x0b\ufffe&=1"
        owner.save()
        lines = sell(year, ["x"])
        channel = lines[0].order.channel
        channel.name = "=kênh\x01\x1f<\uffff&"
        channel.save()
        report = make(Period.year(year), format=format, columns=["channel"], filters={"channel": [str(channel.pk)]})
        shown = printable(channel.name) if format == Format.PDF else channel.name
        assert column_of(report, "channel") == [shown]
        SOUND[format](content_of(report), tmp_path)


def _sound_workbook(content: bytes, _folder: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            fromstring(archive.read(name))


def _sound_pdf(content: bytes, folder: Path) -> None:
    path = folder / "report.pdf"
    path.write_bytes(content)
    checked = subprocess.run([pdfs.program("qpdf"), "--check", str(path)], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def _sound_text(content: bytes, _folder: Path) -> None:
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True))
    assert len({len(row) for row in rows}) == 1


def _sound_columns(content: bytes, _folder: Path) -> None:
    found = parquet.ParquetFile(io.BytesIO(content), page_checksum_verification=True).read()
    found.validate(full=True)


SOUND: dict[str, Callable[[bytes, Path], None]] = {
    Format.XLSX: _sound_workbook,
    Format.PDF: _sound_pdf,
    Format.CSV: _sound_text,
    Format.PARQUET: _sound_columns,
}


class TestDays:
    """Sales are counted in, or shown on, the wrong day, for it was midnight in Greenwich and not in the shop: umbraco
    commerce #303, shopware #739, woocommerce-payments #9064, nopCommerce #6296.

    Which lines belong to a day, a month and a year, of every kind: ``test_kinds`` and ``test_kinds_of_a_seeded_shop``.
    """

    @pytest.mark.usefixtures("small_shop")
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("kind", ["revenue", "payments", "customers"])
    def test_no_time_in_a_file_is_outside_its_days(self, make: Any, kind: str, format: Format) -> None:
        spec = KINDS[kind]
        columns = [column.name for column in spec.columns]
        for day in (date(2025, 1, 1), date(2025, 1, 31), date(2025, 2, 1), date(2025, 12, 31), date(2024, 12, 31)):
            report = make(Period(day, day), kind=kind, format=format, columns=columns)
            shown = {
                moment
                for column in spec.columns
                if column.holds == Holds.MOMENT
                for moment in column_of(report, column.name)
            }
            edge = {1: "00:00:00", 31: "23:59:59"}[day.day]
            assert {f"{moment:%Y-%m-%d %H:%M:%S}" for moment in shown} <= {f"{day} {edge}"}
            assert shown or (kind, day) == ("customers", date(2025, 1, 31))

    @pytest.mark.usefixtures("small_shop")
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("kind", ["revenue-by", "vat"])
    def test_the_last_moment_of_a_month_is_not_in_the_next(self, make: Any, kind: str, format: Format) -> None:
        both = Period(date(2025, 1, 31), date(2025, 2, 1))
        assert set(column_of(make(both, kind=kind, format=format), "month")) == {date(2025, 1, 1), date(2025, 2, 1)}
        for day in (both.first, both.last):
            found = column_of(make(Period(day, day), kind=kind, format=format), "month")
            assert set(found) == {day.replace(day=1)}

    @pytest.mark.parametrize(
        ("now", "last_month"),
        [
            ("2026-01-31 16:59:59", ("2025-12-01", "2025-12-31")),
            ("2026-01-31 17:00:00", ("2026-01-01", "2026-01-31")),  # it is February in the shop
        ],
    )
    def test_a_month_is_over_when_it_is_over_in_the_shop(
        self, owner: User, client: Client, now: str, last_month: tuple[str, str]
    ) -> None:
        moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
        saved = schedules.save(
            owner=owner, choice=Choice("vat", Format.XLSX, []), language="en", name="VAT", period="last_month",
            recurrence=Recurrence(Every.NEVER, 0, 1, 7), by_mail=False, now=moment,
        )  # fmt: skip
        with time_machine.travel(moment, tick=False):
            client.force_login(owner)
            wish = {"period": "last_month", "format": "xlsx"}
            assert client.post(reverse("reports:new", kwargs={"kind": "revenue"}), wish).status_code == 302
            schedules.make(saved=saved, now=moment)
        for report in Report.objects.all():
            assert (f"{report.first_day}", f"{report.last_day}") == last_month

    def test_the_file_says_whose_clock_it_is_by(self, make: Any, year: int) -> None:
        page = openpyxl.load_workbook(io.BytesIO(content_of(make(Period.year(year))))).worksheets[0]
        facts = {row[0]: row[1] for row in page.iter_rows(min_row=2, values_only=True)}
        assert facts["Time zone"] == "Asia/Ho_Chi_Minh"
        assert (facts["First day"], facts["Last day"]) == (datetime(year, 1, 1), datetime(year, 12, 31))
        written = facts["Data as of"].replace(tzinfo=known.SHOP)
        assert abs(written - timezone.now()) < timedelta(minutes=5)


class TestLinks:
    """Files can be fetched by whoever guesses or is sent their address, for ever, or from another tenant: dats #336,
    yii2-export #251, TeamPass #2469, cht-core #456.

    Who is given a file, for how long, and what else there is at other people's codes: ``test_downloads``. Signed links
    of a real bucket: ``test_object_store``. Customers' data: ``test_personal_data``.
    """

    @pytest.fixture
    def report(self, make: Any, year: int) -> Report:
        return make(Period.year(year), columns=["sku"])

    def test_where_files_are_stored_is_no_address(self, page: Client, report: Report) -> None:
        for root in ("", "/reports", "/media", "/static", "/files", "/reports/file", "/reports/download"):
            for address in (f"{root}/{report.file_key}", f"{root}/{Path(report.file_key).name}", f"{root}/{report.pk}"):
                assert page.get(address, follow=True).status_code == 404, address

    def test_codes_cannot_be_counted_through(self, ask: Any, year: int) -> None:
        codes = [ask(Period(date(year, 1, day), date(year, 1, day))).code for day in range(1, 11)]
        assert len({code[:4] for code in codes}) > 7
        assert len({code[-4:] for code in codes}) > 7
        assert all(len(set(code)) > 3 for code in codes)

    @pytest.mark.parametrize(
        "token",
        [
            lambda report, person: signing.dumps({"report": str(report.pk), "person": person}),
            lambda report, person: signing.dumps({"report": str(report.pk), "person": person}, salt="jobs.code"),
            lambda report, person: signing.dumps({"report": str(report.pk), "person": person}, key="y", salt=services._SALT),
            lambda report, person: signing.b64_encode(f'{{"report":"{report.pk}","person":{person}}}'.encode()).decode(),
        ],
    )  # fmt: skip
    def test_a_link_signed_for_something_else_opens_nothing(
        self, page: Client, owner: User, report: Report, token: Callable[[Report, int], str]
    ) -> None:
        made = reverse("reports:file", kwargs={"token": token(report, owner.pk)})
        assert page.get(made).status_code == 404

    def test_a_link_does_not_outlive_the_file(self, page: Client, report: Report, storage: Path) -> None:
        assert report.expires_at is not None
        with time_machine.travel(report.expires_at - timedelta(seconds=10), tick=False):
            link = page.get(address("download", report))["Location"]
            assert page.get(link).status_code == 200
        with time_machine.travel(report.expires_at + timedelta(seconds=1), tick=False):
            assert page.get(link).status_code == 410
            assert page.get(address("download", report)).status_code == 410
        assert stored(storage) == [report.file_key]  # though it is there still

    @pytest.mark.parametrize("method", ["get", "head", "post", "options"])
    def test_a_link_that_was_sent_on_opens_nothing(
        self, page: Client, client: Client, report: Report, method: str
    ) -> None:
        link = page.get(address("download", report))["Location"]
        for other in (
            None,
            PersonFactory(),
            PersonFactory(owner=True),
            PersonFactory(is_superuser=True, is_staff=True),
        ):
            client.logout()
            if other:
                client.force_login(other)
            response = getattr(client, method)(link)
            assert response.status_code in {302, 403, 404, 405}
            assert not response.streaming

    def test_each_time_the_file_is_given_out_is_written_down(self, page: Client, report: Report) -> None:
        for _ in range(3):
            page.get(address("download", report))
        assert report.downloads.count() == 3


class TestDigits:
    """Leading zeros are lost, digits beyond the fifteenth become zeros, and accents are broken for want of a mark:
    opencart-excel-export #4, tableExport #370, SQLPage #528.

    Of single cells: ``tests/unit/reports``.
    """

    CODES: ClassVar = ["0000123", "00", "1E5", "1e-5", "0x1F", "1234567890123456789", "12345678901234567890123456789", "1,5", "1.0",
             "TRUE", "NaN", "null", "2026-11-25", "1/2", "12:30", "٣٤", "１２", "∞", "#REF!", " 7", "7 ", "1 000"]  # fmt: skip

    @pytest.mark.parametrize("format", FORMATS)
    def test_codes_are_what_they_were(self, make: Any, year: int, format: Format) -> None:
        sell(year, self.CODES, of_order={"number": f"00{year}", "code": f"0{year}", "region": "Đà Nẵng ữ ₫"})
        report = make(Period.year(year), format=format, columns=["number", "sku", "region"])
        assert column_of(report, "sku") == self.CODES
        assert set(column_of(report, "number")) == {f"00{year}"}
        assert set(column_of(report, "order")) == {f"0{year}"}
        assert set(column_of(report, "region")) == {"Đà Nẵng ữ ₫"}

    @pytest.mark.parametrize("decimals", [0, 2, 6])
    @pytest.mark.parametrize("format", FORMATS)
    def test_amounts_keep_all_their_digits(self, make: Any, year: int, format: Format, decimals: int) -> None:
        amounts = [
            10**14 + 1,
            10**15 + 1,
            10**16 + 1,
            123_456_789_012_345_678,
            2**63 - 1,
            -(2**63) + 1,
            0,
            1,
            10**15 - 1,
        ]
        order = {"currency": "GBP", "decimals": decimals}
        for amount in amounts:
            sell(year, [f"{amount}"], unit_price=amount, of_order=order)
        report = make(Period.year(year), format=format, columns=["sku"])
        exact = [Decimal(amount).scaleb(-decimals) for amount in amounts]
        assert column_of(report, "revenue") == exact
        assert [total.amount for total in report.headlines] == [sum(amounts)]
        assert [total.money.value for total in report.headlines if total.money] == [sum(exact)]

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_text_file_says_that_it_is_utf_8(self, make: Any, year: int, kind: str) -> None:
        assert content_of(make(Period.year(year), kind=kind, format=Format.CSV)).startswith(b"\xef\xbb\xbf")
