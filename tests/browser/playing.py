"""What Chromium makes of an asset's page: whether it plays, and what it looks like beside the file itself."""

import io
import subprocess
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pillow_heif
from PIL import Image, ImageCms, ImageFile, ImageOps, ImageStat
from playwright.sync_api import Locator, Page, Response, expect

from media_pipeline.models import Asset, Kind, RenditionKind
from tests.harness.processes import wait_for

#: How far, of 255, colours may be from the file's own, on average over a small copy of both.
MOST_DIFFERENT = 20.0
#: Below this spread of colours a picture is of one colour.
ONE_COLOUR = 2.0
_SMALL = (24, 24)
#: The part of the video's box that its picture fills, and what the browser knows of it.
_KNOWN = """video => ({
    width: video.videoWidth, height: video.videoHeight, duration: video.duration, time: video.currentTime,
    source: video.currentSrc, error: video.error && `${video.error.code} ${video.error.message}`,
    seen: video.webkitDecodedFrameCount, heard: video.webkitAudioDecodedByteCount,
})"""


@dataclass
class Seen:
    """What was found of one asset. ``still``: before it plays; ``frame``: what Chromium shows; ``source``: the file as
    other programs show it."""

    wrong: list[str] = field(default_factory=list)
    words: str = ""
    still: Image.Image | None = None
    frame: Image.Image | None = None
    source: Image.Image | None = None


def look(page: Page, asset: Asset, source: Path, *, same_colours: bool = True) -> Seen:
    """Opens the page of an asset that is ready, and tries all that a person would. ``same_colours``: a picture has those
    that Pillow sees in the file."""
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    page.on("response", note)
    try:
        page.goto(asset.get_absolute_url())
        seen = (
            _picture(page, source, same_colours) if asset.kind == Kind.PICTURE else _Playing(page, asset, source).all()
        )
        # What is asked for and no longer wanted is cut off when the page is left, and never gets an answer.
        names = [urlsplit(answer.url).path.rpartition("/")[2] for answer in answers if answer.status >= 400]
        seen.wrong += [f"no {name}" for name in names]
        if asset.kind != Kind.PICTURE and not any(".m4s" in answer.url for answer in answers):
            seen.wrong.append("no stream was asked for")
        return seen
    finally:
        page.remove_listener("response", note)


# Pictures


def _picture(page: Page, source: Path, same_colours: bool) -> Seen:
    seen = Seen(source=picture_of(source))
    shown = page.locator("figure.viewer img")
    expect(shown).to_have_js_property("complete", True)
    shown.evaluate("image => image.decode()")
    seen.frame = _shot(shown, *shown.evaluate("image => [image.naturalWidth, image.naturalHeight]"))
    name = shown.evaluate("image => image.currentSrc.split('/').pop()")
    seen.words = f"{name} {seen.frame.width}×{seen.frame.height}"
    seen.wrong += unlike(seen.frame, seen.source, same_colours=same_colours)
    return seen


def picture_of(path: Path) -> Image.Image | None:
    """A picture as Pillow shows it: upright, in sRGB, on white. None where Pillow cannot read it."""
    pillow_heif.register_heif_opener()
    ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS = True, 110_000_000
    try:
        with warnings.catch_warnings(), Image.open(path) as opened:
            warnings.simplefilter("ignore")
            opened.draft("RGB", (2000, 2000))
            image = ImageOps.exif_transpose(opened)
            if (profile := opened.info.get("icc_profile")) and image.mode in {"RGB", "CMYK", "L"}:
                there, here = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
                image = ImageCms.profileToProfile(image, there, here, outputMode="RGB") or image
            image = image.convert("RGBA")
    except (OSError, SyntaxError, ImageCms.PyCMSError):
        return None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image)
    return paper.convert("RGB")


# Videos and sounds


@dataclass
class _Playing:
    page: Page
    asset: Asset
    source: Path
    seen: Seen = field(default_factory=Seen)

    def __post_init__(self) -> None:
        self.player = self.page.locator("[data-player]")
        self.video = self.player.locator("video")
        renditions = list(self.asset.renditions.all())
        self.sizes = [one for one in renditions if one.kind == RenditionKind.STREAM and one.width]
        self.has_sound = any(one.name == "sound" for one in renditions)

    def all(self) -> Seen:
        expect(self.player).to_have_attribute("data-ready", "yes")
        if not self._until("video.readyState >= 1", "its metadata does not load"):
            return self.seen
        # Pictures of it are taken without what lies over it.
        self.player.evaluate("box => box.querySelector('[data-controls]').style.opacity = 0")
        self._still()
        self._plays()
        self._qualities()
        self._seeks()
        self._known()
        return self.seen

    def _until(self, condition: str, otherwise: str) -> bool:
        if _until(self.video, condition, "video"):
            return True
        self.seen.wrong.append(f"{otherwise}: {self._facts()}")
        return False

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self.video.evaluate(_KNOWN)
        return facts

    def _still(self) -> None:
        if not self.sizes:
            return
        if address := self.video.get_attribute("poster"):
            answer = self.page.request.get(address)
            with Image.open(io.BytesIO(answer.body())) as poster:
                self.seen.still = poster.convert("RGB")
        else:
            self.seen.wrong.append("no poster")

    def _plays(self) -> None:
        self.player.locator("[data-control=play]").click()
        self._until("video.currentTime >= Math.min(1, video.duration - 0.1)", "it does not play")

    def _qualities(self) -> None:
        """Each can be chosen, and shows the same picture as the file in the middle."""
        if not self.sizes:
            return
        choice = self.player.locator("[data-control=quality]")
        options = {one for one in choice.locator("option").all_inner_texts() if one[0].isdigit()}
        lines = sorted({min(one.width or 0, one.height or 0) for one in self.sizes}, reverse=True)
        if options != {f"{one}p" for one in lines}:
            self.seen.wrong.append(f"{options} can be chosen of {lines}")
        for line in lines if len(self.sizes) > 1 else ():
            self.video.evaluate("video => { video.currentTime = 0; video.play().catch(() => {}) }")
            choice.select_option(label=f"{line}p")
            if self._until(f"Math.min(video.videoWidth, video.videoHeight) === {line}", f"{line}p is not shown"):
                self._middle(f"{line}p")

    def _middle(self, name: str) -> None:
        self.video.evaluate("video => { video.pause(); video.currentTime = video.duration / 2 }")
        if not self._until("!video.seeking && video.readyState >= 2", f"{name}: it stays where it was"):
            return
        facts = self._facts()
        frame = _shot(self.video, facts["width"], facts["height"])
        if self.seen.source is None:
            self.seen.source = frame_of(self.source, facts["time"])
        self.seen.wrong += [f"{name}: {words}" for words in unlike(frame, self.seen.source)]
        if self.seen.frame is None:
            self.seen.frame = frame

    def _seeks(self) -> None:
        self.video.evaluate("video => { video.pause(); video.currentTime = 0 }")
        line = self.player.locator("[data-control=time]")
        box = line.bounding_box()
        assert box
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        middle = "Math.abs(video.currentTime - video.duration / 2) <= 0.02 * video.duration + 0.05"
        self._until(f"!video.seeking && video.readyState >= 2 && {middle}", "a click in the middle leads elsewhere")
        if self.sizes and self.seen.frame is None:
            self._middle("its only size")

    def _known(self) -> None:
        facts = self._facts()
        if facts["error"]:
            self.seen.wrong.append(facts["error"])
        if not facts["source"].startswith("blob:"):
            self.seen.wrong.append("the file is played, and not the stream")
        if self.sizes and not facts["seen"]:
            self.seen.wrong.append("no picture was decoded")
        if self.has_sound and not facts["heard"]:
            self.seen.wrong.append("no sound was decoded")
        largest = max(((one.width or 0, one.height or 0) for one in self.sizes), default=(0, 0))
        said = float(self.asset.facts["duration"])
        if said and self.asset.outcome == "ready" and abs(facts["duration"] - said) > max(0.7, 0.03 * said):
            self.seen.wrong.append(f"{facts['duration']:.2f} s, not {said:.2f} s")
        self.seen.words = f"{largest[0]}×{largest[1]} in {len(self.sizes)}, {facts['duration']:.2f} s"


def frame_of(path: Path, seconds: float) -> Image.Image | None:
    """A frame of a video as ffmpeg shows it: upright, with square pixels. None where there is none."""
    # A hundred times a second: the frame that is shown then, not the next one.
    square = "scale=trunc(iw*sar/2)*2:ih,setsar=1,fps=100"
    for at in (seconds, 0.0):
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", path, "-ss", f"{at:.3f}", "-an", "-vf", square, "-frames:v", "1",
             "-f", "image2pipe", "-c:v", "png", "-"],
            capture_output=True, check=False,
        )  # fmt: skip
        if done.stdout:
            with Image.open(io.BytesIO(done.stdout)) as image:
                return image.convert("RGB")
    return None


def _shot(shown: Locator, width: int, height: int) -> Image.Image:
    """What the screen shows of a picture of these pixels, without the bars beside it."""
    shown.scroll_into_view_if_needed()
    with Image.open(io.BytesIO(shown.screenshot())) as image:
        box = image.convert("RGB")
    scale = min(box.width / width, box.height / height)
    fits = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (box.width - fits[0]) // 2, (box.height - fits[1]) // 2
    return box.crop((left, top, left + fits[0], top + fits[1]))


def _until(element: Locator, condition: str, name: str) -> bool:
    """The page's policy lets nobody wait inside it."""
    return wait_for(lambda: bool(element.evaluate(f"{name} => {condition}")), seconds=20, every=0.05)


def unlike(shown: Image.Image, source: Image.Image | None, *, same_colours: bool = True) -> list[str]:
    """In what the picture differs from the file's: its shape, its colours, or that it is of one colour."""
    if source is None:
        return []
    wrong = []
    if abs(shown.width / shown.height / (source.width / source.height) - 1) > 0.02 + 2 / min(shown.size):
        wrong.append(f"its shape is {shown.width}×{shown.height}, the file's {source.width}×{source.height}")
    if min(shown.size) < _SMALL[0]:
        return wrong  # its rounded corners are most of it
    pairs = [image.resize(_SMALL, Image.Resampling.BOX) for image in (shown, source)]
    difference = sum(abs(one - other) for one, other in zip(*(image.tobytes() for image in pairs), strict=True)) / len(
        pairs[0].tobytes()
    )
    if same_colours and difference > MOST_DIFFERENT:
        wrong.append(f"its colours are {difference:.0f} away from the file's")
    spread, before = (max(ImageStat.Stat(image).stddev) for image in pairs)
    if spread < ONE_COLOUR <= before / 2:
        wrong.append("it is of one colour")
    return wrong
