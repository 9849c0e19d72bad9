"""What players read of streams: HLS playlists (RFC 8216), codecs, and where each preview is."""

import re
from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

from media_pipeline.ladder import Storyboard
from media_pipeline.made import Made


def segments(playlist: str) -> list[tuple[float, int]]:
    """Seconds and bytes of each segment of a playlist whose segments are parts of one file (RFC 8216, 4.3.2)."""
    seconds = [float(value) for value in re.findall(r"^#EXTINF:([\d.]+)", playlist, re.MULTILINE)]
    sizes = [int(value) for value in re.findall(r"^#EXT-X-BYTERANGE:(\d+)", playlist, re.MULTILINE)]
    return [(length, size) for length, size in zip(seconds, sizes, strict=True) if length > 0]


def stream(name: str, head: int, segments: Sequence[tuple[float, int]]) -> str:
    """The playlist of a stream whose segments lie in the file ``name`` behind ``head`` bytes: seconds and bytes of each
    (RFC 8216, 4.3)."""
    longest = ceil(max(seconds for seconds, _ in segments))
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", f"#EXT-X-TARGETDURATION:{longest}", "#EXT-X-MEDIA-SEQUENCE:0"]
    lines += ["#EXT-X-PLAYLIST-TYPE:VOD", f'#EXT-X-MAP:URI="{name}",BYTERANGE="{head}@0"']
    at = head
    for seconds, size in segments:
        lines += [f"#EXTINF:{seconds:.6f},", f"#EXT-X-BYTERANGE:{size}@{at}", name]
        at += size
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def h264(path: Path) -> str:
    """The codec of a file as RFC 6381 has it, from its decoder's configuration (ISO/IEC 14496-15, 5.3.3.1)."""
    with path.open("rb") as file:
        head = file.read(64 * 1024)
    at = head.index(b"avcC") + 4
    return f"avc1.{head[at + 1 : at + 4].hex()}"


def master(streams: Sequence[Made], rates: dict[str, Fraction]) -> str:
    """The playlist that names all streams (RFC 8216, 4.3.4): ``streams`` are sizes, the largest first, and the sound,
    which has no width. ``rates``: pictures a second, by name."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    sound = next((stream for stream in streams if stream.width is None), None)
    sizes = [stream for stream in streams if stream.width is not None]
    if sound and sizes:
        lines.append(
            f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,URI="{sound.path.name}"'
        )
    for stream in sizes or streams:
        beside = [sound] if sound and sizes else []
        peak = sum(one.peak_bitrate or 0 for one in (stream, *beside))
        average = sum(one.bitrate or 0 for one in (stream, *beside))
        words = [f"BANDWIDTH={peak}", f"AVERAGE-BANDWIDTH={average}"]
        words.append(f'CODECS="{",".join(one.codecs for one in (stream, *beside))}"')
        if stream.width:
            words.append(f"RESOLUTION={stream.width}x{stream.height}")
            words.append(f"FRAME-RATE={float(rates[stream.name]):.3f}")
        if beside:
            words.append('AUDIO="sound"')
        lines += [f"#EXT-X-STREAM-INF:{','.join(words)}", stream.path.name]
    return "\n".join([*lines, ""])


def previews(storyboard: Storyboard, duration: float, sheets: int) -> str:
    """Which part of which sheet shows which moment, as players read it: WebVTT whose cues are media fragments."""
    lines = ["WEBVTT", ""]
    a_sheet = storyboard.columns * storyboard.rows
    count = min(sheets * a_sheet, max(1, ceil(duration / storyboard.every - 1e-6)))
    for number in range(count):
        begin, end = number * storyboard.every, min(duration, (number + 1) * storyboard.every)
        row, column = divmod(number % a_sheet, storyboard.columns)
        at = f"{column * storyboard.width},{row * storyboard.height},{storyboard.width},{storyboard.height}"
        lines += [f"{_clock(begin)} --> {_clock(end)}", f"storyboard-{number // a_sheet + 1}.jpg#xywh={at}", ""]
    return "\n".join(lines)


def _clock(seconds: float) -> str:
    whole = floor(seconds * 1000 + 0.5)
    return f"{whole // 3_600_000:02}:{whole // 60_000 % 60:02}:{whole // 1000 % 60:02}.{whole % 1000:03}"
