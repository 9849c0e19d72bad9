"""The contestants: each makes what people watch of a film, and says what it cost.

``python -m benchmarks.media.encodes NAME SOURCE OUT PRESET CRF``, one process each. Prints one JSON object.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from media_pipeline import confined, cutting, ffmpeg, graph, ladder, parts, probe, video
from media_pipeline.ladder import Plan

#: Pixels. Both make these sizes, and no others.
HEIGHTS: Final = (1080, 720, 480, 360)
#: Of MediaCMS 8.3.2: kilobits a second for each of them, where a film has up to 30 pictures a second; at most half as
#: many more; keyframes, in seconds; kilobits a second of sound; seconds between two pictures on the time line.
_RATES: Final = {1080: 4500, 720: 2500, 480: 1000, 360: 500}
_AT_MOST: Final = 1.5
_KEYFRAMES: Final = 4
_SOUND: Final = 128
_STILLS: Final = 10
#: Of a long video.
_PARTS: Final = 4


def peer(source: Path, out: Path, preset: str, crf: float) -> None:
    """As MediaCMS does it: a process for each size, one for a still, one for the pictures on the time line."""
    for height in HEIGHTS:
        largest(source, out, preset, crf, height)
        # It leaves this to another program, which copies too.
        _run("-i", out / f"{height}.mp4", "-c", "copy", *_HLS, out / f"{height}.m3u8")
    _run("-ss", "12.3", "-i", source, "-vframes", "1", out / "still.jpg")
    _run("-i", source, "-f", "image2", "-vf", f"fps=1/{_STILLS}, scale=160:90", out / "tile%03d.jpg")


_HLS: Final = (
    *("-f", "hls", "-hls_time", _KEYFRAMES, "-hls_playlist_type", "vod"),
    *("-hls_segment_type", "fmp4", "-hls_flags", "single_file"),
)


def largest(source: Path, out: Path, preset: str, crf: float, height: int = HEIGHTS[0]) -> None:
    """One size, as MediaCMS makes it."""
    width = round(height * 16 / 9)
    sides = rf"if(lt(iw\,ih)\,{height}\,{width}):if(lt(iw\,ih)\,{width}\,{height})"
    picture = f"scale={sides}:force_original_aspect_ratio=decrease:force_divisible_by=2:flags=lanczos,fps=fps=30"
    rate = f"{round(_RATES[height] * _AT_MOST)}k"
    keyframes = 30 * _KEYFRAMES
    _run(
        *("-i", source, "-c:v", "libx264", "-filter:v", picture, "-pix_fmt", "yuv420p", "-crf", crf),
        *("-c:a", "aac", "-b:a", f"{_SOUND}k", "-ac", 2, "-maxrate", rate, "-bufsize", rate),
        *("-force_key_frames", f"expr:gte(t,n_forced*{_KEYFRAMES})"),
        *("-x264-params", f"keyint={2 * keyframes}:keyint_min={keyframes}"),
        *("-preset", preset, "-profile:v", "main", "-level", "4.2", "-strict", "-2", out / f"{height}.mp4"),
    )


def _run(*arguments: object) -> None:
    command = [_tools().ffmpeg, "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    subprocess.run(command, check=True)


def ours(source: Path, out: Path, preset: str, crf: float) -> None:
    """The product's own way: all that it makes."""
    with patch.multiple(graph, PRESET=preset, CRF=crf):
        video.make(source, _plan(source, out), out, _tools(), progress=_ignore, checkpoint=_nothing)


def not_kept(source: Path, out: Path, preset: str, crf: float) -> None:
    """The same, with nothing copied."""
    with patch.multiple(graph, PRESET=preset, CRF=crf):
        plan = replace(_plan(source, out), keep=None)
        video.make(source, plan, out, _tools(), progress=_ignore, checkpoint=_nothing)


def one_go(source: Path, out: Path, preset: str, crf: float) -> None:
    """The product's own way for what is short, whatever its length."""
    with patch.object(cutting, "_PIXELS_A_PART", float("inf")):
        not_kept(source, out, preset, crf)


def in_parts(source: Path, out: Path, preset: str, crf: float) -> None:
    """The product's own way for what is long: the smallest size, four parts of the others, and all put together."""
    plan = replace(_plan(source, out), keep=None)
    with patch.multiple(graph, PRESET=preset, CRF=crf):
        first = _first(source, plan, out)
        made = []
        for number, part in enumerate(first.parts):
            place = out / f"part{number}"
            place.mkdir()
            parts.make(source, plan, part, place, _tools(), rungs=first.rungs, progress=_ignore, checkpoint=_nothing)
            made.append((part, place))
        parts.finish(plan, made, out, _tools(), rungs=first.rungs, checkpoint=_nothing)


def first_alone(source: Path, out: Path, preset: str, crf: float) -> None:
    """What people can watch before the parts are there."""
    with patch.multiple(graph, PRESET=preset, CRF=crf):
        _first(source, replace(_plan(source, out), keep=None), out)


def _first(source: Path, plan: Plan, out: Path) -> video.Work:
    pixels = float(sum(rung.width * rung.height * rung.rate for rung in plan.rungs[:-1]))
    with patch.multiple(cutting, _SHORTEST=1.0, _PIXELS_A_PART=pixels * plan.duration / _PARTS):
        work = video.make(source, plan, out, _tools(), progress=_ignore, checkpoint=_nothing)
    if len(work.parts) != _PARTS:
        raise RuntimeError(f"Not {_PARTS} parts: {work.parts}")
    return work


def larger_alone(source: Path, out: Path, preset: str, crf: float) -> None:
    """What is made in parts, in one go."""
    with patch.multiple(graph, PRESET=preset, CRF=crf):
        plan = _plan(source, out)
        maker = video.Maker(plan, out, _tools(), _ignore, _nothing)
        with maker.reading(source):
            maker.decode(plan.rungs[:-1], None, 0.0, [], None)


def looked_at(source: Path, out: Path, preset: str, crf: float) -> None:  # noqa: ARG001
    """What all of ours begin with: what is in the film, and the plan."""
    _plan(source, out)


def kept_alone(source: Path, out: Path, preset: str, crf: float) -> None:  # noqa: ARG001
    """The largest size alone, copied: with the look at its keyframes."""
    maker = video.Maker(_plan(source, out), out, _tools(), _ignore, _nothing)
    with maker.reading(source):
        rung, _ = maker._kept()
    if rung is None:
        raise RuntimeError(f"Not kept: {maker.work.log}")


def encoded_alone(source: Path, out: Path, preset: str, crf: float) -> None:
    """The largest size alone, encoded."""
    with patch.multiple(graph, PRESET=preset, CRF=crf):
        plan = _plan(source, out)
        maker = video.Maker(plan, out, _tools(), _ignore, _nothing)
        with maker.reading(source):
            maker.decode(plan.rungs[:1], None, 0.0, [], None)


def _plan(source: Path, out: Path) -> Plan:
    facts = probe.look(source, folder=out, tools=_tools(), checkpoint=_nothing)
    plan = ladder.plan(facts, decodes=_tools().codecs, tone_maps=_tools().tone_maps)
    if tuple(rung.height for rung in plan.rungs) != HEIGHTS:
        raise RuntimeError(f"Other sizes than the peer's: {plan.rungs}")
    return plan


def _tools() -> ffmpeg.Tools:
    return ffmpeg.find()  # once in a process, as in a worker


def _ignore(_share: float) -> None:
    pass


def _nothing() -> None:
    pass


CONTESTANTS: Final[dict[str, Callable[[Path, Path, str, float], None]]] = {
    "ours": ours,
    "not_kept": not_kept,
    "one_go": one_go,
    "in_parts": in_parts,
    "first_alone": first_alone,
    "larger_alone": larger_alone,
    "looked_at": looked_at,
    "kept_alone": kept_alone,
    "encoded_alone": encoded_alone,
    "peer": peer,
    "largest": largest,
}


def _used() -> float:
    """CPU seconds of this process and of those that it has started and that have ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def main() -> None:
    name, source, out, preset, crf = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], float(sys.argv[5])
    _tools()
    began, cpu = time.monotonic(), _used()
    # The product's programs give way to others, which the peer's do not: on the clock that would count against it.
    with patch.object(confined, "run", partial(confined.run, nice=0)):
        CONTESTANTS[name](source, out, preset, crf)
    found: dict[str, Any] = {
        "cpu": _used() - cpu,
        "wall": time.monotonic() - began,
        # MB, of one program: the largest of them.
        "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
