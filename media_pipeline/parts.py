"""Makes the larger sizes of a long video in parts, each by itself, by as many workers as there are, and puts them
together.

What ``video`` has made first, the smallest size, says where all sizes are cut (``cutting``). A part is read from
the keyframe before it, encoded to exactly as many pictures as it has, and stored; whoever finds it stored need not make
it again. Put together, the parts are one stream: see ``joining``.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from media_pipeline import joining, playlists
from media_pipeline.cutting import Part
from media_pipeline.ffmpeg import Tools
from media_pipeline.ladder import Plan
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused
from media_pipeline.video import Maker, Work

#: Seconds by which the length of a part may be rounded.
_LESS_THAN_A_PICTURE: Final = 0.005


def make(
    source: Path,
    plan: Plan,
    part: Part,
    out: Path,
    tools: Tools,
    *,
    rungs: Sequence[str],
    progress: Callable[[float], None],
    checkpoint: Callable[[], None],
) -> Work:
    """Makes the part in ``rungs`` (names of sizes of ``plan``) in the empty folder ``out``: of each size a stream,
    ``720p.m3u8`` with ``720p.m4s``; nothing of a part of which nothing can be read.

    Raises Refused, OSError where the disk is full, joining.Different where it came out otherwise, and what ``progress``
    and ``checkpoint`` raise.
    """
    maker = Maker(plan, out, tools, progress, checkpoint, part=part, by_the_clock=True)
    wanted = tuple(rung for rung in plan.rungs if rung.name in rungs)
    try:
        with maker.reading(source):
            maker.decode(wanted, None, 0.0, [], None)
    except Refused as refusal:
        if refusal.reason != Reason.BROKEN:
            raise
        for path in out.iterdir():
            path.unlink()
        return maker.work
    for stream in maker.streams:
        if part.pictures and abs(stream.duration - part.seconds) > _LESS_THAN_A_PICTURE:
            raise joining.Different(f"{stream.name} lasts {stream.duration} s instead of {part.seconds}.")
    return maker.work


def finish(
    plan: Plan,
    parts: Sequence[tuple[Part, Path]],
    out: Path,
    tools: Tools,
    *,
    rungs: Sequence[str],
    checkpoint: Callable[[], None],
) -> Work:
    """Puts the parts together and makes what is made of the whole. ``parts``: each with the folder that it lies in.
    ``out`` holds the streams that were made first. Raises joining.Different, ffmpeg.Unsuccessful and confined.Overrun,
    for the file has been read by now, and what ``checkpoint`` raises.
    """
    maker = Maker(plan, out, tools, lambda _share: None, checkpoint)
    there = _readable(parts, rungs)
    if len(there) < len(parts):
        maker.work.missing.add(Missing.END)
    for name in rungs if there else ():
        checkpoint()
        _join(name, there, out)
    # The upload's own stream, where it was kept, is called like the size that would have been encoded in its place.
    sizes = {rung.name: rung for rung in plan.rungs}
    if plan.keep and plan.keep.name not in rungs:
        sizes[plan.keep.name] = plan.keep
    maker.streams = [stream for name, rung in sizes.items() if (stream := maker.read(name, rung))]
    maker.sound = maker.read("sound", None)
    maker.describe()
    maker.file()
    maker.posters()
    return maker.work


def _readable(parts: Sequence[tuple[Part, Path]], rungs: Sequence[str]) -> list[tuple[Part, Path]]:
    """Up to the first of which nothing could be made: what is behind it cannot be told from what is missing."""
    there = []
    for part, folder in parts:
        if not all((folder / f"{name}.m4s").exists() for name in rungs):
            break
        there.append((part, folder))
    return there


def _join(name: str, parts: Sequence[tuple[Part, Path]], out: Path) -> None:
    target = out / f"{name}.m4s"
    head = joining.join([(folder / f"{name}.m4s", part.start / part.rate) for part, folder in parts], target)
    segments = [one for _, folder in parts for one in playlists.segments((folder / f"{name}.m3u8").read_text())]
    (out / f"{name}.m3u8").write_text(playlists.stream(target.name, head, segments))
