"""What is made of what: each oddity of real files, by table."""

from dataclasses import replace
from fractions import Fraction

import pytest

from media_pipeline import ladder
from media_pipeline.ffmpeg import CAPTION_CODECS, PICTURE_CODECS, SOUND_CODECS
from media_pipeline.ladder import Plan
from media_pipeline.probe import Captions, Facts, Sound, Video
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused

ALL = PICTURE_CODECS | SOUND_CODECS | CAPTION_CODECS
PHONE = Video(
    index=0,
    codec="hevc",
    profile="Main",
    level=120,
    width=1920,
    height=1080,
    average_rate=(30, 1),
    least_rate=(30, 1),
    duration=60,
    bitrate=17_000_000,
    space="bt709",
    transfer="bt709",
    primaries="bt709",
    default=True,
)
WEB = replace(PHONE, codec="h264", profile="High", level=40, bitrate=3_000_000)
STEREO = Sound(index=1, codec="aac", profile="LC", bitrate=128_000, duration=60, default=True)


def facts(*streams: Video | Sound | Captions, **changed: object) -> Facts:
    return replace(
        Facts(
            container="mov,mp4,m4a,3gp,3g2,mj2",
            size=100_000_000,
            duration=60,
            videos=tuple(stream for stream in streams if isinstance(stream, Video)),
            sounds=tuple(stream for stream in streams if isinstance(stream, Sound)),
            captions=tuple(stream for stream in streams if isinstance(stream, Captions)),
        ),
        **changed,
    )


def plan(*streams: Video | Sound | Captions, tone_maps: bool = True, **changed: object) -> Plan:
    return ladder.plan(facts(*streams, **changed), decodes=ALL, tone_maps=tone_maps)


def sizes(made: Plan) -> list[str]:
    return [f"{rung.name} {rung.width}x{rung.height}" for rung in made.rungs]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, ["1080p 1920x1080", "720p 1280x720", "480p 854x480", "360p 640x360"], id="full HD"),
        pytest.param(
            {"width": 3840, "height": 2160},
            ["1080p 1920x1080", "720p 1280x720", "480p 854x480", "360p 640x360"],
            id="4K comes down to 1080p",
        ),
        pytest.param(
            {"width": 7680, "height": 4320},
            ["1080p 1920x1080", "720p 1280x720", "480p 854x480", "360p 640x360"],
            id="8K is taken",
        ),
        pytest.param({"width": 854, "height": 480}, ["480p 854x480", "360p 640x360"], id="never larger"),
        pytest.param({"width": 200, "height": 200}, ["200p 200x200"], id="small"),
        pytest.param({"width": 16, "height": 16}, ["16p 16x16"], id="tiny"),
        pytest.param({"width": 1435, "height": 771}, ["770p 1434x770", "720p 1280x688", "480p 854x458", "360p 640x344"], id="odd sides: a row and a column less"),
        pytest.param({"width": 1164, "height": 767}, ["766p 1164x766", "480p 728x480", "360p 546x360"], id="odd height"),
        pytest.param({"width": 1920, "height": 800}, ["1080p 1920x800", "720p 1280x534", "480p 854x356", "360p 640x266"], id="cinema"),
        pytest.param(
            {"matrix": (0, 1, -1, 0)},
            ["1080p 1080x1920", "720p 720x1280", "480p 480x854", "360p 360x640"],
            id="turned by the display matrix",
        ),
        pytest.param({"matrix": (-1, 0, 0, -1)}, ["1080p 1920x1080", "720p 1280x720", "480p 854x480", "360p 640x360"], id="upside down"),
        pytest.param({"width": 640, "height": 360, "sar": (2, 1)}, ["720p 1280x360", "480p 854x240", "360p 640x180"], id="wide pixels"),
        pytest.param({"width": 720, "height": 480, "sar": (8, 9)}, ["480p 640x480", "360p 480x360"], id="NTSC"),
        pytest.param({"width": 720, "height": 576, "sar": (16, 15)}, ["576p 768x576", "480p 640x480", "360p 480x360"], id="PAL"),
        pytest.param({"width": 720, "height": 576, "sar": (64, 45), "matrix": (0, 1, -1, 0)}, ["576p 576x1024", "480p 480x854", "360p 360x640"], id="wide pixels, turned"),
        pytest.param({"width": 854, "height": 480, "sar": (1280, 1281)}, ["480p 854x480", "360p 640x360"], id="nearly square pixels"),
        pytest.param({"width": 640, "height": 360, "sar": (1000, 1)}, ["360p 640x360"], id="pixels that nobody can have meant"),
        pytest.param({"width": 3000, "height": 20}, ["1080p 1920x12"], id="a stripe"),
    ],
)  # fmt: skip
def test_sizes(changed: dict[str, object], expected: list[str]) -> None:
    made = plan(replace(PHONE, **changed))
    assert sizes(made) == expected
    assert made.picture
    for rung in made.rungs:
        assert rung.width % 2 == rung.height % 2 == 0
        assert rung.width <= made.picture.width
        assert rung.height <= made.picture.height
        shape = Fraction(rung.width, rung.height) / Fraction(made.picture.width, made.picture.height)
        assert 0.8 < shape < 1.25 if min(rung.width, rung.height) < 40 else 0.97 < shape < 1.03


@pytest.mark.parametrize(
    ("average", "least", "expected"),
    [
        pytest.param((30, 1), (30, 1), "30", id="as it is"),
        pytest.param((30000, 1001), (30000, 1001), "30000/1001", id="NTSC"),
        pytest.param((24000, 1001), (24000, 1001), "24000/1001", id="film"),
        pytest.param((2370, 100), (30, 1), "30", id="a phone that slows down in the dark"),
        pytest.param((750000, 71393), (90000, 1), "30", id="absurd: 90000"),
        pytest.param((2997, 100), (57600, 1), "30", id="absurd: 57600"),
        pytest.param((50, 1), (120, 1), "50", id="time stamps that jump"),
        pytest.param((120, 1), (120, 1), "60", id="slow motion"),
        pytest.param((240, 1), (240, 1), "60", id="slower motion"),
        pytest.param((90, 1), (90, 1), "45", id="too fast, and no multiple"),
        pytest.param((0, 1), (1000, 1), "30", id="nothing known"),
        pytest.param((0, 1), (25, 1), "25", id="one of two known"),
        pytest.param((1, 1), (1, 1), "5", id="slides"),
        pytest.param((45000, 1499), (45000, 1499), "45000/1499", id="odd"),
    ],
)
def test_pictures_a_second(average: tuple[int, int], least: tuple[int, int], expected: str) -> None:
    rate = ladder.rate(replace(PHONE, average_rate=average, least_rate=least))
    assert float(rate) == pytest.approx(float(Fraction(expected)), rel=1e-4)
    assert rate <= 60


def test_small_sizes_have_half_the_pictures_of_a_fast_one() -> None:
    made = plan(replace(PHONE, average_rate=(60, 1), least_rate=(60, 1)))
    assert [rung.rate for rung in made.rungs] == [60, 60, 30, 30]


class TestBits:
    def test_larger_sizes_may_have_more(self) -> None:
        bits = [rung.most for rung in plan(PHONE).rungs]
        assert bits == sorted(bits, reverse=True)
        assert bits[0] == 6_000_000

    def test_what_the_upload_does_not_have_is_not_made_up(self) -> None:
        assert plan(replace(WEB, bitrate=500_000, pixels="yuv422p")).rungs[0].most == 750_000

    def test_a_file_that_does_not_say_counts_as_a_whole(self) -> None:
        assert plan(replace(PHONE, bitrate=0), size=3_750_000).rungs[0].most == 1_000_000


class TestKeepingTheUploadsOwnStream:
    def test_as_the_largest_size(self) -> None:
        made = plan(WEB, STEREO)
        assert made.keep
        assert (made.keep.name, made.keep.width, made.keep.height) == ("1080p", 1920, 1080)
        assert [rung.name for rung in ladder.below(made.keep, made.rungs)] == ["720p", "480p", "360p"]

    def test_even_where_it_is_larger_than_what_we_make(self) -> None:
        made = plan(replace(WEB, width=3840, height=2160, level=51, bitrate=15_000_000))
        assert made.keep
        assert made.keep.name == "2160p"
        assert [rung.name for rung in ladder.below(made.keep, made.rungs)] == ["1080p", "720p", "480p", "360p"]

    @pytest.mark.parametrize(
        "changed",
        [
            pytest.param({"codec": "hevc"}, id="not every browser plays it"),
            pytest.param({"profile": "High 10", "pixels": "yuv420p10le"}, id="10 bits"),
            pytest.param({"profile": "High 4:2:2", "pixels": "yuv422p"}, id="4:2:2"),
            pytest.param({"pixels": "yuvj420p", "full_range": True}, id="full range"),
            pytest.param({"interlaced": True}, id="interlaced"),
            pytest.param({"matrix": (0, 1, -1, 0)}, id="turned"),
            pytest.param({"matrix": (-1, 0, 0, 1)}, id="mirrored"),
            pytest.param({"sar": (2, 1)}, id="wide pixels"),
            pytest.param({"transfer": "arib-std-b67"}, id="HDR"),
            pytest.param({"width": 1919}, id="odd"),
            pytest.param({"bitrate": 17_000_000}, id="more bits than are well spent"),
            pytest.param({"average_rate": (120, 1)}, id="fast"),
            pytest.param({"level": 62}, id="a level that decoders do not have"),
        ],
    )
    def test_not_where_it_would_not_play_well(self, changed: dict[str, object]) -> None:
        assert plan(replace(WEB, **changed)).keep is None

    def test_not_where_its_length_had_to_be_counted(self) -> None:
        assert plan(WEB, stated=False).keep is None


class TestColours:
    @pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
    def test_hdr_is_mapped(self, transfer: str) -> None:
        video = replace(PHONE, transfer=transfer, primaries="bt2020", space="bt2020nc", pixels="yuv420p10le")
        made = plan(video)
        assert made.picture
        assert made.picture.tone_map
        assert made.missing == ()
        without = plan(video, tone_maps=False)
        assert without.picture
        assert not without.picture.tone_map
        assert without.missing == (Missing.COLOURS,)

    def test_wide_colours_without_hdr_are_converted(self) -> None:
        made = plan(replace(PHONE, transfer="bt2020-10", primaries="bt2020", space="bt2020nc"))
        assert made.picture
        assert (made.picture.tone_map, made.picture.convert, made.missing) == (False, True, ())

    def test_dolby_visions_own_colours_are_known_to_come_out_wrong(self) -> None:
        assert plan(replace(PHONE, dolby_vision=5)).missing == (Missing.COLOURS,)
        assert plan(replace(PHONE, dolby_vision=8)).missing == ()

    @pytest.mark.parametrize(
        ("space", "height", "expected"),
        [
            ("bt709", 480, "bt709"),
            ("smpte170m", 1080, "smpte170m"),
            ("bt470bg", 576, "bt470"),
            ("", 480, "smpte170m"),
            ("", 1080, "bt709"),
            ("gbr", 1080, "bt709"),
        ],
    )
    def test_what_does_not_say_is_taken_as_its_size_suggests(self, space: str, height: int, expected: str) -> None:
        made = plan(replace(PHONE, space=space, height=height))
        assert made.picture
        assert made.picture.matrix_in == expected


class TestWhichStreams:
    def test_the_largest_picture(self) -> None:
        made = plan(
            replace(PHONE, width=320, height=180), replace(PHONE, index=3, width=480, height=270, default=False)
        )
        assert made.picture
        assert made.picture.index == 3

    def test_a_picture_that_cannot_be_read_is_passed_over(self) -> None:
        made = plan(replace(PHONE, codec="vvc"), replace(PHONE, index=3, width=480, height=270))
        assert made.picture
        assert made.picture.index == 3

    def test_the_sound_that_is_meant_for_everybody(self) -> None:
        tracks = (
            replace(STEREO, index=1, aside=True),
            replace(STEREO, index=2, default=False),
            replace(STEREO, index=3),
            replace(STEREO, index=4),
        )
        made = plan(PHONE, *tracks)
        assert made.track
        assert made.track.index == 3

    def test_no_sound_is_no_fault(self) -> None:
        made = plan(PHONE)
        assert (made.track, made.missing) == (None, ())

    def test_sound_that_cannot_be_read_is_said(self) -> None:
        made = plan(PHONE, replace(STEREO, codec="atrac3"))
        assert (made.track, made.missing) == (None, (Missing.SOUND,))

    def test_sound_alone(self) -> None:
        made = plan(STEREO)
        assert (made.picture, made.rungs, made.keep, made.storyboard, made.stills) == (None, (), None, None, ())
        assert made.track

    @pytest.mark.parametrize(
        ("changed", "copied"),
        [
            ({}, True),
            ({"codec": "mp3"}, False),
            ({"profile": "HE-AAC"}, False),
            ({"channels": 6}, False),
            ({"sample_rate": 8000}, False),
            ({"bitrate": 320_000}, False),
            ({"bitrate": 0}, False),
        ],
    )
    def test_sound_that_may_stay(self, changed: dict[str, object], copied: bool) -> None:
        made = plan(PHONE, replace(STEREO, **changed))
        assert made.track
        assert made.track.copy is copied

    def test_sound_comes_out_as_stereo_or_mono_at_a_usual_rate(self) -> None:
        surround = plan(replace(STEREO, channels=8, sample_rate=96_000)).track
        voice = plan(replace(STEREO, codec="amr_nb", channels=1, sample_rate=8000, bitrate=12_000)).track
        assert surround
        assert voice
        assert (surround.channels, surround.sample_rate, surround.bitrate) == (2, 48_000, 128_000)
        assert (voice.channels, voice.sample_rate, voice.bitrate) == (1, 48_000, 32_000)

    def test_captions_by_their_languages(self) -> None:
        made = plan(
            PHONE,
            Captions(index=2, codec="mov_text", language="vie"),
            Captions(index=3, codec="subrip", language="vie"),
            Captions(index=4, codec="ass"),
        )
        assert [text.name for text in made.texts] == ["vie", "vie-2", "captions"]
        assert made.missing == ()

    def test_captions_that_are_pictures_are_said(self) -> None:
        made = plan(PHONE, Captions(index=2, codec="hdmv_pgs_subtitle"))
        assert (made.texts, made.missing) == ((), (Missing.CAPTIONS,))


class TestStoryboard:
    @pytest.mark.parametrize(
        ("seconds", "every", "rows"),
        [(0.04, 0.1, 1), (1.2, 0.12, 1), (5, 0.5, 1), (30, 1, 3), (200, 2, 10), (900, 9, 10), (6 * 3600, 10, 10)],
    )
    def test_as_many_as_help(self, seconds: float, every: float, rows: int) -> None:
        storyboard = plan(replace(PHONE, duration=seconds), duration=seconds).storyboard
        assert storyboard
        assert (storyboard.every, storyboard.rows) == (pytest.approx(every), rows)

    def test_lying_and_standing(self) -> None:
        lying, standing = plan(PHONE).storyboard, plan(replace(PHONE, matrix=(0, 1, -1, 0))).storyboard
        assert lying
        assert standing
        assert (lying.width, lying.height, standing.width, standing.height) == (160, 90, 90, 160)


@pytest.mark.parametrize(
    ("streams", "changed", "reason"),
    [
        pytest.param((), {}, Reason.NO_PICTURE, id="nothing"),
        pytest.param((replace(PHONE, width=1, height=1),), {}, Reason.NO_PICTURE, id="one pixel"),
        pytest.param((replace(PHONE, codec="vvc"), STEREO), {}, Reason.NO_PICTURE, id="a picture that cannot be read"),
        pytest.param((replace(PHONE, width=7682, height=4320),), {}, Reason.TOO_LARGE_A_VIDEO, id="beyond 8K"),
        pytest.param((replace(PHONE, width=32_000, height=16),), {}, Reason.TOO_LARGE_A_VIDEO, id="a long side"),
        pytest.param((PHONE, STEREO), {"duration": 6 * 3600 + 1.0}, Reason.TOO_LONG, id="a whole day"),
    ],
)
def test_refused(streams: tuple[Video | Sound, ...], changed: dict[str, object], reason: Reason) -> None:
    with pytest.raises(Refused) as refused:
        plan(*streams, **changed)
    assert refused.value.reason is reason


def test_one_pixel_with_sound_is_sound() -> None:
    made = plan(replace(PHONE, width=1, height=1), STEREO)
    assert made.picture is None
    assert made.track


def test_a_single_picture_is_shown_for_its_moment() -> None:
    made = plan(replace(PHONE, duration=0.04), duration=0.04)
    assert len(made.rungs) == 4
    assert made.storyboard


def test_an_animation_may_have_holes() -> None:
    made = plan(replace(PHONE, codec="gif", pixels="bgra"))
    assert made.picture
    assert made.picture.holes
