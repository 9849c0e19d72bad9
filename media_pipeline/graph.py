"""The graph of filters and outputs that ffmpeg works through: from the upload's pictures to streams and sheets of
stills. It is put together with ffmpeg-python, and run elsewhere."""

import os
from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Any, Final

from media_pipeline import ffmpeg, ladder
from media_pipeline.ladder import Picture, Rung, Storyboard, Track

THREADS: Final = min(8, os.cpu_count() or 1)
#: Seconds of a segment. All sizes have a keyframe there.
SEGMENT: Final = 4
#: Of x264. A slower preset makes smaller files of the same quality; a smaller crf, better and larger ones.
PRESET: Final = "veryfast"
CRF: Final = 21
#: Seconds without a keyframe beyond which an upload's own stream is not kept: one could not jump, or switch, there.
LONGEST_SEGMENT: Final = 10.0
STILLS: Final = "stills.mkv"
NO_METADATA: Final = {"map_metadata": -1, "map_chapters": -1, "fflags": "+bitexact"}


def hls(stream: Any, name: str, *, every: float = SEGMENT, **options: Any) -> Any:
    """A stream of segments of ``every`` seconds, each from the next keyframe on."""
    return ffmpeg.output(
        stream,
        f"{name}.m3u8",
        f="hls",
        hls_time=every,
        hls_playlist_type="vod",
        hls_segment_type="fmp4",
        hls_flags="single_file",
        hls_segment_filename=f"{name}.m4s",
        # Else the pictures that come out of order make all of them late, and the sound not.
        avoid_negative_ts="disabled",
        **NO_METADATA,
        **options,
    )


def encoded(video: Any, rung: Rung, moments: Sequence[float], *, every: float = SEGMENT) -> Any:
    keyframes = ",".join(f"{moment:.3f}" for moment in moments) or f"expr:gte(t,n_forced*{SEGMENT})"
    return hls(
        video,
        rung.name,
        every=every,
        vcodec="libx264",
        preset=PRESET,
        crf=CRF,
        maxrate=rung.most,
        bufsize=2 * rung.most,
        g=ceil(rung.rate * LONGEST_SEGMENT),
        sc_threshold=0,
        force_key_frames=keyframes,
        threads=THREADS,
        color_range="tv",
        colorspace="bt709",
        color_primaries="bt709",
        color_trc="bt709",
        **{"profile:v": "high"},
    )


def scaled(video: Any, size: Rung | Storyboard) -> Any:
    # Rounded sizes do not have quite the same shape, and ffmpeg would make pixels that are not square for it.
    return video.filter("scale", size.width, size.height, flags="bicubic").filter("setsar", 1)


def stills(video: Any, storyboard: Storyboard) -> Any:
    """The pictures of the time line, one after the other. Not yet their sheets: ffmpeg says nothing of how far it is
    before every output has begun, and a sheet begins when it is full."""
    # By the clock, not by counting pictures: what begins late or has gaps must not drift away from its times.
    video = scaled(video.filter("select", f"gte(t,selected_n*{storyboard.every:.6f})"), storyboard)
    return ffmpeg.output(video, STILLS, vcodec="mjpeg", fps_mode="vfr", map_metadata=-1, **{"q:v": 2})


def sheets(storyboard: Storyboard) -> Any:
    video = ffmpeg.source(STILLS)["v:0"].filter("tile", f"{storyboard.columns}x{storyboard.rows}")
    # A picture more than was counted on does not begin another sheet.
    only = {} if storyboard.rows == ladder.MOST_ROWS else {"vframes": 1}
    return ffmpeg.output(video, "storyboard-%d.jpg", f="image2", fps_mode="vfr", map_metadata=-1, **{"q:v": 5}, **only)


def upright(video: Any, picture: Picture, width: int, height: int) -> Any:
    """The pictures as they are shown, ``width`` by ``height``, in the colours of BT.709."""
    if picture.holes:
        split = video.filter("format", "rgba").split()
        # Not drawbox, which crashes on pictures of odd width in ffmpeg 5.1.
        white = split[0].filter("lutrgb", r=255, g=255, b=255, a=255)
        video = white.overlay(split[1], format="auto")
    turned = not picture.matrix[0]
    if picture.crop:
        stored = picture.stored
        video = video.filter("crop", stored[0] - stored[0] % 2, stored[1] - stored[1] % 2, 0, 0)
    size = (height, width) if turned else (width, height)
    if picture.tone_map or picture.convert:
        # Smaller first: what follows costs by the pixel.
        video = _to_bt709(video.filter("scale", *size, flags="bicubic"), picture)
    else:
        ranges = {"in_range": "pc"} if picture.full_range else {}
        video = video.filter(
            "scale",
            *size,
            flags="bicubic",
            in_color_matrix=picture.matrix_in,
            out_color_matrix="bt709",
            out_range="tv",
            **ranges,
        )
    video = video.filter("format", "yuv420p").filter("setsar", 1)
    for name, options in _TURNS[picture.matrix]:
        video = video.filter(name, **options)
    return video


#: Filters that show a picture upright, by the corner of its display matrix.
_TURNS: Final[dict[tuple[int, int, int, int], tuple[tuple[str, dict[str, str]], ...]]] = {
    (1, 0, 0, 1): (),
    (-1, 0, 0, 1): (("hflip", {}),),
    (1, 0, 0, -1): (("vflip", {}),),
    (-1, 0, 0, -1): (("hflip", {}), ("vflip", {})),
    (0, 1, -1, 0): (("transpose", {"dir": "clock"}),),
    (0, -1, 1, 0): (("transpose", {"dir": "cclock"}),),
    (0, 1, 1, 0): (("transpose", {"dir": "cclock_flip"}),),
    (0, -1, -1, 0): (("transpose", {"dir": "clock_flip"}),),
}


def _to_bt709(video: Any, picture: Picture) -> Any:
    known = {"matrixin": "2020_ncl", "primariesin": "2020"}
    if not picture.tone_map:
        return video.filter(
            "zscale", **known, transferin="709", primaries="709", matrix="709", transfer="709", range="tv"
        )
    video = video.filter("zscale", **known, transferin=picture.transfer, transfer="linear", npl=100)
    video = video.filter("format", "gbrpf32le").filter("zscale", primaries="709")
    video = video.filter("tonemap", tonemap="hable", desat=0)
    return video.filter("zscale", transfer="709", matrix="709", range="tv")


def layout(track: Track) -> str:
    return "stereo" if track.channels > 1 else "mono"


def fraction(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}"
