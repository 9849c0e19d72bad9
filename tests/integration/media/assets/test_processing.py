"""From an uploaded file to what people see, and what is left when it goes wrong."""

import errno
import hashlib
import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone
from PIL import Image

from jobs import services as jobs
from jobs import task
from jobs.adapters.storage import NoRoom
from jobs.models import Job
from jobs.models import State as JobState
from jobs.services import NotAllowed
from jobs.task import Cancelled, LeaseLost, Permanent
from media_pipeline import files, making, processing, retention, services
from media_pipeline.models import Asset, Kind, Rendition, RenditionKind, State
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused
from tests.factories.people import PersonFactory
from tests.integration.media.assets.conftest import Worker, named, picture, stored


def raising(error):
    def act(*_args, **_options):
        raise error

    return act


def test_a_picture_becomes_one_for_every_screen(send, work, storage):
    content = picture(700, 400, exif=Image.Exif())
    asset = send(content)
    assert asset.state == State.UPLOADED
    assert work() == ["succeeded"]
    asset.refresh_from_db()
    assert (asset.state, asset.kind, asset.sha256) == (State.READY, Kind.PICTURE, hashlib.sha256(content).hexdigest())
    made = {rendition.name: rendition for rendition in asset.renditions.all()}
    assert {(one.width, one.height) for one in made.values()} == {(700, 400), (640, 366), (320, 183)}
    assert {one.content_type for one in made.values()} == {"image/avif", "image/webp", "image/jpeg"}
    with default_storage.open(made["w640.webp"].key) as file:
        assert Image.open(file).size == (640, 366)
    with default_storage.open(asset.original_key) as file:
        assert file.read() == content
    assert asset.placeholder
    assert stored(storage) == named(asset)


def test_nothing_is_left_where_it_arrived_and_where_it_was_worked_on(send, work, settings):
    send()
    work()
    left = [path for folder in (settings.UPLOAD_FOLDER, settings.MEDIA_WORK_FOLDER) for path in Path(folder).rglob("*")]
    assert [path for path in left if path.is_file() and path.stat().st_size] == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"hello, this is no picture at all", Reason.NOT_MEDIA),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", Reason.DRAWING),
        (picture()[:40], Reason.BROKEN),
    ],
)
def test_what_is_no_picture_is_refused_in_words_and_not_kept(send, work, storage, content, reason):
    asset = send(content, "picture.png")
    assert work() == ["succeeded"]
    asset.refresh_from_db()
    assert (asset.state, asset.reason) == (State.REFUSED, reason)
    assert asset.original_key == ""
    assert stored(storage) == set()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b.png", "/dev/null", "-rf *.png", "é́🙂.png"])
def test_names_are_shown_and_never_paths(send, work, storage, name):
    asset = send(name=name)
    assert work() == ["succeeded"]
    asset.refresh_from_db()
    assert asset.state == State.READY
    assert all(key.startswith(f"media/{asset.pk}/") and ".." not in key for key in named(asset))
    assert stored(storage) == named(asset)


# --- again, and away -------------------------------------------------------------------------------------------------


def test_made_again_it_is_shown_as_it_was_until_the_new_ones_are_there(send, work, storage):
    asset = send()
    work()
    before = named(asset)
    services.make_again(asset=Asset.objects.get(pk=asset.pk))
    asset = Asset.objects.select_related("job").get(pk=asset.pk)
    assert asset.state == State.READY
    assert named(asset) == before
    with pytest.raises(NotAllowed):
        services.make_again(asset=asset)
    assert work() == ["succeeded"]
    after = named(asset)
    assert stored(storage) == after
    assert after & before == {asset.original_key}


def test_what_could_be_made_before_and_is_refused_now_stays(send, work, storage, monkeypatch):
    asset = send()
    work()
    before = named(asset)
    services.make_again(asset=Asset.objects.select_related("job", "owner").get(pk=asset.pk))
    monkeypatch.setattr(making, "make", raising(Refused(Reason.TOO_MUCH_WORK)))
    assert work() == ["failed"]
    assert named(asset) == stored(storage) == before
    asset.refresh_from_db()
    assert asset.state == State.READY


def test_deleted_every_file_goes(send, work, storage, person):
    asset = send()
    work()
    services.delete_asset(asset=Asset.objects.select_related("job").get(pk=asset.pk), actor=person)
    assert stored(storage) == set()
    assert not Rendition.objects.exists()


def test_deleted_while_it_waits_nothing_is_made(send, work, storage, person):
    asset = send()
    services.delete_asset(asset=asset, actor=person)
    assert work() == []
    assert Job.objects.get().state == JobState.CANCELLED
    assert stored(storage) == set()


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_deleted_while_it_is_being_made_nothing_of_it_is_left(send, storage):
    asset = send()
    worker = Worker(before_hold=lambda: Asset.objects.filter(pk=asset.pk).delete())
    with pytest.raises(Permanent):
        processing.process(asset.pk, run=worker)
    assert stored(storage) == set()


def test_stopped_at_any_step_it_leaves_nothing_and_can_be_made_later(send, storage):
    asset = send()
    steps = 0

    def count():
        nonlocal steps
        steps += 1

    processing.process(asset.pk, run=Worker(at_checkpoint=count))
    assert steps > 3
    for step in range(0, steps, 3):
        again = send(name=f"{step}.png")
        left = step

        def stop():
            nonlocal left
            left -= 1
            if left < 0:
                raise Cancelled

        with pytest.raises(Cancelled):
            processing.process(again.pk, run=Worker(at_checkpoint=stop))
        assert not again.renditions.exists()
        mine = {key for key in stored(storage) if str(again.pk) in key}
        again.refresh_from_db()
        assert mine == ({again.original_key} if again.original_key else set())
        processing.process(again.pk, run=Worker(attempt=2))
        again.refresh_from_db()
        assert again.state == State.READY


def test_a_worker_that_lost_the_job_shows_nothing(send, storage):
    asset = send()
    calls = []

    def second_time():
        calls.append(1)
        if len(calls) == 2:  # the first is that of the original
            raise LeaseLost

    with pytest.raises(LeaseLost):
        processing.process(asset.pk, run=Worker(before_hold=second_time))
    assert not asset.renditions.exists()
    assert stored(storage) == named(asset)


def test_a_full_disk_is_said_and_tried_again(send, monkeypatch):
    asset = send()
    monkeypatch.setattr(files, "store", raising(OSError(errno.ENOSPC, "full")))
    with pytest.raises(NoRoom, match="no room"):
        processing.process(asset.pk, run=Worker())


def test_what_a_killed_worker_left_is_swept(send, work, storage):
    asset = send()
    work()
    kept = named(asset)
    default_storage.save(f"media/{asset.pk}/7/w320.webp", io.BytesIO(b"x"))
    default_storage.save("media/00000000-0000-0000-0000-000000000000/1/w320.webp", io.BytesIO(b"x"))
    default_storage.save("media/no-asset/1/w320.webp", io.BytesIO(b"x"))
    assert retention.sweep(timezone.now())["leftovers"] == 0
    assert retention.sweep(timezone.now() + timedelta(days=2))["leftovers"] == 3
    assert stored(storage) == kept
    assert task.get("media.sweep_files").body() == {"leftovers": 0, "uploads": 0}


def test_a_failed_job_is_a_failed_asset_and_can_be_tried_again(send, work, monkeypatch):
    asset = send()
    with monkeypatch.context() as patched:
        patched.setattr(processing, "_work", raising(Permanent("No.")))
        assert work() == ["failed"]
    asset = Asset.objects.select_related("job").get(pk=asset.pk)
    assert asset.state == State.FAILED
    jobs.retry(asset.job)
    assert work() == ["succeeded"]
    asset.refresh_from_db()
    assert asset.state == State.READY


def test_two_people_have_the_same_file_each(send, work, storage):
    content = picture()
    mine, theirs = send(content), send(content, by=PersonFactory())
    work()
    services.delete_asset(asset=Asset.objects.select_related("job").get(pk=mine.pk), actor=mine.owner)
    assert stored(storage) == named(theirs)
    assert theirs.renditions.filter(kind=RenditionKind.PICTURE).count() == 9


# --- operators -------------------------------------------------------------------------------------------------------


def test_an_operator_sees_what_it_cost_and_has_it_made_again(client, send, work):
    asset = send()
    work()
    client.force_login(PersonFactory(is_staff=True, is_superuser=True))
    listed = client.get(reverse("admin:media_pipeline_asset_changelist"), {"outcome": "ready", "kind": "picture"})
    assert "holiday.png" in listed.content.decode()
    asset.refresh_from_db()
    row = client.get(reverse("admin:media_pipeline_asset_change", args=[asset.pk])).content.decode()
    assert "w640.webp" in row
    assert asset.original_key not in row
    chosen = {"action": "make_again", "_selected_action": [str(asset.pk)]}
    address = reverse("admin:media_pipeline_asset_changelist")
    assert client.post(address, chosen).status_code == 200
    assert Job.objects.count() == 1
    client.post(address, chosen | {"confirmed": "yes"})
    assert Job.objects.filter(state=JobState.WAITING).count() == 1
    assert work() == ["succeeded"]
