"""What is in a video or sound file, as ffprobe reads it.

Nothing is decoded, and what a file says of itself may be wrong.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from media_pipeline import ffmpeg
from media_pipeline.confined import Overrun
from media_pipeline.ffmpeg import Tools, Unsuccessful
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused

_ENTRIES: Final = (
    "format=format_name,duration,start_time,size,bit_rate"
    ":stream=index,codec_type,codec_name,profile,level,width,height,sample_aspect_ratio,pix_fmt,field_order,"
    "color_range,color_space,color_transfer,color_primaries,r_frame_rate,avg_frame_rate,duration,bit_rate,"
    "channels,sample_rate"
    ":stream_disposition=default,attached_pic,forced,still_image,timed_thumbnails,dub,comment,visual_impaired"
    ":stream_tags=language,DURATION"
    ":stream_side_data=displaymatrix,dv_profile"
)
#: Seconds that no recording has: what says so does not know.
_ABSURD: Final = 1e7
#: Pictures a second that a stream may have.
_FASTEST: Final = 240
#: Seconds that a picture is shown where nothing tells.
_A_PICTURE: Final = 0.04
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """A stream of moving pictures.

    Attributes:
        index: of the stream in the file.
        codec, profile, level, pixels: as ffmpeg names them: ``h264``, ``High``, 40, ``yuv420p``.
        width, height: pixels as stored: before turning, and not always square.
        sar: width of a stored pixel by its height, as (numerator, denominator).
        matrix: how it is turned and mirrored to be shown: (a, b, c, d) of the display matrix's corner, each -1, 0 or 1;
            (1, 0, 0, 1) is as stored. x' = ax + cy, y' = bx + dy, with y downwards.
        average_rate, least_rate: pictures a second, on average, and the least that hits every time stamp, as fractions;
            (0, 1): not known.
        duration: seconds; 0: not known.
        bitrate: bits a second; 0: not known.
        interlaced: it says that it is.
        full_range: black is 0 and not 16.
        space, transfer, primaries: of its colours, as ffmpeg names them; "": not known.
        dolby_vision: its profile; 0: none.
    """

    index: int
    codec: str
    profile: str = ""
    level: int = 0
    pixels: str = "yuv420p"
    width: int
    height: int
    sar: tuple[int, int] = (1, 1)
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1)
    average_rate: tuple[int, int] = (0, 1)
    least_rate: tuple[int, int] = (0, 1)
    duration: float = 0.0
    bitrate: int = 0
    interlaced: bool = False
    full_range: bool = False
    space: str = ""
    transfer: str = ""
    primaries: str = ""
    dolby_vision: int = 0
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A stream of sound. ``language``: as the file says, three letters; "": not known. ``aside``: a commentary, a dub,
    a description for the blind."""

    index: int
    codec: str
    profile: str = ""
    channels: int = 2
    sample_rate: int = 48_000
    bitrate: int = 0
    duration: float = 0.0
    language: str = ""
    default: bool = False
    aside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    index: int
    codec: str
    language: str = ""
    default: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file holds. Covers, thumbnails, data and attachments are left out.

    Attributes:
        container: the demuxer's names for it, like ``mov,mp4,m4a,3gp,3g2,mj2``.
        size: bytes.
        duration: seconds, of what lasts longest in it; 0 where nothing tells.
        start: seconds at which its first stream begins.
        stated: the duration is the file's own word, and not counted.
    """

    container: str
    size: int
    duration: float
    start: float = 0.0
    stated: bool = True
    videos: tuple[Video, ...] = ()
    sounds: tuple[Sound, ...] = ()
    captions: tuple[Captions, ...] = ()


def facts_of(written: Mapping[str, Any]) -> Facts:
    """Facts that were written as JSON."""

    def streams(kind: type[Any], name: str) -> tuple[Any, ...]:
        return tuple(
            kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in stream.items()})
            for stream in written[name]
        )

    return Facts(
        **{
            **written,
            "videos": streams(Video, "videos"),
            "sounds": streams(Sound, "sounds"),
            "captions": streams(Captions, "captions"),
        }
    )


def look(source: Path, *, folder: Path, tools: Tools, checkpoint: Callable[[], None]) -> Facts:
    """Looks at the file ``source``. ``folder`` is an empty one to work in, and is left so. Raises Refused."""
    link = folder / ffmpeg.SOURCE
    link.symlink_to(source.absolute())
    try:
        said = ffmpeg.probe(tools, _ENTRIES, folder=folder, checkpoint=checkpoint)
        facts = read(said, size=source.stat().st_size)
        if not facts.duration and (facts.videos or facts.sounds):
            facts = _counted(facts, folder, tools, checkpoint)
    except Overrun as overrun:
        raise Refused(Reason.TOO_MUCH_WORK) from overrun
    except Unsuccessful as failure:
        with source.open("rb") as file:
            raise Refused(unreadable(file.read(4096))) from failure
    finally:
        link.unlink()
    return facts


def _counted(facts: Facts, folder: Path, tools: Tools, checkpoint: Callable[[], None]) -> Facts:
    """The file does not say how long it is: so its packets do."""
    first, last = _ABSURD, 0.0

    def see(seconds: float, _key: bool) -> None:
        nonlocal first, last
        first, last = min(first, seconds), max(last, seconds)

    stream = facts.videos[0] if facts.videos else facts.sounds[0]
    ffmpeg.packets(tools, stream.index, folder=folder, on_packet=see, checkpoint=checkpoint)
    # The last picture is shown for as long as any.
    rate = Fraction(*facts.videos[0].average_rate) if facts.videos else Fraction(0)
    duration = max(0.0, last - first) + (float(1 / rate) if 1 <= rate <= _FASTEST else _A_PICTURE)
    return replace(facts, duration=duration, stated=False)


def read(said: dict[str, Any], *, size: int) -> Facts:
    """Facts from what ffprobe said in JSON."""
    streams = said.get("streams", [])
    container = said.get("format", {})
    videos: list[Video] = []
    sounds: list[Sound] = []
    captions: list[Captions] = []
    for stream in streams:
        match stream.get("codec_type"):
            case "video" if not _is_cover(stream) and stream.get("width") and stream.get("height"):
                videos.append(_video(stream))
            case "audio" if _whole(stream.get("channels")):
                sounds.append(_sound(stream))
            case "subtitle":
                captions.append(_captions(stream))
    longest = max([*(video.duration for video in videos), *(sound.duration for sound in sounds)], default=0.0)
    return Facts(
        container=container.get("format_name", ""),
        size=size,
        duration=longest or _seconds(container.get("duration")),
        start=_seconds(container.get("start_time")),
        videos=tuple(videos),
        sounds=tuple(sounds),
        captions=tuple(captions),
    )


def _is_cover(stream: dict[str, Any]) -> bool:
    disposition = stream.get("disposition", {})
    return any(disposition.get(kind) for kind in ("attached_pic", "still_image", "timed_thumbnails"))


def _video(stream: dict[str, Any]) -> Video:
    sides = stream.get("side_data_list", [])
    pixels = stream.get("pix_fmt", "")
    return Video(
        index=stream["index"],
        codec=stream.get("codec_name", ""),
        profile=str(stream.get("profile", "")),
        level=_whole(stream.get("level")),
        pixels=pixels,
        width=stream["width"],
        height=stream["height"],
        sar=_sar(stream.get("sample_aspect_ratio")),
        matrix=next((_matrix(side["displaymatrix"]) for side in sides if "displaymatrix" in side), (1, 0, 0, 1)),
        average_rate=_ratio(stream.get("avg_frame_rate"), "/"),
        least_rate=_ratio(stream.get("r_frame_rate"), "/"),
        duration=_duration(stream),
        bitrate=_whole(stream.get("bit_rate")),
        interlaced=stream.get("field_order") in {"tt", "bb", "tb", "bt"},
        full_range=stream.get("color_range") == "pc" or pixels.startswith("yuvj"),
        space=_known(stream.get("color_space")),
        transfer=_known(stream.get("color_transfer")),
        primaries=_known(stream.get("color_primaries")),
        dolby_vision=next((_whole(side["dv_profile"]) for side in sides if "dv_profile" in side), 0),
        default=bool(stream.get("disposition", {}).get("default")),
    )


def _sound(stream: dict[str, Any]) -> Sound:
    disposition = stream.get("disposition", {})
    return Sound(
        index=stream["index"],
        codec=stream.get("codec_name", ""),
        profile=str(stream.get("profile", "")),
        channels=_whole(stream.get("channels")),
        sample_rate=_whole(stream.get("sample_rate")),
        bitrate=_whole(stream.get("bit_rate")),
        duration=_duration(stream),
        language=_language(stream),
        default=bool(disposition.get("default")),
        aside=any(disposition.get(kind) for kind in ("dub", "comment", "visual_impaired")),
    )


def _captions(stream: dict[str, Any]) -> Captions:
    disposition = stream.get("disposition", {})
    return Captions(
        index=stream["index"],
        codec=stream.get("codec_name", ""),
        language=_language(stream),
        default=bool(disposition.get("default")),
        forced=bool(disposition.get("forced")),
    )


def _matrix(text: str) -> tuple[int, int, int, int]:
    """The corner of a display matrix (ISO/IEC 14496-12, 6.2.2) that turns and mirrors, as -1, 0 and 1. ``text``: three
    lines like ``00000000:    0   65536   0``. What is turned by less than a quarter is taken to the nearest."""
    rows = [line.partition(":")[2].split() for line in text.strip().splitlines()]
    a, b, c, d = (int(rows[row][column]) for row in (0, 1) for column in (0, 1))
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return (0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def _duration(stream: dict[str, Any]) -> float:
    """Seconds; Matroska has them in a tag, as ``00:00:05.016000000``."""
    if seconds := _seconds(stream.get("duration")):
        return seconds
    with suppress(ValueError):
        hours, minutes, rest = str(stream.get("tags", {}).get("DURATION", "")).split(":")
        return _seconds(int(hours) * 3600 + int(minutes) * 60 + float(rest))
    return 0.0


def _language(stream: dict[str, Any]) -> str:
    language = str(stream.get("tags", {}).get("language", "")).lower()
    return language if _LANGUAGE.fullmatch(language) and language != "und" else ""


def _known(name: str | None) -> str:
    return "" if name in {None, "unknown", "reserved", "unspecified"} else str(name)


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return 0.0
    return seconds if 0 < seconds < _ABSURD else 0.0


def _whole(value: Any) -> int:
    try:
        return max(0, int(value))
    except (TypeError, ValueError):
        return 0


def _sar(text: str | None) -> tuple[int, int]:
    numerator, denominator = _ratio(text, ":")
    return (numerator, denominator) if numerator else (1, 1)


def _ratio(text: str | None, sign: str) -> tuple[int, int]:
    """From ``30000/1001`` or ``4:3``; (0, 1) where it says nothing."""
    numerator, _, denominator = (text or "").partition(sign)
    if _whole(numerator) and _whole(denominator):
        return _whole(numerator), _whole(denominator)
    return (0, 1)


def unreadable(head: bytes) -> Reason:
    """Why a file that ffprobe could make nothing of is refused, by its first bytes."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not head:
        return Reason.EMPTY
    if text.startswith((b"#extm3u", b"ffconcat", b"v=0", b"[playlist]", b"<asx", b"<smil")) or (
        text.startswith(b"<") and b"<mpd" in text
    ):
        return Reason.PLAYLIST
    if text.startswith(b"<") and b"<svg" in text:
        return Reason.DRAWING
    known = (
        b"\x1a\x45\xdf\xa3",
        b"FLV\x01",
        b"OggS",
        b"ID3",
        b"\x00\x00\x01\xba",
        b"\x30\x26\xb2\x75",
        b"fLaC",
    )
    riff = head.startswith(b"RIFF") and head[8:12] in {b"AVI ", b"WAVE"}
    if riff or head.startswith(known) or head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return Reason.BROKEN
    return Reason.NOT_MEDIA
