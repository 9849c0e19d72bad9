"""Who may have how much, what is swept, and what a process that dies in between leaves behind."""

import errno
import os
from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import task as tasks
from jobs.models import Job
from media_pipeline import services
from media_pipeline.models import Asset, Outcome, Upload
from media_pipeline.uploads import Folder, Hold
from shop.accounts.models import User
from tests.factories.people import PersonFactory
from tests.integration.media.uploads.conftest import Uploader

GB = 1024**3
AGES_AGO = 10 * 24 * 3600


def begin(owner: User, length: int) -> Upload:
    return services.create_upload(owner=owner, name="a.jpg", length=length, now=timezone.now())


def aged(folder: Folder, upload: Upload) -> None:
    for path in (folder.arriving(upload.pk), folder.whole(upload.pk), folder.lock(upload.pk)):
        if path.exists():
            then = path.stat().st_mtime - AGES_AGO
            os.utime(path, (then, then))


@pytest.fixture
def small_quota(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.UPLOAD_QUOTA_BYTES = 10 * 1024
    settings.UPLOAD_MOST_BYTES = 8 * 1024
    monkeypatch.setattr(services, "ROOM_LEFT", 0)


def test_what_is_under_way_counts_towards_the_quota(person, small_quota) -> None:
    begin(person, 6 * 1024)

    with pytest.raises(services.OverQuota, match=r"4.0.KB left of your 10.0.KB"):
        begin(person, 4 * 1024 + 1)
    begin(person, 4 * 1024)
    begin(PersonFactory(), 8 * 1024)


def test_what_is_kept_counts_and_what_is_refused_does_not(person, small_quota) -> None:
    kept = Asset.objects.create(owner=person, name="a", size=8 * 1024)

    with pytest.raises(services.OverQuota):
        begin(person, 3 * 1024)
    Asset.objects.filter(pk=kept.pk).update(outcome=Outcome.REFUSED, reason="not_media", finished_at=timezone.now())
    begin(person, 3 * 1024)


def test_an_upload_is_not_counted_twice_once_it_is_an_asset(tus, person, small_quota) -> None:
    tus.patch(tus.create(4 * 1024), b"x" * 4 * 1024, 0)

    begin(person, 6 * 1024)


def test_the_quota_is_said_in_words(tus, small_quota) -> None:
    tus.create(8 * 1024)

    answer = tus("POST", "/media/uploads/", upload_length=str(8 * 1024))

    assert answer.status_code == 403
    assert answer.content.decode().startswith("You have 2.0\xa0KB left of your 10.0\xa0KB")


def test_a_person_has_only_so_many_unfinished_ones(person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_UNDER_WAY", 2)
    begin(person, 1)
    begin(person, 1)

    with pytest.raises(services.OverQuota, match="too many unfinished"):
        begin(person, 1)


def test_nothing_begins_that_the_disk_has_no_room_for(tus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "free", lambda _folder: services.ROOM_LEFT + 99)

    assert tus("POST", "/media/uploads/", upload_length="100").status_code == 507
    assert tus("POST", "/media/uploads/", upload_length="99").status_code == 201


def test_what_fits_on_a_disk_that_fills_up_is_kept(tus, monkeypatch: pytest.MonkeyPatch, folder, only) -> None:
    address = tus.create(1000)
    write = os.write

    def full_soon(file: int, data: memoryview) -> int:
        if folder.size(only().pk) >= 600:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:300])

    monkeypatch.setattr("media_pipeline.uploads.os.write", full_soon)
    answer = tus.patch(address, b"x" * 1000, 0)
    monkeypatch.undo()

    assert answer.status_code == 507
    assert tus.offset(address) == 600
    assert tus.patch(address, b"x" * 400, 600).status_code == 204


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the process comes after it."""


@pytest.mark.parametrize("moment", ["before the file is moved", "before the asset is written"])
def test_an_end_that_was_cut_off_is_ended_by_the_next_who_asks(
    tus, only, moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = tus.create(3)
    seal = Hold.seal

    def dies(hold: Hold) -> None:
        if moment == "before the asset is written":
            seal(hold)
        raise Killed

    monkeypatch.setattr(Hold, "seal", dies)
    with pytest.raises(Killed):
        tus.patch(address, b"abc", 0)
    monkeypatch.setattr(Hold, "seal", seal)
    assert not Asset.objects.exists()

    assert tus.offset(address) == 3

    assert services.arrived_file(Asset.objects.get()).read_bytes() == b"abc"
    assert Job.objects.count() == 1


def test_two_that_both_believe_to_hold_it_write_one_end(tus, only, folder) -> None:
    """Where the folder's disk has no locks, the row still has one."""
    tus.create(3)
    seen_by_one, seen_by_other = only(), only()
    with folder.held(only().pk, patience=0) as hold:
        hold.receive(lambda _size: b"abc", 3)
        ends = {services._finish(seen, hold) for seen in (seen_by_one, seen_by_other)}

    assert ends == {Asset.objects.get()}
    assert Job.objects.count() == 1


def test_an_end_that_was_cut_off_is_ended_by_the_sweep(tus, only, monkeypatch: pytest.MonkeyPatch) -> None:
    address = tus.create(3)
    with monkeypatch.context() as patch:
        patch.setattr(Hold, "seal", lambda _hold: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            tus.patch(address, b"abc", 0)

    assert services.sweep_uploads(timezone.now())["finished"] == 0  # it may still be at work
    later = timezone.now() + services.LEFT_BEHIND + timedelta(seconds=1)
    assert services.sweep_uploads(later)["finished"] == 1
    assert services.sweep_uploads(later)["finished"] == 0

    assert only().asset == Asset.objects.get()


def test_the_sweep_lets_an_upload_be_that_is_being_written(tus, only, folder) -> None:
    address = tus.create(6)
    tus.patch(address, b"abc", 0)
    later = timezone.now() + services.KEEP + timedelta(seconds=1)

    with folder.held(only().pk, patience=0) as hold:
        assert services.sweep_uploads(later)["expired"] == 0
        assert hold.size == 3
        assert not hold.is_wanted()


def test_expired_bytes_are_deleted_and_the_row_says_so_for_a_while(tus, folder) -> None:
    address = tus.create(6)
    tus.patch(address, b"abc", 0)
    week = timezone.now() + services.KEEP + timedelta(seconds=1)
    Upload.objects.update(expires_at=timezone.now())

    assert services.sweep_uploads(timezone.now())["expired"] == 1

    assert not list(folder.stored())
    assert tus("HEAD", address).status_code == 410
    services.sweep_uploads(week)
    assert tus("HEAD", address).status_code == 404


def test_the_sweep_leaves_alone_what_is_under_way_or_waits_for_its_job(tus, folder) -> None:
    unfinished, finished = tus.create(6), tus.create(3)
    tus.patch(unfinished, b"abc", 0)
    tus.patch(finished, b"abc", 0)
    for upload in Upload.objects.all():
        aged(folder, upload)
    Upload.objects.filter(asset__isnull=False).update(expires_at=timezone.now() - 2 * services.KEEP)

    swept = services.sweep_uploads(timezone.now())

    assert (swept["expired"], swept["leftovers"]) == (0, 0)
    assert services.arrived_file(Asset.objects.get()).read_bytes() == b"abc"
    assert tus.patch(unfinished, b"def", 3).status_code == 204


def test_files_of_which_there_is_no_row_are_swept_once_they_are_old(tus, only, folder) -> None:
    tus.patch(tus.create(3), b"abc", 0)
    upload = only()
    Asset.objects.all().delete()
    assert not Upload.objects.exists()

    assert services.sweep_uploads(timezone.now())["leftovers"] == 0
    aged(folder, upload)
    assert services.sweep_uploads(timezone.now())["leftovers"] == 1

    assert not list(folder.stored())


def test_the_sweep_runs_as_a_job(db) -> None:
    assert tasks.get("media.sweep_uploads").body() == {"finished": 0, "expired": 0, "leftovers": 0}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Hà\\clip.mov", "clip.mov"),
        ("a\x00b\nc\u202egpj.exe", "abcgpj.exe"),
        ("Tiê\u0301ng Viê\u0323t.jpg", "Tiếng Việt.jpg"),
        ("/", "Unnamed file"),
        (" \u200b ", "Unnamed file"),
        ("<script>alert(1)</script>.jpg", "script>.jpg"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_name_is_shown_and_never_a_path(tus: Uploader, only, folder, given: str, shown: str) -> None:
    address = tus.create(3, name=given)
    tus.patch(address, b"abc", 0)

    assert only().name == only().asset.name == shown
    names = {path.name for path in folder.root.rglob("*") if path.is_file()}
    assert names == {only().pk.hex}
