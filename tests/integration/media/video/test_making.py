"""Videos of the kinds that the corpus lacks, made, and looked at as players would."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.task import Cancelled
from media_pipeline import confined, ffmpeg, ladder, probe, video
from media_pipeline.confined import Ended, Limit, Overrun
from media_pipeline.ffmpeg import Tools, Unsuccessful
from media_pipeline.ladder import Plan
from media_pipeline.made import Made
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused
from media_pipeline.video import Work
from tests.integration.media.video.corpus import personal

Sample = Callable[..., Path]
WEB = ("-c:v", "libx264", "-b:v", "400k", "-maxrate", "500k", "-bufsize", "500k", "-pix_fmt", "yuv420p")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def make(source: Path, folder: Path, tools: Tools) -> tuple[Plan, Work]:
    facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
    plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
    return plan, video.make(source, plan, folder, tools, progress=lambda _share: None, checkpoint=lambda: None)


def named(work: Work, name: str) -> Made:
    return next(made for made in work.made if made.name == name)


def streams(path: Path, entries: str) -> list[dict[str, object]]:
    said = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", f"stream={entries}", "-of", "json", str(path)],
        capture_output=True,
        check=True,
    )
    found: list[dict[str, object]] = json.loads(said.stdout)["streams"]
    return found


def colour(path: Path, x: float, y: float) -> tuple[int, ...]:
    """Red, green and blue at a place of the first picture, in shares of its sides; of a few pixels on average."""
    where = f"crop=8:8:(iw-8)*{x}:(ih-8)*{y},scale=1:1:flags=area,format=rgb24"
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), "-vf", where, "-frames:v", "1", "-f", "rawvideo", "-"],
        capture_output=True,
        check=True,
    )
    return tuple(done.stdout[:3])


def moments(playlist: Path) -> list[float]:
    return [float(seconds) for seconds in re.findall(r"#EXTINF:([\d.]+)", playlist.read_text())]


class TestKeeping:
    def test_an_upload_that_fits_is_the_largest_size_and_the_others_are_cut_with_it(
        self, sample: Sample, folder: Path, tools: Tools
    ) -> None:
        # Keyframes each 2.4 s: segments of 4.8 s.
        source = sample("web.mp4", *WEB, "-g", "60", "-keyint_min", "60", pictures="testsrc2=s=854x480:r=25:d=11")
        plan, work = make(source, folder, tools)
        assert plan.keep
        assert [made.name for made in work.made if made.kind == "stream"] == ["480p", "360p", "master"]
        assert moments(folder / "480p.m3u8") == pytest.approx([4.8, 4.8, 1.4], abs=0.05)
        assert moments(folder / "360p.m3u8") == pytest.approx([4.8, 4.8, 1.4], abs=0.05)
        assert work.missing == set()

    def test_what_has_too_few_keyframes_is_encoded(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("web.mp4", *WEB, "-g", "9999", "-keyint_min", "9999", pictures="testsrc2=s=320x240:r=25:d=12")
        plan, _work = make(source, folder, tools)
        assert plan.keep
        assert moments(folder / "240p.m3u8") == pytest.approx([4, 4, 4], abs=0.05)

    def test_what_is_damaged_inside_is_encoded(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("web.mp4", *WEB, pictures="testsrc2=s=640x360:r=25:d=4")
        data = bytearray(source.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 3000] = bytes(3000)
        source.write_bytes(data)
        plan, work = make(source, folder, tools)
        assert plan.keep
        played = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", str(folder / "360p.m4s"), "-f", "null", "-"],
            capture_output=True,
            check=True,
        )
        assert played.stderr == b""
        assert [made.name for made in work.made if made.kind == "stream"] == ["360p", "master"]


class TestColours:
    @pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
    def test_hdr_looks_like_what_it_shows(self, transfer: str, sample: Sample, folder: Path, tools: Tools) -> None:
        if not tools.tone_maps or "libx265" not in tools.encoders:
            pytest.skip("this ffmpeg cannot make HDR, or not unmake it")
        grey = f"color=c=0x808080:s=320x240:r=25:d=0.4,format=yuv420p10le,setparams=color_trc={transfer}"
        tags = ["-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc"]
        source = sample("hdr.mp4", "-c:v", "libx265", "-x265-params", "log-level=0", *tags, pictures=grey)
        plan, work = make(source, folder, tools)
        assert plan.picture
        assert plan.picture.tone_map
        assert Missing.COLOURS not in work.missing
        (stream,) = streams(folder / "240p.m4s", "pix_fmt,color_transfer,color_space,color_primaries,color_range")
        assert stream == {
            "pix_fmt": "yuv420p",
            "color_range": "tv",
            "color_space": "bt709",
            "color_transfer": "bt709",
            "color_primaries": "bt709",
        }
        red, green, blue = colour(folder / "240p.mp4", 0.5, 0.5)
        assert 60 < red < 200
        assert abs(red - green) <= 8
        assert abs(green - blue) <= 8

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param(("-pix_fmt", "yuvj420p", "-color_range", "pc"), id="full range"),
            pytest.param(("-pix_fmt", "yuv422p10le"), id="4:2:2 with 10 bits"),
            pytest.param(("-pix_fmt", "yuv444p"), id="4:4:4"),
            pytest.param(
                ("-pix_fmt", "yuv420p", "-colorspace", "bt709", "-vf", "scale=out_color_matrix=bt709"), id="BT.709"
            ),
            pytest.param(("-pix_fmt", "yuv420p"), id="nothing said"),
        ],
    )
    def test_colours_stay_what_they_are(
        self, options: tuple[str, ...], sample: Sample, folder: Path, tools: Tools
    ) -> None:
        orange = "color=c=0xE08040:s=322x240:r=25:d=0.4"
        source = sample(
            "colours.mkv", "-c:v", "ffv1" if "j420" not in str(options) else "libx264", *options, pictures=orange
        )
        make(source, folder, tools)
        assert colour(folder / "240p.mp4", 0.5, 0.5) == pytest.approx((0xE0, 0x80, 0x40), abs=6)

    def test_holes_are_white(self, sample: Sample, folder: Path, tools: Tools) -> None:
        holes = "color=c=black:s=101x80:r=10:d=0.5,format=rgba,geq=r=0:g=0:b=255:a='if(lt(X,W/2),255,0)'"
        source = sample("holes.apng", "-f", "apng", pictures=holes)
        make(source, folder, tools)
        assert colour(folder / "80p.mp4", 0.1, 0.5) == pytest.approx((0, 0, 255), abs=12)
        assert colour(folder / "80p.mp4", 0.9, 0.5) == pytest.approx((255, 255, 255), abs=12)


#: The upper left is red, the upper right green, the lower left blue, the lower right white.
CORNERS = (
    "color=c=white:s=320x240:r=25:d=0.4,drawbox=x=0:y=0:w=160:h=120:color=red:t=fill,"
    "drawbox=x=160:y=0:w=160:h=120:color=lime:t=fill,drawbox=x=0:y=120:w=160:h=120:color=blue:t=fill"
)


@pytest.mark.parametrize(
    ("turned", "size"), [("0", (320, 240)), ("90", (240, 320)), ("180", (320, 240)), ("270", (240, 320))]
)
def test_turned_pictures_are_upright_everywhere(
    turned: str, size: tuple[int, int], sample: Sample, folder: Path, tools: Tools
) -> None:
    flat = sample("flat.mp4", *H264, pictures=CORNERS)
    source = flat.with_name("turned.mp4")
    # The tag says by how much it is to be turned to the left.
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(flat), "-c", "copy", "-metadata:s:v", f"rotate={turned}", str(source)],
        check=True,
    )
    facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
    if turned != "0" and facts.videos[0].matrix == (1, 0, 0, 1):
        pytest.skip("this ffmpeg writes turns by another option")
    _plan, work = make(source, folder, tools)
    # As ffmpeg itself turns it.
    reference = folder.parent / "reference.png"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(source), "-frames:v", "1", str(reference)], check=True)
    for made in work.made:
        if made.width and made.kind != "storyboard":
            path = made.extra[0] if made.kind == "stream" else made.path
            assert (made.width, made.height) == size
            assert colour(path, 0.1, 0.1) == pytest.approx(colour(reference, 0.1, 0.1), abs=30)


def test_interlaced_pictures_have_no_combs(sample: Sample, folder: Path, tools: Tools) -> None:
    moving = "testsrc2=s=720x576:r=50:d=0.6,interlace=scan=tff"
    source = sample(
        "tape.mpg", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-b:v", "8M", "-top", "1", pictures=moving
    )
    plan, _work = make(source, folder, tools)
    assert plan.picture
    assert plan.picture.deinterlace
    said = subprocess.run(
        ["ffmpeg", "-v", "info", "-i", str(folder / "576p.m4s"), "-vf", "idet", "-f", "null", "-"],
        capture_output=True,
        check=True,
        text=True,
    ).stderr
    (interlaced,) = re.findall(r"Multi frame detection: TFF:\s*(\d+)", said)[-1:]
    assert int(interlaced) <= 1


class TestSound:
    def test_is_brought_to_one_loudness(self, sample: Sample, folder: Path, tools: Tools) -> None:
        quiet = "sine=f=440:r=48000:d=4,volume=-2dB"
        source = sample("quiet.mp4", *H264, "-c:a", "aac", pictures="testsrc2=s=160x120:r=10:d=4", sound=quiet)
        _plan, work = make(source, folder, tools)
        said = subprocess.run(
            ["ffmpeg", "-i", str(folder / "sound.m4s"), "-af", "ebur128", "-f", "null", "-"],
            capture_output=True,
            check=True,
            text=True,
        ).stderr
        assert float(re.findall(r"I:\s+(-[\d.]+) LUFS", said)[-1]) == pytest.approx(-16, abs=1.5)
        assert named(work, "sound").codecs == "mp4a.40.2"

    def test_alone_is_a_stream_and_a_file(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("song.flac", pictures="", sound="sine=f=440:d=9")
        _plan, work = make(source, folder, tools)
        assert [made.name for made in work.made] == ["sound", "master", "sound.m4a"]
        assert 'CODECS="mp4a.40.2"' in (folder / "master.m3u8").read_text()

    def test_silence_is_left_alone(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("silent.wav", pictures="", sound="anullsrc=r=48000:cl=stereo:d=2")
        _plan, work = make(source, folder, tools)
        assert work.missing == set()


def test_the_master_playlist_says_what_was_measured(sample: Sample, folder: Path, tools: Tools) -> None:
    source = sample(
        "clip.mkv", "-c:v", "ffv1", "-c:a", "flac", pictures="testsrc2=s=854x480:r=50:d=5", sound="sine=d=5"
    )
    _plan, work = make(source, folder, tools)
    lines = (folder / "master.m3u8").read_text().splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    assert lines[4].startswith("#EXT-X-STREAM-INF:BANDWIDTH=")
    assert "RESOLUTION=854x480,FRAME-RATE=25.000" in lines[4]
    assert re.search(r'CODECS="avc1\.6400[0-9a-f]{2},mp4a\.40\.2"', lines[4])
    assert lines[5] == "480p.m3u8"
    large, small, sound = named(work, "480p"), named(work, "360p"), named(work, "sound")
    for made in (large, small, sound):
        assert made.bitrate
        assert made.peak_bitrate
        assert made.bitrate == pytest.approx(made.extra[0].stat().st_size * 8 / 5, rel=0.05)
        assert made.peak_bitrate >= made.bitrate
    assert (
        f"BANDWIDTH={large.peak_bitrate + sound.peak_bitrate},AVERAGE-BANDWIDTH={large.bitrate + sound.bitrate}"
        in lines[4]
    )


def test_the_time_line_shows_what_is_there(sample: Sample, folder: Path, tools: Tools) -> None:
    """Of a video whose colour tells the time."""
    clock = "color=c=black:s=160x120:r=10:d=250,geq=lum='T':cb=128:cr=128"
    source = sample("long.mkv", "-c:v", "ffv1", pictures=clock)
    plan, work = make(source, folder, tools)
    assert plan.storyboard
    assert plan.storyboard.every == pytest.approx(2.5)
    made = named(work, "storyboard")
    cues = re.findall(r"([\d:.]+) --> [\d:.]+\nstoryboard-(\d)\.jpg#xywh=(\d+),(\d+),160,120", made.path.read_text())
    assert len(cues) == 100
    assert len(made.extra) == 1
    for begin, _sheet, x, y in cues[10::30]:
        minutes, seconds = begin.split(":")[1:]
        where = f"crop=100:80:{int(x) + 30}:{int(y) + 20},scale=1:1:flags=area,format=gray"
        done = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", str(made.extra[0]), "-vf", where, "-f", "rawvideo", "-"],
            capture_output=True,
            check=True,
        )
        shown = done.stdout[0] * 219 / 255 + 16  # from the range of JPEG to that of the video
        assert shown == pytest.approx(int(minutes) * 60 + float(seconds), abs=4)


class TestWhatIsPersonal:
    def test_places_and_cameras_do_not_come_along(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample(
            "home.mov",
            *H264,
            *("-c:a", "aac", "-metadata", "location=+10.7769+106.7009/", "-metadata", "make=Phone"),
            *("-metadata", "com.apple.quicktime.location.ISO6709=+10.7769+106.7009/", "-movflags", "use_metadata_tags"),
            pictures="testsrc2=s=320x240:r=25:d=1",
            sound="sine=d=1",
        )
        if shutil.which("exiftool"):
            assert list(personal(source.parent))
        make(source, folder, tools)
        assert b"+10.77" not in b"".join(path.read_bytes() for path in folder.iterdir())
        assert list(personal(folder)) == []

    @pytest.mark.parametrize(("words", "kept"), [("Xin chào", True), ("GPS (106.7009, 10.7769, 12)", False)])
    def test_captions_are_kept_unless_they_are_a_drones(
        self, words: str, kept: bool, sample: Sample, folder: Path, tools: Tools
    ) -> None:
        srt = folder.parent / "words.srt"
        srt.write_text(f"1\n00:00:00,000 --> 00:00:01,000\n{words}\n")
        options = ["-i", str(srt), *H264, "-c:s", "mov_text", "-metadata:s:s", "language=vie"]
        _plan, work = make(sample("words.mp4", *options, pictures="testsrc2=s=160x120:r=25:d=1"), folder, tools)
        captions = [made for made in work.made if made.kind == "captions"]
        assert [(made.name, made.codecs) for made in captions] == ([("vie.vtt", "vie")] if kept else [])
        if kept:
            assert "00:00.000 --> 00:01.000\nXin chào" in captions[0].path.read_text()


class TestDamage:
    def test_what_breaks_off_is_made_as_far_as_it_goes(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("whole.mp4", *H264, "-movflags", "+faststart", pictures="testsrc2=s=320x240:r=25:d=8")
        source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
        _plan, work = make(source, folder, tools)
        assert work.missing == {Missing.END}
        assert 2 < sum(moments(folder / "240p.m3u8")) < 7

    def test_an_index_that_never_came_is_said(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("whole.mp4", *H264)
        source.write_bytes(source.read_bytes()[:-4000])
        with pytest.raises(Refused) as refused:
            make(source, folder, tools)
        assert refused.value.reason is Reason.BROKEN
        assert list(folder.iterdir()) == []

    def test_noise_inside_an_honest_header(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("whole.mkv", *H264)
        header, _, pictures = source.read_bytes().partition(b"\x1f\x43\xb6\x75")  # where the first cluster begins
        source.write_bytes(header + bytes(len(pictures)))
        with pytest.raises(Refused) as refused:
            make(source, folder, tools)
        assert refused.value.reason in {Reason.BROKEN, Reason.NO_PICTURE}


class TestStopping:
    def test_cancelled_on_the_way_nothing_runs_on(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("long.mp4", *H264, "-g", "9999", pictures="testsrc2=s=640x360:r=25:d=60")
        shares: list[float] = []

        def progress(share: float) -> None:
            shares.append(share)
            raise Cancelled

        facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
        plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
        with pytest.raises(Cancelled):
            video.make(source, plan, folder, tools, progress=progress, checkpoint=lambda: None)
        assert len(shares) == 1
        assert 0 < shares[0] < 0.95
        assert not any(
            f"{folder}" == str(link.resolve())
            for link in Path("/proc").glob("[0-9]*/cwd")
            if link.parent.name != "self"
        )

    def test_progress_never_goes_back_and_comes_to_the_end(self, sample: Sample, folder: Path, tools: Tools) -> None:
        source = sample("clip.mkv", "-c:v", "ffv1", pictures="testsrc2=s=854x480:r=25:d=6")
        facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
        plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
        shares: list[float] = []
        video.make(source, plan, folder, tools, progress=shares.append, checkpoint=lambda: None)
        assert shares == sorted(shares)
        assert shares[-1] == 1

    def test_how_far_it_is_is_told_on_the_way(self, sample: Sample, folder: Path, tools: Tools) -> None:
        """Also where there are pictures for a time line, and more of them than the first sheet waits for."""
        source = sample("clip.mkv", "-c:v", "ffv1", pictures="testsrc2=s=1280x720:r=25:d=20", sound="sine=d=20")
        facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
        plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
        shares: list[float] = []
        video.make(source, plan, folder, tools, progress=shares.append, checkpoint=lambda: None)
        assert any(0.05 < share < 0.9 for share in shares)

    @pytest.mark.parametrize("late", [0.0, 12.0])
    def test_what_takes_long_is_not_taken_for_stuck(
        self, late: float, sample: Sample, folder: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the sound begins ``late`` seconds after the pictures, and ffmpeg is silent until then."""
        source = sample(
            "clip.mkv",
            "-c:v",
            "ffv1",
            pictures="testsrc2=s=1280x720:r=25:d=14",
            sound=f"sine=d={14 - late},asetpts=PTS+{late}/TB",
        )
        facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
        plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
        usual = video.Maker._limits
        monkeypatch.setattr(video.Maker, "_limits", lambda maker: replace(usual(maker), stall=3.0))
        work = video.make(source, plan, folder, tools, progress=lambda _share: None, checkpoint=lambda: None)
        assert work.cpu > 6

    @pytest.mark.parametrize(
        ("raised", "expected"),
        [
            (Overrun(Limit.STALL, Ended(code=-9, cpu=1, peak=1, errors="")), Refused),
            (Unsuccessful(Ended(code=-9, cpu=1, peak=1, errors="")), Unsuccessful),
            (
                Unsuccessful(
                    Ended(code=1, cpu=1, peak=1, errors="av_interleaved_write_frame(): No space left on device")
                ),
                OSError,
            ),
            (Unsuccessful(Ended(code=1, cpu=1, peak=1, errors="Invalid data")), Refused),
        ],
    )
    def test_whose_fault_it_is(
        self, raised: Exception, expected: type[Exception], sample: Sample, folder: Path, tools: Tools
    ) -> None:
        def fail(*_arguments: object, **_options: object) -> Ended:
            raise raised

        source = sample("clip.mkv", "-c:v", "ffv1")
        facts = probe.look(source, folder=folder, tools=tools, checkpoint=lambda: None)
        plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ffmpeg, "run", fail)
            with pytest.raises(expected):
                video.make(source, plan, folder, tools, progress=lambda _share: None, checkpoint=lambda: None)
        assert list(folder.iterdir()) == []


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(ffmpeg.Missing, match="nowhere"):
        ffmpeg.find("nowhere-ffmpeg", "ffprobe")
    with pytest.raises(ffmpeg.Missing, match="does not run"):
        ffmpeg.find("/bin/false", "/bin/false")


def test_too_little_memory_is_the_files_fault(sample: Sample, folder: Path, tools: Tools) -> None:
    source = sample(ffmpeg.SOURCE + ".mkv", "-c:v", "ffv1", pictures="testsrc2=s=1920x1080:r=5:d=1")
    source.rename(folder / ffmpeg.SOURCE)
    arguments = ffmpeg.command(ffmpeg.output(ffmpeg.source(), "made.mp4", vcodec="libx264"))
    little = confined.Limits(memory=400 << 20, cpu=60, wall=60, stall=60, file_size=1 << 28)
    with pytest.raises(Overrun) as overrun:
        ffmpeg.run(tools, arguments, folder=folder, limits=little, checkpoint=lambda: None)
    assert overrun.value.limit is Limit.MEMORY
