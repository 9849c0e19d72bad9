"""Every public file that is, or calls itself, a video, made into what people would get. Prints a table.

``python -m tests.integration.media.video.corpus [name…]``; the exit code is 1 where a file ends otherwise than expected.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from media_pipeline import ffmpeg, ladder, probe, video
from media_pipeline.ffmpeg import Tools
from media_pipeline.ladder import Plan
from media_pipeline.reasons import Missing
from media_pipeline.refused import Refused
from media_pipeline.video import Work

CORPUS = Path(__file__).resolve().parents[5] / "shared" / "corpus" / "media"
#: Bytes resident, and seconds of CPU for each of the file, which no file may need more of.
MOST_MEMORY = 900 << 20
MOST_CPU = 60.0
#: Kinds of files that go into pictures' hands, not here; should one come here all the same, it is refused.
PICTURES = ("bomb/", "polyglot/", "svg/")
#: Where the index says, or leaves open, something else than what is right for a file that is taken as a video.
DECIDED = {
    "video/annex-b.mp4": ("degraded", "half a second of it can be read, and that the end is missing is said"),
    "video/AudioVideoInterleave.avi": ("refused", "one pixel is no picture, and there is no sound"),
    "video/webm.webm": ("refused", "eight pixels are no picture, and there is no sound"),
    "video/video_with_failing_audio.mp4": ("ready", "all but some moments of the sound can be read; those are silent"),
    "video/no-initial-keyframe.ts": ("ready", "what is before the first keyframe is shorter than the tolerance"),
    "polyglot/POC_phpinfo-metadata.gif": ("ready", "a GIF can be made into a video; what is in its comments is gone"),
    "polyglot/pileup.mp4": ("ready", "it is a video, whatever else it is; only what is made of it is ever shown"),
}
#: What the largest size must be, and what else must be there.
SIZES = {
    "video/rotate-buck-bunny.mp4": (1080, 1920),
    "video/sar_2x1.mp4": (1280, 360),
    "video/fire2.mp4": (1280, 720),
    "video/nasa_13013.mp4": (480, 270),
    "video/h264-mjpeg.mp4": (640, 360),
    "video/h264-png.mkv": (640, 360),
    "video/transparent.webm": (200, 200),
    "video/bbb-480p-30s.mp4": (854, 480),
    "video/no-initial-keyframe.ts": (626, 352),
}
NAMES = {"video/mov_text.mp4": "captions.vtt", "video/nasa_13013.mp4": "eng.vtt"}
WITHOUT_SOUND = {"video/example_mask.mp4", "video/sar_2x1.mp4", "video/annex-b-avc.mkv"}


#: Groups of exiftool's that hold what cameras, phones and people write.
_PERSONAL = ("GPS", "IFD", "ExifIFD", "XMP", "IPTC", "UserData", "ItemList", "Keys")


@dataclass(slots=True)
class Result:
    """What became of a file."""

    outcome: str
    reason: str = ""
    seconds: float = 0.0
    plan: Plan | None = None
    work: Work = field(default_factory=Work)
    wrong: list[str] = field(default_factory=list)


def files() -> dict[str, str]:
    """Each file that is taken for a video, and what the index expects of it."""
    index: list[dict[str, Any]] = json.loads((CORPUS / "index.json").read_text())
    return {one["file"]: one["expected"] for one in index if one["kind"] in {"video", "bomb", "polyglot", "svg"}}


def expected(name: str, words: str) -> str:
    """The outcome that the index's words mean."""
    if name in DECIDED:
        return DECIDED[name][0]
    text = words.lower()
    if name.startswith(PICTURES) or text.startswith("reject"):
        return "refused"
    if text.startswith(("audio", "treated as audio")):
        return "sound"
    return "ready"


def run(name: str, folder: Path, tools: Tools) -> Result:
    """Makes what is to be made of a file in ``folder``."""
    source, began = CORPUS / name, time.monotonic()
    result = Result("refused")
    try:
        facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
        result.plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
        result.work = video.make(
            source, result.plan, folder, tools, progress=lambda _share: None, checkpoint=lambda: None
        )
        picture = "ready" if result.plan.picture else "sound"
        result.outcome = "degraded" if result.work.missing else picture
    except Refused as refused:
        result.reason = str(refused.reason.value)
    result.seconds = time.monotonic() - began
    return result


def check(name: str, words: str, result: Result, folder: Path, tools: Tools) -> Iterator[str]:
    """What is wrong."""
    if result.outcome != (wanted := expected(name, words)):
        yield f"{result.outcome} {result.reason}, not {wanted}"
    if any((entry / "cwd").is_symlink() and _works_in(entry, folder) for entry in Path("/proc").glob("[0-9]*")):
        yield "a process is left"
    if result.outcome != "refused":
        yield from _made(name, result, folder)
        yield from _too_large(result)
        yield from _played(result, tools)
        yield from personal(folder)


def _made(name: str, result: Result, folder: Path) -> Iterator[str]:
    assert result.plan
    work, plan = result.work, result.plan
    if work.peak > MOST_MEMORY:
        yield f"{work.peak >> 20} MB"
    if work.cpu > MOST_CPU:
        yield f"{work.cpu:.0f} s of CPU"
    named = {path for made in work.made for path in (made.path, *made.extra)}
    if left := set(folder.iterdir()) ^ named:
        yield f"not named, or not there: {sorted(path.name for path in left)}"
    sizes = [(made.width, made.height) for made in work.made if made.kind == "stream" and made.width]
    if name in SIZES and sizes[0] != SIZES[name]:
        yield f"{sizes[0]}"
    names = {made.name for made in work.made}
    if name in NAMES and NAMES[name] not in names:
        yield f"no {NAMES[name]}"
    if plan.picture and not {"poster.jpg", "storyboard"} <= names:
        yield "no still, or no storyboard"
    if name in WITHOUT_SOUND and "sound" in names:
        yield "sound out of nowhere"


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


def _too_large(result: Result) -> Iterator[str]:
    assert result.plan
    most = {rung.name: rung.most for rung in (*result.plan.rungs, *([result.plan.keep] if result.plan.keep else []))}
    for made in result.work.made:
        if made.kind == "stream" and made.width:
            # The encoder may spend two seconds' worth in the beginning.
            allowed = most[made.name] * (result.plan.duration + 2) * 1.1 / 8 + 20_000
            if (size := made.extra[0].stat().st_size) > allowed:
                yield f"{made.name}: {size} bytes, {allowed:.0f} allowed"


def _played(result: Result, tools: Tools) -> Iterator[str]:
    """Streams and the file play without a complaint, for as long as they should."""
    assert result.plan
    for made in result.work.made:
        if made.kind not in {"stream", "file"} or made.name == "master":
            continue
        path = made.extra[0] if made.extra else made.path
        played = _said([tools.ffmpeg, "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"])
        # Said by the end that throws it away, where pictures come faster than it thinks they do.
        if complaints := [line for line in played.splitlines() if "non monotonically" not in line]:
            yield f"{made.name}: {complaints[0]}"
        entries = "stream=codec_name,width,height,pix_fmt:format=duration"
        shown = _said([tools.ffprobe, "-v", "error", "-show_entries", entries, "-of", "json", str(path)])
        facts = json.loads(shown)
        for stream in facts["streams"]:
            if stream["codec_name"] not in {"h264", "aac"} or stream.get("pix_fmt", "yuv420p") != "yuv420p":
                yield f"{made.name}: {stream}"
            if made.width and stream.get("width") and (stream["width"], stream["height"]) != (made.width, made.height):
                yield f"{made.name}: {stream['width']}x{stream['height']}"
        seconds = float(facts["format"]["duration"])
        if Missing.END not in result.work.missing and abs(seconds - result.plan.duration) > max(
            0.7, 0.03 * result.plan.duration
        ):
            yield f"{made.name}: {seconds:.2f} s, not {result.plan.duration:.2f} s"


def _said(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, check=False, text=True)
    return done.stdout + done.stderr


def personal(folder: Path) -> Iterator[str]:
    """What exiftool finds in what was made of places, cameras and people."""
    if shutil.which("exiftool") is None:
        return
    read = subprocess.run(
        ["exiftool", "-json", "-G1", "-a", "-ee", str(folder)], capture_output=True, check=False, text=True
    )
    for one in json.loads(read.stdout or "[]"):
        for tag in one:
            group, _, name = tag.partition(":")
            if group.startswith(_PERSONAL) or "GPS" in name:
                yield f"{Path(one['SourceFile']).name}: {tag}"


def main(names: Sequence[str]) -> int:
    tools = ffmpeg.find()
    wrong = 0
    for name, words in files().items():
        if names and not any(part in name for part in names):
            continue
        with tempfile.TemporaryDirectory(prefix="corpus-") as folder:
            result = run(name, Path(folder), tools)
            result.wrong = list(check(name, words, result, Path(folder), tools))
        wrong += bool(result.wrong)
        made = " ".join(made.name for made in result.work.made if made.kind in {"stream", "captions"})
        work = result.work
        sys.stdout.write(
            f"{'WRONG' if result.wrong else 'ok':5} {name:40} {result.outcome:8} {result.reason:18} "
            f"{result.seconds:5.1f} s {work.cpu:5.1f} s CPU {work.peak >> 20:4} MB  {made} {' '.join(work.missing)}\n"
        )
        for line in result.wrong:
            sys.stdout.write(f"      {line}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{wrong} wrong\n")
    return min(1, wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
