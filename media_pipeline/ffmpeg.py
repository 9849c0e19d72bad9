"""ffmpeg and ffprobe, fit for what strangers send.

Plain ``ffmpeg -i file`` reads whatever the file names: other people's files beside it, playlists, addresses. So every
call here names the formats, protocols and decoders that are let in, the file is called ``source`` in a folder with
nothing of anybody else's, and the programs run confined. Graphs of filters are put together with ffmpeg-python; it only
writes the command, ``run`` runs it.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import ffmpeg
from django.utils.translation import gettext_noop

from media_pipeline import confined
from media_pipeline.confined import Ended, Limit, Limits, Overrun
from media_pipeline.reasons import MOST_VIDEO_PIXELS

#: What the file is called for the programs.
SOURCE: Final = "source"
#: Demuxers that read one file and nothing that it names: no playlists, no scripts, no lists of files.
FORMATS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,dv,mxf,gif,apng,"
    "mp3,wav,w64,flac,aac,ac3,amr,amrnb,amrwb,aiff,caf"
)
#: What people's cameras, telephones, screen recorders and editors write, by the names of codecs.
PICTURE_CODECS: Final = frozenset({
    "apng", "av1", "cinepak", "dnxhd", "dvvideo", "ffv1", "flv1", "gif", "h263", "h264", "hevc", "huffyuv", "mjpeg",
    "mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "png", "prores", "qtrle", "rawvideo",
    "svq3", "theora", "vc1", "vp8", "vp9", "wmv1", "wmv2", "wmv3",
})  # fmt: skip
SOUND_CODECS: Final = frozenset({
    "aac", "ac3", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "alac", "amr_nb", "amr_wb", "dts", "eac3", "flac", "mp1",
    "mp2", "mp3", "opus", "pcm_alaw", "pcm_bluray", "pcm_f32be", "pcm_f32le", "pcm_f64le", "pcm_mulaw", "pcm_s16be",
    "pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_s8", "pcm_u8", "vorbis", "wmapro", "wmav1",
    "wmav2",
})  # fmt: skip
CAPTION_CODECS: Final = frozenset({"ass", "mov_text", "subrip", "text", "webvtt"})
#: Decoders that are called otherwise than what they decode.
_DECODERS: Final = (
    "amrnb", "amrwb", "dca", "flv", "libaom-av1", "libdav1d", "libopus", "mp1float", "mp2float", "mp3float", "msmpeg4",
    "srt", "ssa",
)  # fmt: skip
#: Decoding a picture that lies about its size in the header stops here.
_MOST_PIXELS: Final = 2 * MOST_VIDEO_PIXELS
_GUARDS: Final[Mapping[str, Any]] = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    "codec_whitelist": ",".join((*sorted(PICTURE_CODECS | SOUND_CODECS | CAPTION_CODECS), *_DECODERS)),
    "max_pixels": _MOST_PIXELS,
    "max_streams": 100,
}
#: What cannot be decoded is left out, however much that is: whether enough is there is seen afterwards.
_ALWAYS: Final = ("-nostdin", "-hide_banner", "-y", "-max_error_rate", "1")
#: Fewer mappings of memory for the many threads of an encoder, so that the limit of it means something.
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2"}
_MB: Final = 1 << 20
#: For looking at a file without decoding it.
LOOKING: Final = Limits(memory=1024 * _MB, cpu=60, wall=300, stall=60, file_size=_MB)
#: Characters of JSON that ffprobe may say.
_MOST_JSON: Final = 2 * _MB
_NO_MEMORY: Final = ("Cannot allocate memory", "malloc of size")


class Missing(Exception):
    """A program is not there, or lacks what nothing can be made without. The message is for the operator."""


class Unsuccessful(Exception):
    """The program has ended, and not well: what it wrote counts for nothing. ``ended`` has its last words."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(f"Exit code {ended.code}: {ended.errors[-500:]}")
        self.ended = ended


@dataclass(frozen=True, slots=True)
class Tools:
    """The two programs, and what they can do.

    Attributes:
        ffmpeg, ffprobe: their paths.
        version: as they say it.
        encoders, filters: by name.
        codecs: those that can be decoded in software, by the names of the codecs.
    """

    ffmpeg: str
    ffprobe: str
    version: str
    encoders: frozenset[str]
    filters: frozenset[str]
    codecs: frozenset[str]

    @property
    def tone_maps(self) -> bool:
        """Colours of HDR can be brought into what every screen shows."""
        return {"zscale", "tonemap"} <= self.filters

    @property
    def lacks(self) -> list[str]:
        """What this build cannot do of what is made use of where it can: in words for the operator, in English."""
        can = {
            gettext_noop("tone mapping of HDR (zscale)"): self.tone_maps,
            gettext_noop("decoding of AV1 (libdav1d)"): "av1" in self.codecs,
            gettext_noop("stills as WebP (libwebp)"): "libwebp" in self.encoders,
            gettext_noop("measuring of quality (libvmaf)"): "libvmaf" in self.filters,
        }
        return [name for name, there in can.items() if not there]


def find(ffmpeg: str = "ffmpeg", ffprobe: str = "ffprobe") -> Tools:
    """The programs called so (names that are looked up in PATH, or paths). Raises Missing."""
    paths = [shutil.which(name) for name in (ffmpeg, ffprobe)]
    for name, path in zip((ffmpeg, ffprobe), paths, strict=True):
        if path is None:
            raise Missing(f"There is no program {name}. Install ffmpeg, or name it: FFMPEG and FFPROBE.")
    return _examine(str(Path(str(paths[0])).absolute()), str(Path(str(paths[1])).absolute()))


@lru_cache(maxsize=8)
def _examine(ffmpeg_path: str, ffprobe_path: str) -> Tools:
    def listed(option: str) -> list[str]:
        lines: list[bytes] = []
        ended = confined.run(
            [ffmpeg_path, "-hide_banner", option], folder=Path("/"), limits=LOOKING, on_line=lines.append
        )
        if ended.code != 0:
            raise Missing(f"{ffmpeg_path} does not run: {ended.errors or ended.code}")
        return [line.decode(errors="replace") for line in lines]

    def names(option: str) -> frozenset[str]:
        return frozenset(words[1] for line in listed(option) if len(words := line.split()) > 1)

    probe = confined.run([ffprobe_path, "-version"], folder=Path("/"), limits=LOOKING)
    if probe.code != 0:
        raise Missing(f"{ffprobe_path} does not run: {probe.errors or probe.code}")
    tools = Tools(
        ffmpeg=ffmpeg_path,
        ffprobe=ffprobe_path,
        version=listed("-version")[0].removeprefix("ffmpeg version ").partition(" ")[0],
        encoders=names("-encoders"),
        filters=names("-filters"),
        codecs=_decodable(listed("-codecs")),
    )
    for needed in ("libx264", "aac"):
        if needed not in tools.encoders:
            raise Missing(f"{ffmpeg_path} has no encoder {needed}.")
    return tools


def _decodable(lines: list[str]) -> frozenset[str]:
    """From ``ffmpeg -codecs``: `` DEV.L. av1   AOMedia Video 1 (decoders: libdav1d av1 ) (encoders: … )``."""
    found = set()
    for line in lines:
        if match := re.match(r" D\S{5} (\S+) ", line):
            decoders = re.search(r"\(decoders: ([^)]*)\)", line)
            # The decoder that is called av1 needs a graphics card.
            if match[1] != "av1" or (decoders and set(decoders[1].split()) & {"libdav1d", "libaom-av1"}):
                found.add(match[1])
    return frozenset(found)


def source(name: str = SOURCE, **options: Any) -> Any:
    """An input of ffmpeg-python: a file of the folder, read within the guards. ``options``: those of the input."""
    return ffmpeg.input(f"file:{name}", **_GUARDS, **options)


def output(*streams_and_name: Any, **options: Any) -> Any:
    """An output of ffmpeg-python: streams, then the name of a file of the folder."""
    *streams, name = streams_and_name
    return ffmpeg.output(*streams, name, **options)


def command(*outputs: Any) -> list[str]:
    """The arguments for ``run`` of outputs of ffmpeg-python."""
    arguments: list[str] = ffmpeg.get_args(ffmpeg.merge_outputs(*outputs))
    return arguments


def probe(tools: Tools, entries: str, *, folder: Path, checkpoint: Callable[[], None]) -> dict[str, Any]:
    """What ffprobe says of the source's ``entries`` (as in its ``-show_entries``).

    Raises Unsuccessful, confined.Overrun.
    """
    lines: list[bytes] = []
    size = 0

    def take(line: bytes) -> None:
        nonlocal size
        size += len(line)
        if size <= _MOST_JSON:
            lines.append(line)

    ended = _probe(tools, ["-of", "json=compact=1", "-show_entries", entries], folder, take, checkpoint)
    if size > _MOST_JSON:
        raise Unsuccessful(ended)
    said: dict[str, Any] = json.loads(b"\n".join(lines))
    return said


def packets(
    tools: Tools, stream: int, *, folder: Path, on_packet: Callable[[float, bool], None], checkpoint: Callable[[], None]
) -> None:
    """Calls ``on_packet`` with the time, in seconds, of each packet of a stream of the source, and whether pictures can
    be shown from it on. Nothing is decoded. Raises Unsuccessful, confined.Overrun."""

    def take(line: bytes) -> bool:
        time, _, flags = line.partition(b",")
        try:
            on_packet(float(time), flags.startswith(b"K"))
        except ValueError:  # N/A
            return False
        return True

    asked = ["-of", "csv=p=0", "-select_streams", str(stream), "-show_entries", "packet=pts_time,flags"]
    _probe(tools, asked, folder, take, checkpoint)


def _probe(
    tools: Tools,
    asked: list[str],
    folder: Path,
    take: Callable[[bytes], bool | None],
    checkpoint: Callable[[], None],
) -> Ended:
    guards = [word for option, value in _GUARDS.items() for word in (f"-{option}", str(value))]
    ended = confined.run(
        [tools.ffprobe, "-hide_banner", "-v", "error", *guards, *asked, f"file:{SOURCE}"],
        folder=folder,
        limits=LOOKING,
        on_line=take,
        checkpoint=checkpoint,
        environment=_ENVIRONMENT,
    )
    if ended.code != 0:
        raise Unsuccessful(ended)
    return ended


def run(
    tools: Tools,
    arguments: Sequence[str],
    *,
    folder: Path,
    limits: Limits,
    on_time: Callable[[float], None] = lambda _seconds: None,
    checkpoint: Callable[[], None],
    level: str = "error",
) -> Ended:
    """Runs ffmpeg in ``folder``. ``on_time`` gets the seconds that are made so far, about once a second.

    Returns only where it has ended well: the exit code and the end of its progress say so. Whether all that was asked
    for is there, its caller must see. ``level``: of what it says on stderr. Raises Unsuccessful, confined.Overrun.
    """
    if arguments.count("-i") != arguments.count("-format_whitelist"):
        raise ValueError("An input without its guards.")
    progress = _Progress(on_time)
    ended = confined.run(
        [tools.ffmpeg, *_ALWAYS, "-v", level, "-progress", "pipe:1", "-stats_period", "1", *arguments],
        folder=folder,
        limits=limits,
        on_line=progress.take,
        moves=_Growth(folder).goes_on,
        checkpoint=checkpoint,
        environment=_ENVIRONMENT,
    )
    if ended.code != 0 and any(words in ended.errors for words in _NO_MEMORY):
        raise Overrun(Limit.MEMORY, ended)
    if ended.code != 0 or not progress.complete:
        raise Unsuccessful(ended)
    return ended


@dataclass(slots=True)
class _Growth:
    """Whether what is written in ``folder`` becomes more: ffmpeg says nothing while one of its outputs still waits for
    its first picture or sound."""

    folder: Path
    size: int = 0

    def goes_on(self) -> bool:
        before, self.size = self.size, sum(map(_size, os.scandir(self.folder)))
        return self.size > before


def _size(file: os.DirEntry[str]) -> int:
    try:
        return file.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # it has another name by now
        return 0


@dataclass(slots=True)
class _Progress:
    """Reads ``-progress``: lines of key=value, the last of each block ``progress=continue`` or ``progress=end``
    (https://ffmpeg.org/ffmpeg.html#Main-options)."""

    on_time: Callable[[float], None]
    complete: bool = False
    microseconds: int = 0
    frames: int = 0

    def take(self, line: bytes) -> bool:
        key, _, value = line.strip().partition(b"=")
        if key == b"progress":
            self.complete = value == b"end"
        if not value.isdigit():
            return False
        if key == b"frame" and int(value) > self.frames:
            self.frames = int(value)
            return True
        if key == b"out_time_us" and int(value) > self.microseconds:
            self.microseconds = int(value)
            self.on_time(self.microseconds / 1_000_000)
            return True
        return False
