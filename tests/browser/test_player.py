"""What was made of an upload, looked at: a picture, and a video under controls of ours."""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Locator, expect

from jobs import ringing, runner
from media_pipeline import processing, services
from media_pipeline.models import Asset, Upload
from shop.accounts.models import User
from tests.browser import playing
from tests.browser.conftest import Visitor
from tests.harness.processes import wait_for
from tests.integration.media.assets.conftest import Worker, picture

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg and ffprobe are not installed"
)


@pytest.fixture(autouse=True)
def folders(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_FOLDER, settings.MEDIA_WORK_FOLDER = str(tmp_path / "uploads"), str(tmp_path / "work")
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "files"), "base_url": None},
        }
    }


@pytest.fixture
def made(sent: Callable[[bytes, str], Asset]) -> Callable[[bytes, str], Asset]:
    """An asset that a worker is done with."""

    def finished(content: bytes, name: str) -> Asset:
        asset = sent(content, name)
        processing.process(asset.pk, run=Worker())  # type: ignore[arg-type]
        return Asset.objects.get(pk=asset.pk)

    return finished


@pytest.fixture
def sent(owner: User) -> Callable[[bytes, str], Asset]:
    """An asset that waits for a worker."""

    def uploaded(content: bytes, name: str) -> Asset:
        now = timezone.now()
        upload = services.create_upload(owner=owner, name=name, length=len(content), now=now)
        services.receive(upload=upload, offset=0, length=len(content), read=io.BytesIO(content).read, now=now)
        asset = Upload.objects.select_related("asset").get(pk=upload.pk).asset
        assert asset is not None
        return asset

    return uploaded


def work() -> None:
    """Rings and answers until nothing is due."""
    ringing.make_known()
    while bells := (ringing.admit_due(), ringing.ring("media", 10))[1]:
        for bell in bells:
            runner.answer(bell.job_id, message=bell.message)


def check(visitor: Visitor) -> None:
    overflow = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    found = [one for one in Axe().run(visitor.page).response["violations"] if one["impact"] in {"serious", "critical"}]
    assert (overflow, found) == (0, [])


@pytest.mark.parametrize(("width", "language"), [(390, "vi"), (1280, "en")])
def test_a_picture_comes_in_the_size_that_the_screen_needs(
    visit: Callable[..., Visitor], owner: User, made: Callable[..., Asset], width: int, language: str
) -> None:
    asset = made(picture(2400, 1350), "A holiday.png")
    visitor = visit(width=width, language=language)
    visitor.sign_in(owner)
    visitor.goto(asset.get_absolute_url())
    shown = visitor.page.locator("figure.viewer img")
    expect(shown).to_have_js_property("complete", True)
    natural = shown.evaluate("image => [image.naturalWidth, image.currentSrc.split('/').pop()]")
    assert natural[1] == {390: "w640.avif", 1280: "w1280.avif"}[width]
    check(visitor)


def until(video: Locator, condition: str) -> None:
    """Waits for what a script says of the video. The page's policy lets nobody wait inside it."""
    found = wait_for(lambda: bool(video.evaluate(f"video => {condition}")), seconds=20, every=0.1)
    assert found, condition


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    """Twelve seconds of 720 lines, with a tone."""
    path = tmp_path / "clip.mp4"
    inputs = ("testsrc2=size=1280x720:rate=25:duration=12", "sine=frequency=440:duration=12")
    sources = [part for source in inputs for part in ("-f", "lavfi", "-i", source)]
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(["ffmpeg", "-v", "error", *sources, *encode], check=True)
    return path.read_bytes()


@needs_ffmpeg
@pytest.mark.parametrize(("width", "language"), [(390, "vi"), (1280, "en")])
def test_a_video_is_played_switched_and_searched(  # noqa: PLR0917 (fixtures)
    visit: Callable[..., Visitor],
    owner: User,
    made: Callable[..., Asset],
    clip: bytes,
    width: int,
    language: str,
) -> None:
    asset = made(clip, "A clip.mp4")
    visitor = visit(width=width, language=language)
    visitor.sign_in(owner)
    visitor.goto(asset.get_absolute_url())
    page = visitor.page
    player = page.locator("[data-player]")
    expect(player).to_have_attribute("data-ready", "yes")
    video = player.locator("video")
    until(video, "video.readyState >= 2")
    check(visitor)

    player.locator("[data-control=play]").click()
    until(video, "video.currentTime > 0.5")
    qualities = player.locator("[data-control=quality] option").all_inner_texts()
    assert [quality for quality in qualities if quality.endswith("p")] == ["720p", "480p", "360p"]
    player.locator("[data-control=quality]").select_option(label="360p")
    expect(player).to_have_attribute("data-level", "360", timeout=15_000)
    player.locator("[data-control=quality]").select_option(label="720p")
    expect(player).to_have_attribute("data-level", "720", timeout=15_000)
    until(video, "video.videoHeight === 720")

    player.locator("[data-control=play]").click()
    assert video.evaluate("video => video.paused")
    before = video.evaluate("video => video.currentTime")
    player.focus()
    page.keyboard.press("ArrowRight")
    assert video.evaluate("video => video.currentTime") == pytest.approx(min(before + 5, 12), abs=0.5)

    line = player.locator("[data-control=time]")
    box = line.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] / 2)
    preview = player.locator("[data-control=preview]")
    expect(preview).to_be_visible()
    assert "storyboard-1.jpg" in preview.locator("[data-picture]").evaluate("span => span.style.backgroundImage")
    page.keyboard.press("m")
    assert video.evaluate("video => video.muted")


@needs_ffmpeg
def test_without_a_script_the_browser_plays_the_file(
    visit: Callable[..., Visitor], owner: User, made: Callable[..., Asset], clip: bytes
) -> None:
    asset = made(clip, "A clip.mp4")
    visitor = visit(javascript=False)
    visitor.sign_in(owner)
    visitor.goto(asset.get_absolute_url())
    video = visitor.page.locator("video")
    expect(video).to_have_attribute("controls", "")
    address = visitor.page.locator("video source").get_attribute("src")
    assert address is not None
    answer = visitor.page.request.get(visitor.base + address)
    assert (answer.status, answer.body()[4:8]) == (200, b"ftyp")
    expect(visitor.page.locator("[data-controls]")).to_be_hidden()


def test_a_page_turns_into_the_picture_by_itself(
    visit: Callable[..., Visitor], owner: User, sent: Callable[..., Asset]
) -> None:
    asset = sent(picture(800, 450), "A holiday.png")
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto(asset.get_absolute_url())
    page = visitor.page
    expect(page.locator("#asset-live")).to_have_attribute("data-state", "Waiting")
    page.evaluate("window.stayed = true")
    work()
    expect(page.locator("figure.viewer img")).to_have_js_property("complete", True)
    expect(page.locator("#asset-live")).to_have_attribute("data-state", "Ready")
    expect(page.locator("#asset-live[hx-get]")).to_have_count(0)
    expect(page.locator("#announcer")).to_have_text("Ready")
    assert page.evaluate("window.stayed")
    check(visitor)


@needs_ffmpeg
def test_a_page_that_turns_ready_keeps_the_player_that_is_watched(
    visit: Callable[..., Visitor], owner: User, sent: Callable[..., Asset], clip: bytes
) -> None:
    asset = sent(clip, "A clip.mp4")
    work()
    services.make_again(asset=Asset.objects.get(pk=asset.pk))
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto(asset.get_absolute_url())
    page, player = visitor.page, visitor.page.locator("[data-player]")
    video = player.locator("video")
    until(video, "video.readyState >= 2")
    player.evaluate("box => { box.dataset.mark = 'the first' }")
    video.evaluate("video => { video.loop = true; video.volume = 0.5 }")
    player.locator("[data-control=play]").click()
    work()
    for _ in range(2):  # it is offered the new one, and again
        with page.expect_response(lambda answer: "/live/" in answer.url and answer.status == 200):
            pass
    expect(page.locator("#asset-live")).to_have_attribute("data-state", "Ready")
    expect(player).to_have_attribute("data-mark", "the first")
    assert not video.evaluate("video => video.paused")

    # Once nobody watches, the new one comes, and is where the first was.
    video.evaluate("video => { video.pause(); video.currentTime = 7 }")
    expect(player).not_to_have_attribute("data-mark", "the first")
    expect(player).to_have_attribute("data-ready", "yes")
    until(video, "video.readyState >= 2 && Math.abs(video.currentTime - 7) < 0.1 && video.paused")
    assert video.evaluate("video => video.volume") == pytest.approx(0.5)
    expect(page.locator("#asset-live[hx-get]")).to_have_count(0)


@needs_ffmpeg
def test_a_video_that_is_made_again_plays_on(
    visit: Callable[..., Visitor], owner: User, sent: Callable[..., Asset], clip: bytes
) -> None:
    asset = sent(clip, "A clip.mp4")
    work()
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto(asset.get_absolute_url())
    player = visitor.page.locator("[data-player]")
    video = player.locator("video")
    until(video, "video.readyState >= 2")
    player.evaluate("box => { box.dataset.mark = 'the first' }")
    video.evaluate("video => { video.loop = true }")
    player.locator("[data-control=play]").click()
    until(video, "video.currentTime > 1")
    services.make_again(asset=Asset.objects.get(pk=asset.pk))
    work()  # what it plays is no longer there
    player.locator("[data-control=quality]").select_option(label="360p")
    expect(player).not_to_have_attribute("data-mark", "the first", timeout=15_000)
    before = video.evaluate("video => video.currentTime")
    until(video, f"video.currentTime > {before} + 0.5 && !video.paused && !video.error")


#: A picture that is to be turned, a video with pixels that are not square and sound, and sound alone.
FEW = ("image/orient_Landscape_6.jpg", "video/edts.mp4", "video/mono.mp3")


@needs_ffmpeg
@pytest.mark.parametrize("name", FEW)
def test_what_is_made_of_public_files_is_what_they_show(
    visit: Callable[..., Visitor], owner: User, made: Callable[..., Asset], corpus: Path, name: str
) -> None:
    """All of them: ``python -m tests.browser.corpus``."""
    path = corpus / "media" / name
    asset = made(path.read_bytes(), path.name)
    visitor = visit()
    visitor.sign_in(owner)
    assert playing.look(visitor.page, asset, path).wrong == []
