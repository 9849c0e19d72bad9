"""A long video through the whole path: its smallest size is there first, parts come from jobs of their own, and no part
is made twice."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from jobs import ringing, runner
from jobs import services as jobs
from jobs.models import Job
from jobs.models import State as JobState
from media_pipeline import cutting, long_videos, parts, processing, retention, services, showing
from media_pipeline.models import Asset, Outcome, State, VideoPart
from tests.integration.media.assets.conftest import Worker, named, stored

pytestmark = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg and ffprobe are not installed"
)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clip") / "long.mp4"
    sources = (
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=854x480:rate=10:duration=13",
        "-f",
        "lavfi",
        "-i",
        "sine=duration=13",
    )
    how = ("-c:v", "libx264", "-preset", "ultrafast", "-crf", "30", "-g", "10", "-pix_fmt", "yuv444p", "-c:a", "aac")
    subprocess.run(["ffmpeg", "-v", "error", *sources, *how, str(path)], check=True)
    return path.read_bytes()


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "_PIXELS_A_PART", 1.0)
    monkeypatch.setattr(cutting, "_SHORTEST", 4.0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fills with the beginnings (in pictures) of the parts that are made."""
    real, begun = parts.make, list[int]()

    def counted(source: Path, plan: Any, part: cutting.Part, *rest: Any, **how: Any) -> Any:
        begun.append(part.start)
        return real(source, plan, part, *rest, **how)

    monkeypatch.setattr(parts, "make", counted)
    return begun


@pytest.fixture
def answer(transactional_db: None) -> Callable[[], str | None]:
    """Answers one job of media; returns how it concluded, None where none is due."""
    ringing.make_known()

    def one() -> str | None:
        bells = (ringing.admit_due(), ringing.ring("media", 1))[1]
        return runner.answer(bells[0].job_id, message=bells[0].message) if bells else None

    return one


@pytest.fixture
def asset(send: Callable[..., Asset], answer: Callable[[], str | None], long_clip: bytes) -> Asset:
    """Cut into parts, of which none is made yet."""
    sent = send(long_clip, "long.mp4")
    assert answer() == "succeeded"
    sent.refresh_from_db()
    return sent


def streams(asset: Asset) -> list[str]:
    return sorted(asset.renditions.filter(kind="stream").values_list("name", flat=True))


def test_the_smallest_size_can_be_watched_while_the_others_are_made(client, asset, work, storage, made):
    assert (asset.state, asset.outcome) == (State.PROCESSING, Outcome.NONE)
    assert streams(asset) == ["360p", "master", "sound"]
    player = showing.show(asset, now=timezone.now())
    assert isinstance(player, showing.Player)
    assert all((player.hls, player.poster, player.previews, player.file))
    client.force_login(asset.owner)
    client.cookies["django_language"] = "en"
    page = client.get(reverse("media:detail", args=[asset.pk])).content.decode()
    assert f'data-hls="{player.hls}"' in page
    assert "You can watch it already. 480p will follow:" in page
    assert "0 %" in page

    assert set(work()) == {"succeeded"}
    asset.refresh_from_db()
    assert (asset.state, asset.missing) == (State.READY, [])
    assert "will follow" not in client.get(reverse("media:detail", args=[asset.pk])).content.decode()
    assert streams(asset) == ["360p", "480p", "master", "sound"]
    assert {"poster", "storyboard", "file"} <= set(asset.renditions.values_list("kind", flat=True))
    assert len(made) == 3
    assert asset.cpu_seconds > 0
    # Nothing of the way there is left, in rows, in storage or on the worker's disk.
    assert not VideoPart.objects.exists()
    assert stored(storage) == named(asset)
    assert stored(storage.parent / "work") == set()


def test_what_is_finished_is_not_made_again_after_a_failure(asset, answer, work, made, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(parts, "make", _broken_from(40, parts.make))
        for _ in range(40):
            Job.objects.filter(state=JobState.WAITING, children_left=0).update(
                run_at=timezone.now(), ring_at=timezone.now()
            )
            if answer() is None:
                break
    asset.refresh_from_db()
    assert asset.state == State.FAILED
    assert asset.job.error_message == "A part of the video could not be made. Try again: what is finished is kept."
    assert streams(asset) == ["360p", "master", "sound"]
    finished = set(VideoPart.objects.exclude(number=0).filter(made_at__isnull=False).values_list("start", flat=True))
    assert finished == {0}
    # Who cleans up meanwhile lets it be.
    retention.sweep(timezone.now() + timedelta(days=2))

    made.clear()
    jobs.retry(asset.job, actor=asset.owner)
    assert set(work()) == {"succeeded"}
    asset.refresh_from_db()
    assert (asset.state, streams(asset)) == (State.READY, ["360p", "480p", "master", "sound"])
    assert len(made) == 2
    assert 0 not in made


def _broken_from(start: int, real: Callable[..., Any]) -> Callable[..., Any]:
    def make(source: Path, plan: Any, part: cutting.Part, *rest: Any, **how: Any) -> Any:
        if part.start >= start:
            raise RuntimeError("broken")
        return real(source, plan, part, *rest, **how)

    return make


def test_a_worker_killed_after_its_part_was_recorded_does_not_make_it_again(asset, made):
    part = VideoPart.objects.get(number=2)
    long_videos.make_part(part.pk, run=Worker())  # type: ignore[arg-type]
    long_videos.make_part(part.pk, run=Worker())  # type: ignore[arg-type]
    assert made == [part.start]


def test_a_worker_killed_after_it_handed_over_does_not_cut_again(asset):
    cutter = Job.objects.get(task="media.process")
    there = list(VideoPart.objects.order_by("number").values_list("pk", flat=True))
    processing.process(asset.pk, run=Worker(id=cutter.pk))  # type: ignore[arg-type]
    assert list(VideoPart.objects.order_by("number").values_list("pk", flat=True)) == there
    assert Job.objects.count() == 1 + 3 + 1


def test_a_worker_killed_after_it_published_finds_nothing_left_to_do(asset, work):
    work()
    before = set(asset.renditions.values_list("pk", flat=True))
    long_videos.finish(asset.pk, run=Worker())  # type: ignore[arg-type]
    assert set(asset.renditions.values_list("pk", flat=True)) == before


def test_parts_that_nobody_can_go_on_with_are_swept(asset, answer, storage):
    answer()
    jobs.cancel(Asset.objects.get(pk=asset.pk).job, actor=asset.owner)
    retention.sweep(timezone.now() + timedelta(days=2))
    assert asset.parts.count() == 4
    Job.objects.all().delete()  # as they are purged after some months
    retention.sweep(timezone.now() + timedelta(days=2))
    assert asset.parts.count() == 0
    assert stored(storage) == named(asset)
    assert streams(asset) == ["360p", "master", "sound"]


def test_who_comes_too_late_with_a_part_leaves_nothing(asset, storage):
    """It was made by another worker meanwhile."""
    part = VideoPart.objects.get(number=1)
    late = Worker(
        before_hold=lambda: VideoPart.objects.filter(pk=part.pk).update(made_at=timezone.now(), keys=["other"])
    )
    before = stored(storage)
    with pytest.raises(Exception, match="deleted while"):
        long_videos.make_part(part.pk, run=late)  # type: ignore[arg-type]
    assert stored(storage) == before
    assert VideoPart.objects.get(pk=part.pk).keys == ["other"]
    assert asset.parts.count() == 4


def test_cancelled_its_parts_are_not_made_and_what_there_is_stays(asset, answer, made):
    asset.refresh_from_db()
    jobs.cancel(asset.job, actor=asset.owner)
    assert answer() is None
    asset.refresh_from_db()
    assert (asset.state, streams(asset), made) == (State.CANCELLED, ["360p", "master", "sound"], [])


def test_cancelled_while_it_is_handed_over_its_parts_are_not_made(send, long_clip):
    sent = send(long_clip, "long.mp4")
    now = timezone.now()

    def cancelled_now() -> None:
        Job.objects.filter(pk=sent.job_id).update(cancel_requested_at=now)

    processing.process(sent.pk, run=Worker(id=sent.job_id, before_hold=cancelled_now))  # type: ignore[arg-type]
    sent.refresh_from_db()
    assert (sent.state, streams(sent)) == (State.CANCELLED, ["360p", "master", "sound"])
    assert set(Job.objects.filter(task="media.make_part").values_list("state", flat=True)) == {JobState.CANCELLED}


def test_tried_again_after_it_was_cancelled_it_becomes_whole(asset, answer, work):
    answer()
    asset.refresh_from_db()
    jobs.cancel(asset.job, actor=asset.owner)
    jobs.retry(Job.objects.get(pk=asset.job.pk), actor=asset.owner)
    work()
    asset.refresh_from_db()
    assert asset.state == State.READY


def test_deleted_half_way_no_file_is_left(asset, answer, work, storage):
    answer()
    asset.refresh_from_db()
    services.delete_asset(asset=asset, actor=asset.owner)
    work()
    assert stored(storage) == set()
    assert not VideoPart.objects.exists()


def test_made_again_it_stays_what_it_was_until_the_whole_is_there(asset, answer, work, storage):
    work()
    asset.refresh_from_db()
    before = set(asset.renditions.values_list("pk", flat=True))
    services.make_again(asset=asset)
    answer()
    answer()
    asset.refresh_from_db()
    assert (asset.state, set(asset.renditions.values_list("pk", flat=True))) == (State.READY, before)
    work()
    asset.refresh_from_db()
    assert asset.state == State.READY
    assert not before & set(asset.renditions.values_list("pk", flat=True))
    assert stored(storage) == named(asset)


def test_made_again_after_a_failure_nothing_of_the_first_try_is_left(asset, answer, work, storage):
    answer()
    asset.refresh_from_db()
    jobs.cancel(asset.job, actor=asset.owner)
    asset.refresh_from_db()
    services.make_again(asset=asset)
    work()
    asset.refresh_from_db()
    assert asset.state == State.READY
    assert stored(storage) == named(asset)


def test_the_machine_keeps_the_file_for_the_parts_and_not_longer(asset, answer, work, settings, long_clip):
    shared = Path(settings.MEDIA_WORK_FOLDER) / "shared" / str(asset.pk)
    assert shared.read_bytes() == long_clip
    shared.unlink()  # another machine's worker has no such file
    answer()
    assert shared.read_bytes() == long_clip
    work()
    assert not shared.exists()


def test_what_killed_workers_left_on_the_machine_goes_with_time(asset, work, settings):
    base = Path(settings.MEDIA_WORK_FOLDER)
    left, fresh = base / "0192-1", base / "0193-1"
    for folder in (left, fresh):
        (folder / "in").mkdir(parents=True)
    forgotten = base / "shared" / "0194"
    forgotten.touch()
    long_ago = time.time() - 3 * 3600
    for old in (left, forgotten):
        os.utime(old, (long_ago, long_ago))
    work()
    assert (left.exists(), fresh.exists(), forgotten.exists()) == (False, True, False)
