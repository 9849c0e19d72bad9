import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.core.files.storage import default_storage
from django.utils import timezone, translation

from jobs import ringing, runner
from reports import building, formats, kinds, parts, services
from reports.choice import Choice
from reports.forms import default_columns
from reports.models import Report
from reports.periods import Period
from reports.specs import Format
from shop.accounts.models import Role, User
from tests.factories.orders import OrderFactory, OrderLineFactory
from tests.factories.people import PersonFactory

YEAR_2025 = Period.year(2025)
NEW_YEARS_EVE = Period(date(2025, 12, 31), date(2025, 12, 31))
AT_NOON = datetime(2025, 6, 15, 5, tzinfo=UTC)


@dataclass
class Worker:
    """Stands for the attempt of a worker that nobody disturbs; a test hands in what happens at a step."""

    attempt: int = 1
    done: int = 0
    total: int | None = None
    unit: str = ""
    steps: list[int] = field(default_factory=list)
    at_step: Callable[[int], object] = lambda _done: None
    holds_lease: bool = True
    before_store: Callable[[], object] = lambda: None
    before_hold: Callable[[], object] = lambda: None

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        self.steps.append(done)
        self.at_step(done)

    def checkpoint(self) -> None:
        self.at_step(-1)

    def lease_ok(self) -> bool:
        self.before_store()
        return self.holds_lease

    def hold(self) -> None:
        self.before_hold()


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    """A folder of the test's own for stored files."""
    folder = tmp_path / "files"
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder), "base_url": None},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    return folder


@pytest.fixture
def owner(transactional_db: None) -> User:
    """An owner who may also have lists of customers."""
    return PersonFactory(roles=[Role.OWNER, Role.CUSTOMER_DATA])


@pytest.fixture
def ask(owner: User) -> Callable[..., Report]:
    """Asks for a report as the owner."""

    def request(
        period: Period = YEAR_2025,
        *,
        by: User = owner,
        kind: str = "revenue",
        columns: Sequence[str] | None = None,
        filters: Mapping[str, Sequence[str]] | None = None,
        order: str = "",
        language: str = "en",
        format: Format = Format.XLSX,
        now: datetime | None = None,
    ) -> Report:
        if columns is None:
            columns = default_columns(kinds.get(kind))
        choice = Choice(kind, format, columns, filters or {}, order)
        with translation.override(language):
            return services.request_report(owner=by, choice=choice, period=period, now=now or timezone.now())

    return request


@pytest.fixture
def make(ask: Callable[..., Report]) -> Callable[..., Report]:
    """A report with its file, made by a worker that nobody disturbs."""

    def finished(period: Period = YEAR_2025, *, worker: Worker | None = None, **wishes: Any) -> Report:
        report = ask(period, **wishes)
        building.build(report.pk, run=worker or Worker())  # type: ignore[arg-type]
        return Report.objects.select_related("job", "owner").get(pk=report.pk)

    return finished


@pytest.fixture
def work(transactional_db: None) -> Callable[[], list[str]]:
    """Rings and answers, in this process and by the kernel's own code, until no report is due."""
    ringing.make_known()

    def until_done() -> list[str]:
        outcomes = []
        while bells := (ringing.admit_due(), ringing.ring("reports", 10))[1]:
            outcomes += [runner.answer(bell.job_id, message=bell.message) for bell in bells]
        return outcomes

    return until_done


def content_of(report: Report) -> bytes:
    with default_storage.open(report.file_key) as file:
        return file.read()


def rows_of(report: Report, table: str = "Revenue") -> list[dict[str, Any]]:
    """The rows of a report's table, by heading."""
    sheet = openpyxl.load_workbook(io.BytesIO(content_of(report)))[table]
    heading, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(heading, row, strict=True)) for row in rows]


def summary_of(report: Report) -> dict[str, Any]:
    book = openpyxl.load_workbook(io.BytesIO(content_of(report)))
    return {row[0]: row[1] for row in book.worksheets[0].iter_rows(min_row=2, values_only=True)}


def stored(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 6 rows, written in batches of 3."""
    monkeypatch.setattr(formats, "ROWS_A_PART", 6)
    monkeypatch.setattr(parts, "LINES_AT_ONCE", 3)


@pytest.fixture
def lines(transactional_db):
    """25 lines in two currencies, one of them taken back."""
    order = OrderFactory(placed_at=AT_NOON)
    made = [OrderLineFactory(order=order, position=n, unit_price=n * 1000, quantity=2) for n in range(1, 21)]
    pounds = OrderFactory(placed_at=AT_NOON, currency="GBP", decimals=3)
    made += [OrderLineFactory(order=pounds, position=n, unit_price=n, quantity=3) for n in range(1, 5)]
    made.append(OrderLineFactory(order=order, position=21, unit_price=20_000, quantity=-2))
    return made


def stop_at(step, error):
    def act(done):
        if done == step:
            raise error

    return act
