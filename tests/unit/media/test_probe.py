"""What ffprobe says, read as facts."""

from typing import Any

import pytest

from media_pipeline import probe
from media_pipeline.reasons import Reason

#: Display matrices as ffprobe prints them: how telephones write each way of holding them, and its mirror image.
_TURNS = {
    (1, 0, 0, 1): (65536, 0, 0, 65536),
    (0, 1, -1, 0): (0, 65536, -65536, 0),
    (-1, 0, 0, -1): (-65536, 0, 0, -65536),
    (0, -1, 1, 0): (0, -65536, 65536, 0),
    (-1, 0, 0, 1): (-65536, 0, 0, 65536),
    (0, 1, 1, 0): (0, 65536, 65536, 0),
    (1, 0, 0, -1): (65536, 0, 0, -65536),
    (0, -1, -1, 0): (0, -65536, -65536, 0),
}


def matrix(a: int, b: int, c: int, d: int) -> str:
    return f"\n00000000: {a:>12} {b:>11} {0:>11}\n00000001: {c:>12} {d:>11} {0:>11}\n00000002: {0:>12} {0:>11}  1073741824\n"


def video(**changed: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "codec_type": "video",
        "codec_name": "h264",
        "width": 1920,
        "height": 1080,
        "pix_fmt": "yuv420p",
        "r_frame_rate": "30/1",
        "avg_frame_rate": "30/1",
        "duration": "10.0",
        "disposition": {"default": 1},
    } | changed


def read(*streams: dict[str, Any], **container: Any) -> probe.Facts:
    return probe.read({"streams": list(streams), "format": {"format_name": "mov", **container}}, size=1000)


@pytest.mark.parametrize(("expected", "corner"), _TURNS.items())
def test_ways_of_turning(expected: tuple[int, int, int, int], corner: tuple[int, int, int, int]) -> None:
    facts = read(video(side_data_list=[{"displaymatrix": matrix(*corner)}]))
    assert facts.videos[0].matrix == expected


def test_turned_by_nearly_a_quarter() -> None:
    facts = read(video(side_data_list=[{"displaymatrix": matrix(5712, 65287, -65287, 5712)}]))
    assert facts.videos[0].matrix == (0, 1, -1, 0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("4:3", (4, 3)), ("0:1", (1, 1)), ("N/A", (1, 1)), (None, (1, 1)), ("1:0", (1, 1)), ("-1:1", (1, 1))],
)
def test_shape_of_pixels(said: str | None, expected: tuple[int, int]) -> None:
    assert read(video(sample_aspect_ratio=said)).videos[0].sar == expected


@pytest.mark.parametrize("kind", ["attached_pic", "still_image", "timed_thumbnails"])
def test_covers_are_no_video(kind: str) -> None:
    assert read(video(codec_name="mjpeg", disposition={kind: 1})).videos == ()


def test_data_attachments_and_streams_without_size_are_left_out() -> None:
    facts = read(
        {"index": 0, "codec_type": "data"},
        {"index": 1, "codec_type": "attachment"},
        video(index=2, width=0),
        {"index": 3, "codec_type": "audio", "codec_name": "aac", "channels": 0},
        {"index": 4},
    )
    assert (facts.videos, facts.sounds, facts.captions) == ((), (), ())


@pytest.mark.parametrize("said", ["N/A", "inf", "nan", "-5", "1e300", None])
def test_a_length_that_is_none(said: str | None) -> None:
    assert read(video(duration=said)).duration == 0


def test_the_length_of_a_stream_of_matroska() -> None:
    assert read(video(duration=None, tags={"DURATION": "00:01:05.016000000"})).duration == pytest.approx(65.016)


def test_length_is_what_lasts_longest() -> None:
    sound = {"index": 1, "codec_type": "audio", "codec_name": "aac", "channels": 2, "duration": "12"}
    assert read(video(), sound, duration="99").duration == 12


def test_the_file_says_where_no_stream_does() -> None:
    assert read(video(duration=None), duration="99").duration == 99


@pytest.mark.parametrize(
    ("order", "interlaced"), [("tt", True), ("bb", True), ("tb", True), ("progressive", False), (None, False)]
)
def test_interlaced(order: str | None, interlaced: bool) -> None:
    assert read(video(field_order=order)).videos[0].interlaced is interlaced


@pytest.mark.parametrize(
    ("changed", "full"),
    [({"pix_fmt": "yuvj420p"}, True), ({"color_range": "pc"}, True), ({"color_range": "tv"}, False)],
)
def test_full_range(changed: dict[str, str], full: bool) -> None:
    assert read(video(**changed)).videos[0].full_range is full


@pytest.mark.parametrize(
    ("said", "expected"), [("vie", "vie"), ("und", ""), ("VIE", "vie"), ("../../etc", ""), ("", "")]
)
def test_languages(said: str, expected: str) -> None:
    captions = {"index": 1, "codec_type": "subtitle", "codec_name": "mov_text", "tags": {"language": said}}
    assert read(captions).captions[0].language == expected


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"", Reason.EMPTY),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd", Reason.PLAYLIST),
        (b"\xef\xbb\xbf#EXTM3U", Reason.PLAYLIST),
        (b"ffconcat version 1.0\nfile 'victim.mp4'", Reason.PLAYLIST),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", Reason.PLAYLIST),
        (b'<?xml version="1.0"?><MPD>', Reason.PLAYLIST),
        (b'<?xml version="1.0"?><svg onload="alert(1)">', Reason.DRAWING),
        (b"<svg>", Reason.DRAWING),
        (b"\x00\x00\x00\x18ftypmp42", Reason.BROKEN),
        (b"\x1a\x45\xdf\xa3", Reason.BROKEN),
        (b"RIFF\x00\x00\x00\x00AVI LIST", Reason.BROKEN),
        (b"RIFF\x00\x00\x00\x00WEBP<svg", Reason.NOT_MEDIA),
        (b"MZ\x90\x00", Reason.NOT_MEDIA),
        (b"Dear shop, <svg> is", Reason.NOT_MEDIA),
    ],
)
def test_why_a_file_is_none(head: bytes, reason: Reason) -> None:
    assert probe.unreadable(head) is reason
