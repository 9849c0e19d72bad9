"""What is made of a video or sound file: decided from what is in it, before anything is decoded. Pure."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from media_pipeline.ffmpeg import CAPTION_CODECS, PICTURE_CODECS, SOUND_CODECS
from media_pipeline.probe import Facts, Sound, Video
from media_pipeline.reasons import LONGEST_SIDE, MOST_HOURS, MOST_VIDEO_PIXELS, Missing, Reason
from media_pipeline.refused import Refused

#: Raised where the same file would now become something else.
VERSION: Final = 2
#: Boxes, lying on their long sides, that pictures are fitted into, and what people call them.
BOXES: Final = (("1080p", 1920, 1080), ("720p", 1280, 720), ("480p", 854, 480), ("360p", 640, 360))
#: Larger ones are not encoded, but shown as they are where they can be.
LARGER: Final = (("2160p", 3840, 2160), ("1440p", 2560, 1440))
#: Of the pixels of the next larger rung; one with more is not worth making.
_WORTH_IT: Final = 0.8
#: Pixels of the shorter side below which a stream is no picture.
SMALLEST: Final = 16
#: Bits a second at most, of 1080p with up to 30 pictures a second; others by their pixels, to a power at which quality
#: stays alike.
_MOST_AT_1080P: Final = 6_000_000
_1080P: Final = 1920 * 1080
_POWER: Final = 0.8
_FAST: Final = 1.5
#: Bits that H.264 needs for each of the codec that the upload has, for what is no worse than it.
_WORTH: Final = {"h264": 1.5, "hevc": 2.0, "vp9": 2.0, "av1": 2.5}
#: Smaller pictures need more bits for each pixel: as many as the square root of their share.
_SHARE: Final = 0.5
_LEAST_BITRATE: Final = 100_000
_SLOW: Final = 30
_FASTEST: Final = 60
#: Rungs from this height down have no more than 30 pictures a second.
_SLOW_FROM: Final = 480
_USUAL_RATES: Final = (5, 10, 12, 15, 20, 24, 25, 30, 50, 60)
_HDR: Final = frozenset({"smpte2084", "arib-std-b67"})
_PLAYED_EVERYWHERE: Final = frozenset({"Constrained Baseline", "Baseline", "Main", "High"})
_HIGHEST_LEVEL: Final = 51
#: The profile of Dolby Vision that has no other picture below it.
_ITS_OWN_COLOURS: Final = 5
#: Pixels of the longer side of a picture on the time line.
_TILE: Final = 160
_COLUMNS: Final = 10
MOST_ROWS: Final = 10
#: Demuxers of containers that know where their keyframes are.
_INDEXED: Final = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
#: Where to look for the still that stands for the whole.
_STILLS: Final = (0.15, 0.4, 0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One size.

    Attributes:
        name: as people call it, ``720p``.
        width, height: pixels, both even.
        rate: pictures a second.
        most: bits a second at most.
    """

    name: str
    width: int
    height: int
    rate: Fraction
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """How the stored pictures become upright ones with square pixels, in colours that every screen shows.

    Attributes:
        index, codec: of the stream.
        width, height: upright, square pixels, as large as they are.
        stored: width and height as they are stored.
        duration: seconds.
        crop: both sides only lack evenness: a row or column is left out, and nothing is scaled.
        matrix: see ``probe.Video``.
        tone_map: from HDR.
        convert: from wide colours that are not HDR.
        matrix_in: the coefficients that YUV was made with, as the filter ``scale`` names them.
        holes: it may have some, which are shown white.
    """

    index: int
    codec: str
    width: int
    height: int
    stored: tuple[int, int]
    duration: float
    crop: bool
    matrix: tuple[int, int, int, int]
    deinterlace: bool
    full_range: bool
    matrix_in: str
    transfer: str
    primaries: str
    tone_map: bool
    convert: bool
    holes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The sound. ``copy``: it may stay as it is, unless it is too loud or too soft."""

    index: int
    channels: int
    sample_rate: int
    bitrate: int
    duration: float
    copy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Captions. ``name``: unique, from the language: ``vie``, ``vie-2``, or ``captions``."""

    index: int
    name: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Storyboard:
    """Small pictures for the time line. ``every``: seconds from one to the next."""

    width: int
    height: int
    every: float
    columns: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that is to be made.

    Attributes:
        duration: seconds.
        start: seconds of the file's clock at which it begins.
        picture: None of sound alone.
        keep: the upload's own stream as the largest size, if its keyframes allow.
        rungs: sizes to encode, the largest first; where ``keep`` works out, those that are smaller than it.
        stills: seconds at which to look for the still that stands for the whole.
        missing: what is known beforehand not to come out.
        indexed: one can begin to read it anywhere.
    """

    version: int
    duration: float
    start: float
    picture: Picture | None
    keep: Rung | None
    rungs: tuple[Rung, ...]
    track: Track | None
    texts: tuple[Text, ...]
    storyboard: Storyboard | None
    stills: tuple[float, ...]
    missing: tuple[Missing, ...]
    indexed: bool


def plan(facts: Facts, *, decodes: AbstractSet[str], tone_maps: bool) -> Plan:
    """What to make of a file. ``decodes``, ``tone_maps``: what ffmpeg can do here. Raises Refused."""
    if facts.duration > MOST_HOURS * 3600:
        raise Refused(Reason.TOO_LONG)
    video = _best(facts, decodes & PICTURE_CODECS)
    sounds = [sound for sound in facts.sounds if sound.codec in decodes & SOUND_CODECS]
    if video is None and not sounds:
        raise Refused(Reason.NO_PICTURE)
    missing = set()
    if facts.sounds and not sounds:
        missing.add(Missing.SOUND)
    if any(captions.codec not in CAPTION_CODECS for captions in facts.captions):
        missing.add(Missing.CAPTIONS)
    picture: Picture | None = None
    keep: Rung | None = None
    rungs: tuple[Rung, ...] = ()
    if video is not None:
        picture = _picture(video, facts, tone_maps=tone_maps)
        if (_is_hdr(video) and not picture.tone_map) or video.dolby_vision == _ITS_OWN_COLOURS:
            missing.add(Missing.COLOURS)
        rungs = _rungs(video, picture, facts)
        keep = _keep(video, picture, facts)
    duration = picture.duration if picture else facts.duration
    return Plan(
        version=VERSION,
        duration=duration,
        start=facts.start,
        picture=picture,
        keep=keep,
        rungs=rungs,
        track=_track(sounds, facts) if sounds else None,
        texts=_texts(facts),
        storyboard=_storyboard(picture, duration) if picture else None,
        stills=tuple(duration * share for share in _STILLS) if picture else (),
        missing=tuple(sorted(missing)),
        indexed=facts.container in _INDEXED and facts.stated,
    )


def _best(facts: Facts, decodes: AbstractSet[str]) -> Video | None:
    """The stream that people are meant to see: the largest. Raises Refused where none is of a size that we take."""
    videos = [video for video in facts.videos if min(video.width, video.height) >= SMALLEST]
    if not videos:
        return None
    videos = [video for video in videos if video.codec in decodes]
    if not videos:
        raise Refused(Reason.NO_PICTURE)
    best = max(videos, key=lambda video: (video.width * video.height, video.default, -video.index))
    if best.width * best.height > MOST_VIDEO_PIXELS or max(best.width, best.height) > LONGEST_SIDE:
        raise Refused(Reason.TOO_LARGE_A_VIDEO)
    return best


def _picture(video: Video, facts: Facts, *, tone_maps: bool) -> Picture:
    width, height = shown(video)
    square = _sar(video) == 1
    hdr, wide = _is_hdr(video), video.primaries == "bt2020"
    return Picture(
        index=video.index,
        codec=video.codec,
        width=width,
        height=height,
        stored=(video.width, video.height),
        duration=video.duration or facts.duration,
        crop=square and (width % 2 == 1 or height % 2 == 1),
        matrix=video.matrix,
        deinterlace=video.interlaced,
        full_range=video.full_range,
        matrix_in=_coefficients(video),
        transfer=video.transfer,
        primaries=video.primaries,
        tone_map=hdr and tone_maps,
        convert=wide and not hdr and tone_maps,
        holes=video.codec in {"gif", "apng", "png"},
    )


def shown(video: Video) -> tuple[int, int]:
    """Width and height as it is to be seen: upright, with square pixels. The stored height stays what it is."""
    width, height = max(1, round(video.width * _sar(video))), video.height
    return (width, height) if video.matrix[0] else (height, width)


def _sar(video: Video) -> Fraction:
    """Nearly square is square: encoders that rounded meant that. So is what nobody can have meant."""
    sar = Fraction(*video.sar)
    close = abs(sar - 1) < Fraction(1, 100)
    return Fraction(1) if close or not Fraction(1, 4) <= sar <= 4 else sar  # noqa: PLR2004 (a quarter and its inverse)


def _is_hdr(video: Video) -> bool:
    return video.transfer in _HDR


def _coefficients(video: Video) -> str:
    """What does not say, and is as large as HD, was made as HD."""
    known = {"bt709": "bt709", "smpte170m": "smpte170m", "bt470bg": "bt470", "smpte240m": "smpte240m", "fcc": "fcc"}
    if video.space in {"bt2020nc", "bt2020c"}:
        return "bt2020"
    return known.get(video.space) or ("bt709" if min(video.width, video.height) >= 720 else "smpte170m")  # noqa: PLR2004


def rate(video: Video) -> Fraction:
    """Pictures a second to make. Cameras in telephones slow down in the dark, and files say absurd things."""
    average, least = Fraction(*video.average_rate), Fraction(*video.least_rate)
    if 1 <= least <= 4 * _FASTEST and (not 1 <= average <= 4 * _FASTEST or average * 0.9 <= least <= average * 1.35):
        wanted = least
    elif 1 <= average <= 4 * _FASTEST:
        # The time stamps are anybody's guess: enough for most of them, and for smooth motion.
        usual = next((usual for usual in _USUAL_RATES if usual >= average), average)
        wanted = Fraction(max(usual, _SLOW)) if least > 4 * _FASTEST else Fraction(usual)
    else:
        wanted = Fraction(_SLOW)
    if wanted > _FASTEST:
        wanted /= ceil(wanted / _FASTEST)
    return max(wanted, Fraction(_USUAL_RATES[0])).limit_denominator(1001)


def _rungs(video: Video, picture: Picture, facts: Facts) -> tuple[Rung, ...]:
    rungs: list[Rung] = []
    per_second = rate(video)
    for name, long, short in BOXES:
        width, height = fit(picture.width, picture.height, long, short)
        if rungs and width * height > _WORTH_IT * rungs[-1].width * rungs[-1].height:
            continue
        if rungs and min(width, height) < SMALLEST:
            break
        slow = min(width, height) <= _SLOW_FROM and per_second > _SLOW
        rungs.append(
            Rung(
                name=name if rungs or max(picture.width / long, picture.height / long) > 1 else _name(width, height),
                width=width,
                height=height,
                rate=per_second / ceil(per_second / _SLOW) if slow else per_second,
                most=_most((width, height), per_second, video, picture, facts),
            )
        )
    return tuple(rungs)


def fit(width: int, height: int, long: int, short: int) -> tuple[int, int]:
    """The size, of even sides, of a picture in a box that lies or stands as it does: never a larger one."""
    scale = min(Fraction(1), Fraction(long, max(width, height)), Fraction(short, min(width, height)))
    if scale == 1:
        return max(2, width - width % 2), max(2, height - height % 2)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _name(width: int, height: int) -> str:
    """What people call a size: by the box that it nearly fills, or else by its shorter side."""
    for name, long, short in (*LARGER, *BOXES):
        if max(width, height) <= long and min(width, height) <= short:
            fills = max(max(width, height) / long, min(width, height) / short)
            if fills > 0.95:  # noqa: PLR2004
                return name
    return f"{min(width, height)}p"


def _most(size: tuple[int, int], per_second: Fraction, video: Video, picture: Picture, facts: Facts) -> int:
    """Bits a second at most: by the size, and by what the upload has, beyond which there is nothing to gain."""
    pixels = size[0] * size[1]
    most = _well_spent(pixels, per_second)
    if bitrate := _bitrate(video, facts):
        worth = bitrate * _WORTH.get(video.codec, 1.0)
        most = min(most, worth * (pixels / (picture.width * picture.height)) ** _SHARE)
    return max(_LEAST_BITRATE, round(most))


def _well_spent(pixels: int, per_second: Fraction) -> float:
    """Bits a second beyond which people see no difference."""
    share: float = (pixels / _1080P) ** _POWER
    return _MOST_AT_1080P * share * (_FAST if per_second > _SLOW else 1)


def _bitrate(video: Video, facts: Facts) -> int:
    """Bits a second of the stream; of the whole file where it does not say."""
    return video.bitrate or (round(facts.size * 8 / facts.duration) if facts.duration else 0)


def _keep(video: Video, picture: Picture, facts: Facts) -> Rung | None:
    """The upload's own stream as a rung, where browsers play it as it is and its bits are well spent."""
    per_second = Fraction(*video.average_rate)
    plays = (
        video.codec == "h264"
        and video.profile in _PLAYED_EVERYWHERE
        and video.pixels == "yuv420p"
        and 0 < video.level <= _HIGHEST_LEVEL
        and not (video.interlaced or video.full_range or _is_hdr(video) or video.primaries == "bt2020")
        and video.matrix == (1, 0, 0, 1)
        and _sar(video) == 1
        and Fraction(*video.sar) in {0, 1}
        and video.width % 2 == video.height % 2 == 0
        and 1 <= per_second <= _FASTEST + 1
        and facts.stated
    )
    most = round(
        _MOST_AT_1080P * (video.width * video.height / _1080P) ** _POWER * (_FAST if per_second > _SLOW else 1)
    )
    if not plays or not 0 < _bitrate(video, facts) <= most:
        return None
    return Rung(
        name=_name(video.width, video.height),
        width=picture.width,
        height=picture.height,
        rate=per_second,
        most=most,
    )


def below(kept: Rung, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """Those of ``rungs`` that are worth making beside ``kept``."""
    return tuple(rung for rung in rungs if rung.width * rung.height <= _WORTH_IT * kept.width * kept.height)


def _track(sounds: list[Sound], facts: Facts) -> Track:
    sound = min(sounds, key=lambda sound: (sound.aside, not sound.default, sound.index))
    channels = min(2, sound.channels)
    most = 64_000 * channels
    copy = (
        sound.codec == "aac"
        and sound.profile == "LC"
        and sound.channels == channels
        and sound.sample_rate in {44_100, 48_000}
        and 0 < sound.bitrate <= 200_000  # noqa: PLR2004
        and facts.stated
    )
    return Track(
        index=sound.index,
        channels=channels,
        sample_rate=44_100 if sound.sample_rate % 11_025 == 0 else 48_000,
        bitrate=min(most, max(most // 2, round(1.5 * sound.bitrate))) if sound.bitrate else most,
        duration=sound.duration or facts.duration,
        copy=copy,
    )


def _texts(facts: Facts) -> tuple[Text, ...]:
    texts: list[Text] = []
    for captions in facts.captions:
        if captions.codec in CAPTION_CODECS:
            name = captions.language or "captions"
            again = sum(text.language == captions.language for text in texts)
            texts.append(
                Text(index=captions.index, name=f"{name}-{again + 1}" if again else name, language=captions.language)
            )
    return tuple(texts)


def _storyboard(picture: Picture, duration: float) -> Storyboard:
    """About a hundred pictures, none more often than each second of what is not very short, and one each ten seconds of
    what is long."""
    scale = _TILE / max(picture.width, picture.height)
    every = max(0.1, min(10.0, max(duration / 100, min(1.0, duration / 10))))
    return Storyboard(
        width=max(2, 2 * round(picture.width * scale / 2)),
        height=max(2, 2 * round(picture.height * scale / 2)),
        every=every,
        columns=_COLUMNS,
        rows=max(1, min(MOST_ROWS, ceil(duration / every / _COLUMNS))),
    )
