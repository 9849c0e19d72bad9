"""Makes what people watch of a video, or listen to of a sound, by a plan.

The file is decoded once for all sizes, each made from the next larger one, and for the pictures on the time line. Where
the upload's own stream can be played as it is, it becomes the largest size in the time that copying takes. Streams are
HLS with fragmented MP4 (RFC 8216), one file each, cut at the same moments.

Of what takes long, only the smallest size, the sound and the stills are made here, for people to watch meanwhile, and
it is said in which parts the other sizes can be made: see ``parts``.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from signal import SIGKILL
from typing import Any, Final

from media_pipeline import cutting, ffmpeg, graph, ladder, playlists
from media_pipeline.confined import Ended, Limits, Overrun
from media_pipeline.cutting import Part
from media_pipeline.ffmpeg import Tools, Unsuccessful
from media_pipeline.keyframes import Keyframes
from media_pipeline.ladder import Picture, Plan, Rung, Storyboard, Track
from media_pipeline.made import Made
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused

#: Loudness that sound is brought to, and the peak that it must not pass (EBU R 128's units: LUFS, dBTP).
_LOUDNESS: Final = -16.0
_PEAK: Final = -1.0
#: Decibels: silence is not made louder than by so much, and less than this is not worth making anew.
_MOST_GAIN: Final = 12.0
_LEAST_GAIN: Final = 1.0
_SILENCE: Final = -60.0
_POSTER: Final = 1280
#: The tallest size that is also made into one file, for whatever cannot play streams.
_FILE: Final = 720
#: Seconds of a segment so short that each keyframe begins one.
_EACH_KEYFRAME: Final = 0.001
_MB: Final = 1 << 20
_PLAYLIST: Final = "application/vnd.apple.mpegurl"
_AAC: Final = "mp4a.40.2"
#: Places, in what cameras of drones and cars write as captions.
_PLACES: Final = re.compile(r"\b(gps|latitude|longitude)\b|\[lat", re.IGNORECASE)
#: A decoder that found the stream damaged, as ``[h264 @ 0x55d0] error while decoding MB 3 4``.
_COMPLAINT: Final = re.compile(r"^\[(h264|hevc|vp8|vp9|av1|mpeg4) @", re.MULTILINE)


@dataclass(slots=True)
class Work:
    """What has come of a file.

    Attributes:
        made: the renditions, the largest first.
        missing: what could not be made although the rest could.
        parts: the other sizes are still to be made, in these parts; none where everything is there.
        rungs: the names of those sizes.
        cpu: seconds used.
        peak: bytes resident at most, of any of the programs.
        log: what the programs said, for the operator.
    """

    made: list[Made] = field(default_factory=list)
    missing: set[Missing] = field(default_factory=set)
    parts: tuple[Part, ...] = ()
    rungs: tuple[str, ...] = ()
    cpu: float = 0.0
    peak: int = 0
    log: str = ""


def make(
    source: Path,
    plan: Plan,
    out: Path,
    tools: Tools,
    *,
    progress: Callable[[float], None],
    checkpoint: Callable[[], None],
) -> Work:
    """Makes all of ``plan`` in the empty folder ``out``. ``progress`` gets the share that is done, from 0 to 1.

    What can be read of a damaged file is made, and the rest said. Raises Refused where nothing can, OSError where the
    disk is full, and what ``progress`` and ``checkpoint`` raise.
    """
    maker = Maker(plan, out, tools, progress, checkpoint)
    with maker.reading(source):
        maker.make()
    return maker.work


@dataclass(slots=True)
class Stream:
    """A stream that was made: its name, and its segments as (seconds, bytes)."""

    name: str
    segments: list[tuple[float, int]]
    rung: Rung | None = None

    @property
    def duration(self) -> float:
        return sum(seconds for seconds, _ in self.segments)


@dataclass
class Maker:
    """What makes one file, with the steps that ``parts`` takes as well."""

    plan: Plan
    out: Path
    tools: Tools
    progress: Callable[[float], None]
    checkpoint: Callable[[], None]
    work: Work = field(default_factory=Work)
    #: The largest size first.
    streams: list[Stream] = field(default_factory=list)
    sound: Stream | None = None
    #: Only this part is made.
    part: Part | None = None
    #: Pictures are counted from the file's very beginning, also where the first of them comes later.
    by_the_clock: bool = False
    _done: float = 0.0

    @contextmanager
    def reading(self, source: Path) -> Iterator[None]:
        """The programs can read ``source``. Raises Refused for what they say of it."""
        link = self.out / ffmpeg.SOURCE
        link.symlink_to(source.absolute())
        try:
            yield
        except Overrun as overrun:
            raise Refused(Reason.TOO_MUCH_WORK) from overrun
        except Unsuccessful as failure:
            if failure.ended.code == -SIGKILL:  # the machine had no memory left, which is not the file's fault
                raise
            raise Refused(Reason.BROKEN) from failure
        finally:
            link.unlink()

    def make(self) -> None:
        plan = self.plan
        self.work.missing |= set(plan.missing)
        track, gain = self._measured(plan.track)
        kept, moments = self._kept()
        rungs = ladder.below(kept, plan.rungs) if kept else plan.rungs
        seconds = self._part_seconds(rungs)
        first = rungs[-1:] if seconds else rungs
        self.by_the_clock = bool(seconds)
        sheets = plan.storyboard
        ended, track = self.decode(first, track, gain, moments, sheets)
        if kept and ended and _COMPLAINT.search(ended.errors):
            # Decoders on this side conceal what is damaged; players may stop there.
            self._forget(kept.name)
            rungs = plan.rungs
            if not seconds:
                self.decode(tuple(rung for rung in rungs if rung not in first), None, 0.0, moments, None)
        if not self.streams and not self.sound:
            raise Refused(Reason.BROKEN)
        self._check(track)
        if seconds:
            self.work.rungs = tuple(rung.name for rung in rungs if rung not in first)
            self.work.parts = self._parts(first[0], seconds)
        self.describe()
        if sheets:
            self._storyboard(sheets)
        self.file()
        self.posters()
        self._captions()
        self.progress(1.0)

    def _parts(self, first: Rung, seconds: float) -> tuple[Part, ...]:
        """The other sizes are cut where the first one is."""
        stream = next(stream for stream in self.streams if stream.rung is first)
        return cutting.cut([length for length, _ in stream.segments], first.rate, seconds)

    def _run(
        self, *outputs: Any, level: str = "error", on_time: Callable[[float], None] = lambda _seconds: None
    ) -> Ended:
        try:
            ended = ffmpeg.run(
                self.tools,
                ffmpeg.command(*outputs),
                folder=self.out,
                limits=self._limits(),
                on_time=on_time,
                checkpoint=self.checkpoint,
                level=level,
            )
        except (Unsuccessful, Overrun) as failure:
            self._note(failure.ended)
            if "No space left on device" in failure.ended.errors:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from failure
            raise
        self._note(ended)
        return ended

    def _note(self, ended: Ended) -> None:
        self.work.cpu += ended.cpu
        self.work.peak = max(self.work.peak, ended.peak)
        self.work.log += ended.errors

    def _limits(self) -> Limits:
        """Many times what honest files need."""
        picture, duration = self.plan.picture, max(self.plan.duration, 1.0)
        pixels = picture.stored[0] * picture.stored[1] if picture else 0
        effort = duration * max(1.0, pixels / (1920 * 1080))
        return Limits(
            memory=1536 * _MB + pixels * 3 * (24 + 4 * graph.THREADS),
            cpu=round(600 + 90 * effort),
            wall=600 + 90 * effort,
            stall=120,
            file_size=round(1024 * _MB + 4 * _MB * duration),
        )

    def _input(self, **options: Any) -> Any:
        # More than it says it has, if it has; but not the ten hours that a wrong time stamp would be filled up with.
        longest = max(self.plan.duration, self.plan.track.duration if self.plan.track else 0.0) * 1.25 + 10
        if self.part:
            # From the keyframe before it: the picture that is shown when the part begins may be older than that.
            options |= {"ss": f"{self.part.begins:.6f}", "noaccurate_seek": None}
        return ffmpeg.source(t=f"{longest:.3f}", noautorotate=None, threads=graph.THREADS, **options)

    # Sound

    def _measured(self, track: Track | None) -> tuple[Track | None, float]:
        """The track, None where it cannot be read, and the decibels that it is to be made louder by."""
        if track is None:
            return None, 0.0
        sound = self._input()[str(track.index)]
        sound = sound.filter("aformat", channel_layouts=graph.layout(track)).filter(
            "ebur128", peak="true", framelog="verbose"
        )
        try:
            ended = self._run(ffmpeg.output(sound, "-", f="null"), level="info")
        except Unsuccessful:
            self.work.missing.add(Missing.SOUND)
            return None, 0.0
        return track, _gain(ended.errors)

    def _sound_output(self, source: Any, track: Track, gain: float) -> Any:
        if track.copy and not gain:
            return graph.hls(source[str(track.index)], "sound", acodec="copy")
        sound = source[str(track.index)].filter("aresample", **{"async": 1, "first_pts": 0})
        sound = sound.filter("aformat", channel_layouts=graph.layout(track))
        if gain:
            sound = sound.filter("volume", f"{gain:.2f}dB")
        return graph.hls(sound, "sound", acodec="aac", ar=track.sample_rate, **{"b:a": track.bitrate})

    # Pictures

    def _kept(self) -> tuple[Rung | None, list[float]]:
        """The upload's own stream as the largest size, and the moments at which it is cut; None where it cannot be."""
        rung, picture = self.plan.keep, self.plan.picture
        if rung is None or picture is None:
            return None, []
        try:
            stream = self._copied(rung, picture) if self._keyframes.good else None
        except Unsuccessful:
            stream = None
        if stream is None:
            self._forget(rung.name)
            return None, []
        self.streams.append(stream)
        return rung, self._keyframes.cuts(self.plan.start)

    @cached_property
    def _keyframes(self) -> Keyframes:
        """Those of the picture; none where they cannot be listed."""
        found = Keyframes()
        assert self.plan.picture
        index = self.plan.picture.index
        try:
            ffmpeg.packets(self.tools, index, folder=self.out, on_packet=found.see, checkpoint=self.checkpoint)
        except (Unsuccessful, Overrun):
            return Keyframes()
        return found

    def _part_seconds(self, rungs: Sequence[Rung]) -> float:
        """How long the parts are that the video is best made in; 0 for one go."""
        seconds = cutting.part_seconds(self.plan, rungs)
        return seconds if seconds and cutting.are_near(seconds, self._keyframes.gap) else 0.0

    def _copied(self, rung: Rung, picture: Picture) -> Stream | None:
        """None where it does not come to what it says that it is."""
        video = self._input()[str(picture.index)]
        # Without what encoders, cameras and dashboards say of themselves in it: SEI is unit 6 of H.264, 7.4.1.
        options: dict[str, Any] = {"vcodec": "copy", "bsf:v": "filter_units=remove_types=6"}
        self._run(graph.hls(video, rung.name, **options))
        stream = self.read(rung.name, rung)
        return stream if stream and _agrees(stream.duration, picture.duration) else None

    def decode(
        self,
        rungs: Sequence[Rung],
        track: Track | None,
        gain: float,
        moments: list[float],
        storyboard: Storyboard | None,
    ) -> tuple[Ended | None, Track | None]:
        """Makes ``rungs``, the sound and the storyboard in one go; without the sound where that stands in the way.

        Returns how it ended, and the track that was made.
        """
        try:
            outputs = list(self._outputs(rungs, track, gain, moments, storyboard))
            ended = self._run(*outputs, on_time=self._at) if outputs else None
        except Unsuccessful:
            if track is None or not (rungs or storyboard):
                raise
            self.work.missing.add(Missing.SOUND)
            return self.decode(rungs, None, 0.0, moments, storyboard)
        streams = [self.read(rung.name, rung) for rung in rungs]
        if not all(streams):
            raise Refused(Reason.BROKEN)
        self.streams += [stream for stream in streams if stream]
        if track:
            self.sound = self.read("sound", None)
        return ended, track

    def _outputs(
        self,
        rungs: Sequence[Rung],
        track: Track | None,
        gain: float,
        moments: list[float],
        storyboard: Storyboard | None,
    ) -> Iterator[Any]:
        source = self._input()
        if track:
            yield self._sound_output(source, track, gain)
        picture = self.plan.picture
        if picture is None or not (rungs or storyboard):
            return
        video = source[str(picture.index)]
        if picture.deinterlace:
            better = "bwdif" in self.tools.filters
            video = video.filter("bwdif" if better else "yadif", mode="send_frame", deint="interlaced")
        rate = rungs[0].rate if rungs else self.plan.rungs[-1].rate
        largest = rungs[0] if rungs else storyboard
        assert largest
        video = graph.upright(self._timed(video, rate), picture, largest.width, largest.height)
        for rung in rungs:
            if rung.rate != rate:
                rate = rung.rate
                video = video.filter("fps", graph.fraction(rate))
            if rung is not rungs[0]:
                video = graph.scaled(video, rung)
            copies = video.split()
            if self.part:
                yield graph.encoded(copies[0], rung, self.part.moments(rung), every=_EACH_KEYFRAME)
            else:
                yield graph.encoded(copies[0], rung, moments)
            video = copies[1]
        if storyboard:
            yield graph.stills(video, storyboard)

    def _timed(self, video: Any, rate: Fraction) -> Any:
        """Evenly timed pictures, of a part exactly as many as it has: where some cannot be read, the last one stays."""
        video = video.filter("fps", graph.fraction(rate), **({"start_time": 0} if self.by_the_clock else {}))
        if self.part and self.part.pictures:
            pictures = int(self.part.pictures * rate / self.part.rate)
            video = video.filter("tpad", stop=-1, stop_mode="clone").filter("trim", end_frame=pictures)
        return video

    def _at(self, seconds: float) -> None:
        duration = self.part.seconds if self.part and self.part.pictures else self.plan.duration
        self._done = max(self._done, min(1.0, seconds / duration if duration else 1.0))
        self.progress(0.95 * self._done)

    # What came of it

    def read(self, name: str, rung: Rung | None) -> Stream | None:
        """What ffmpeg wrote; None where there is nothing in it."""
        playlist = self.out / f"{name}.m3u8"
        segments = playlists.segments(playlist.read_text()) if playlist.exists() else []
        return Stream(name, segments, rung) if segments else None

    def _forget(self, name: str) -> None:
        self.streams = [stream for stream in self.streams if stream.name != name]
        for suffix in ("m3u8", "m4s"):
            (self.out / f"{name}.{suffix}").unlink(missing_ok=True)

    def _check(self, track: Track | None) -> None:
        """Says what is shorter than the file promises."""
        picture = self.plan.picture
        if picture and any(_falls_short(stream.duration, picture.duration) for stream in self.streams):
            self.work.missing.add(Missing.END)
        elif track and _falls_short(self.sound.duration if self.sound else 0.0, track.duration):
            self.work.missing.add(Missing.SOUND if picture else Missing.END)

    def describe(self) -> None:
        """The playlists as renditions, and one that names them all."""
        self.streams.sort(key=lambda stream: -stream.rung.width if stream.rung else 0)
        for stream in self.streams:
            assert stream.rung
            made = self._made_of(stream, playlists.h264(self.out / f"{stream.name}.m4s"))
            self.work.made.append(made)
        if self.sound:
            self.work.made.append(self._made_of(self.sound, _AAC))
        rates = {stream.name: stream.rung.rate for stream in self.streams if stream.rung}
        path = self.out / "master.m3u8"
        path.write_text(playlists.master(self.work.made, rates))
        self.work.made.append(Made(name="master", kind="stream", path=path, content_type=_PLAYLIST))

    def _made_of(self, stream: Stream, codecs: str) -> Made:
        size = sum(size for _, size in stream.segments)
        return Made(
            name=stream.name,
            kind="stream",
            path=self.out / f"{stream.name}.m3u8",
            extra=(self.out / f"{stream.name}.m4s",),
            content_type=_PLAYLIST,
            width=stream.rung.width if stream.rung else None,
            height=stream.rung.height if stream.rung else None,
            bitrate=round(size * 8 / stream.duration),
            peak_bitrate=max(round(size * 8 / seconds) for seconds, size in stream.segments),
            codecs=codecs,
        )

    def _storyboard(self, storyboard: Storyboard) -> None:
        stills = self.out / graph.STILLS
        if stills.exists():
            with suppress(Unsuccessful):
                self._run(graph.sheets(storyboard))
            stills.unlink()
        sheets = sorted(self.out.glob("storyboard-*.jpg"), key=lambda path: int(path.stem.partition("-")[2]))
        if not sheets or not self.streams:
            self.work.missing.add(Missing.STORYBOARD)
            return
        path = self.out / "storyboard.vtt"
        path.write_text(playlists.previews(storyboard, self.streams[0].duration, len(sheets)))
        self.work.made.append(
            Made(
                name="storyboard",
                kind="storyboard",
                path=path,
                extra=tuple(sheets),
                content_type="text/vtt",
                width=storyboard.width,
                height=storyboard.height,
            )
        )

    def file(self) -> None:
        """One file of the largest size that is no taller than 720p, by copying."""
        fits = [
            stream for stream in self.streams if stream.rung and min(stream.rung.width, stream.rung.height) <= _FILE
        ]
        stream = fits[0] if fits else next(iter(self.streams), None)
        parts = [ffmpeg.source(f"{one.name}.m4s") for one in (stream, self.sound) if one]
        name, kind = (f"{stream.name}.mp4", "video/mp4") if stream else ("sound.m4a", "audio/mp4")
        self._run(ffmpeg.output(*parts, name, c="copy", f="mp4", movflags="+faststart", **graph.NO_METADATA))
        rung = stream.rung if stream else None
        self.work.made.append(
            Made(
                name=name,
                kind="file",
                path=self.out / name,
                content_type=kind,
                width=rung.width if rung else None,
                height=rung.height if rung else None,
            )
        )

    def posters(self) -> None:
        """Of some moments, the one with most to see: not the black that many begin with."""
        if not self.streams:
            return
        stream = min(self.streams, key=lambda stream: abs((stream.rung.width if stream.rung else 0) - _POSTER))
        assert stream.rung
        width, height = ladder.fit(stream.rung.width, stream.rung.height, _POSTER, _POSTER)
        moments = sorted({f"{min(moment, max(0.0, stream.duration - 0.5)):.3f}" for moment in self.plan.stills})
        formats = {"jpg": ("image/jpeg", {"f": "image2", "update": 1, "q:v": 3})}
        if "libwebp" in self.tools.encoders:
            formats["webp"] = ("image/webp", {"f": "webp", "vcodec": "libwebp", "quality": 80})
        outputs = []
        for number, moment in enumerate(moments):
            picture = ffmpeg.source(f"{stream.name}.m4s", ss=moment)
            copies = picture["v:0"].filter("scale", width, height, out_range="pc").split()
            outputs += [
                ffmpeg.output(copies[place], f"poster-{number}.{suffix}", vframes=1, map_metadata=-1, **options)
                for place, (suffix, (_, options)) in enumerate(formats.items())
            ]
        self._run(*outputs)
        jpegs = sorted(self.out.glob("poster-*.jpg"), key=lambda path: path.stat().st_size)
        for suffix, (kind, _) in formats.items():
            path = self.out / f"poster.{suffix}"
            jpegs[-1].with_suffix(f".{suffix}").rename(path)
            self.work.made.append(
                Made(name=path.name, kind="poster", path=path, content_type=kind, width=width, height=height)
            )
        for path in self.out.glob("poster-*"):
            path.unlink()

    def _captions(self) -> None:
        if not self.plan.texts:
            return
        source = self._input()
        try:
            self._run(
                *[
                    ffmpeg.output(
                        source[str(text.index)], f"{text.name}.vtt", scodec="webvtt", f="webvtt", **graph.NO_METADATA
                    )
                    for text in self.plan.texts
                ]
            )
        except Unsuccessful:
            self.work.missing.add(Missing.CAPTIONS)
        for text in self.plan.texts:
            path = self.out / f"{text.name}.vtt"
            words = path.read_text(errors="replace") if path.exists() else ""
            if "-->" not in words or _PLACES.search(words):
                path.unlink(missing_ok=True)
                continue
            self.work.made.append(
                Made(name=path.name, kind="captions", path=path, content_type="text/vtt", codecs=text.language)
            )


def _gain(said: str) -> float:
    """Decibels, from the summary of the filter ebur128; 0 where that is not worth it."""
    loudness = re.findall(r"^\s*I:\s+(-?[\d.]+) LUFS", said, re.MULTILINE)
    peaks = re.findall(r"^\s*Peak:\s+(-?[\d.]+) dBFS", said, re.MULTILINE)
    if not loudness or not peaks or float(loudness[-1]) < _SILENCE:
        return 0.0
    gain = min(_LOUDNESS - float(loudness[-1]), _MOST_GAIN, _PEAK - float(peaks[-1]))
    return gain if abs(gain) >= _LEAST_GAIN else 0.0


def _tolerance(duration: float) -> float:
    return max(0.5, 0.02 * duration)


def _agrees(made: float, expected: float) -> bool:
    return abs(made - expected) <= _tolerance(expected)


def _falls_short(made: float, expected: float) -> bool:
    return made < expected - _tolerance(expected)
