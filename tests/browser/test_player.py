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

from media_pipeline import processing, services
from media_pipeline.models import Asset, Upload
from shop.accounts.models import User
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
def made(owner: User) -> Callable[[bytes, str], Asset]:
    """An asset that a worker is done with."""

    def finished(content: bytes, name: str) -> Asset:
        now = timezone.now()
        upload = services.create_upload(owner=owner, name=name, length=len(content), now=now)
        services.receive(upload=upload, offset=0, length=len(content), read=io.BytesIO(content).read, now=now)
        asset = Upload.objects.select_related("asset").get(pk=upload.pk).asset
        assert asset is not None
        processing.process(asset.pk, run=Worker())  # type: ignore[arg-type]
        return Asset.objects.get(pk=asset.pk)

    return finished


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
