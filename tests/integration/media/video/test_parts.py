"""A long video made in parts is, picture for picture, what it is when made in one go."""

import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from media_pipeline import cutting, joining, ladder, parts, playlists, probe, video
from media_pipeline.ffmpeg import Tools
from media_pipeline.ladder import Plan
from media_pipeline.reasons import Missing
from media_pipeline.video import Work

#: Pictures that are told apart by how bright they are: 20, 27, 34 …, from 0 on.
NUMBERED = "nullsrc=s=16x10:r={rate}:d={seconds},geq=lum='20+mod(N*7,200)':cb=128:cr=128,scale=854:480:flags=neighbor"


#: The keyframes of a file that has as few as it can, so that a part begins far from one.
FEW_KEYFRAMES: Final = ("-c:v", "libx264", "-g", "1000", "-sc_threshold", "0")


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "_PIXELS_A_PART", 1.0)
    monkeypatch.setattr(cutting, "_SHORTEST", 4.0)
    monkeypatch.setattr(cutting, "_LEAD", 100.0)


class Made:
    """``source`` made in parts below ``folder``."""

    def __init__(self, source: Path, folder: Path, tools: Tools, *, lost: int | None = None) -> None:
        self.out = _new(folder / "out")
        self.plan = _plan(source, folder, tools)
        self.first = video.make(source, self.plan, self.out, tools, progress=_nothing, checkpoint=_nothing)
        made = []
        for number, part in enumerate(self.first.parts):
            place = _new(folder / f"part{number}")
            if number != lost:
                parts.make(
                    source,
                    self.plan,
                    part,
                    place,
                    tools,
                    rungs=self.first.rungs,
                    progress=_nothing,
                    checkpoint=_nothing,
                )
            made.append((part, place))
        self.work = parts.finish(self.plan, made, self.out, tools, rungs=self.first.rungs, checkpoint=_nothing)


def _nothing(*_: object) -> None: ...


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _plan(source: Path, folder: Path, tools: Tools) -> Plan:
    facts = probe.look(source, folder=_new(folder / "probe"), tools=tools, checkpoint=_nothing)
    return ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)


def in_one_go(source: Path, folder: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> Work:
    with monkeypatch.context() as patch:
        patch.setattr(cutting, "part_seconds", lambda *_: 0.0)
        plan = _plan(source, folder, tools)
        return video.make(source, plan, _new(folder / "out"), tools, progress=_nothing, checkpoint=_nothing)


def brightness(tools: Tools, path: Path) -> list[int]:
    """Of each picture of a file, as it is shown."""
    command = [tools.ffmpeg, "-v", "error", "-i", str(path), "-map", "v:0", "-fps_mode", "passthrough"]
    command += ["-vf", "scale=1:1,format=gray", "-f", "rawvideo", "-"]
    return list(subprocess.run(command, check=True, capture_output=True).stdout)


def times(tools: Tools, path: Path) -> list[tuple[Fraction, bool]]:
    """When each picture is shown, in order, and whether it is a keyframe."""
    command = [tools.ffprobe, "-v", "error", "-select_streams", "v", "-show_entries", "packet=pts_time,flags"]
    said = subprocess.run([*command, "-of", "csv=p=0", str(path)], check=True, capture_output=True).stdout.decode()
    rows = [line.split(",") for line in said.split()]
    return sorted((Fraction(at), "K" in flags) for at, flags in rows)


def differ(some: list[int], others: list[int]) -> list[int]:
    """Numbers of the pictures that are not the same one: two neighbours are 7 apart."""
    assert len(some) == len(others)
    return [place for place, (one, other) in enumerate(zip(some, others, strict=True)) if abs(one - other) > 3]


@pytest.mark.parametrize("rate", ["30000/1001", "24000/1001", "60"])
def test_no_picture_is_lost_doubled_or_shifted(rate, sample, tools, tmp_path, monkeypatch):
    source = sample("numbered.mp4", *FEW_KEYFRAMES, pictures=NUMBERED.format(rate=rate, seconds=13), sound="sine=d=13")
    whole = in_one_go(source, tmp_path / "whole", tools, monkeypatch)
    made = Made(source, tmp_path / "parts", tools)
    assert len(made.first.parts) >= 3
    assert [at for at, is_key in times(tools, source) if is_key] == [0]
    assert {one.name for one in made.work.made} == {one.name for one in whole.made} - {"storyboard"}
    for name in ("480p", "360p"):
        there, expected = made.out / f"{name}.m4s", tmp_path / "whole" / "out" / f"{name}.m4s"
        assert differ(brightness(tools, there), brightness(tools, expected)) == []
        assert times(tools, there) == times(tools, expected)
        assert lengths(made.out / f"{name}.m3u8") == lengths(expected.with_suffix(".m3u8"))


def lengths(playlist: Path) -> list[float]:
    return [round(seconds, 3) for seconds, _ in playlists.segments(playlist.read_text())]


def test_a_picture_that_is_shown_for_long_stays_where_a_part_begins(sample, tools, tmp_path):
    """Recordings of screens change when something happens, and not before."""
    numbered = NUMBERED.format(rate=25, seconds=17) + ",select='lt(n\\,40)+gt(n\\,325)'"
    source = sample("screen.mkv", "-fps_mode", "vfr", *FEW_KEYFRAMES, pictures=numbered)
    made = Made(source, tmp_path / "parts", tools)
    assert len(made.first.parts) >= 4
    larger, smaller = (brightness(tools, made.out / f"{name}.m4s") for name in ("480p", "360p"))
    assert differ(larger, smaller) == []
    assert len(set(larger[45:320])) <= 2


def test_pictures_that_begin_after_the_sound_stay_beside_it(sample, tools, tmp_path):
    picture = sample("late.mp4", pictures=NUMBERED.format(rate=25, seconds=14))
    sound = sample("sound.m4a", pictures="", sound="sine=d=16")
    source = tmp_path / "both.mp4"
    command = [tools.ffmpeg, "-v", "error", "-i", str(sound), "-itsoffset", "2", "-i", str(picture)]
    subprocess.run([*command, "-map", "1:v", "-map", "0:a", "-c", "copy", str(source)], check=True)
    made = Made(source, tmp_path / "parts", tools)
    for name in ("480p", "360p"):
        shown = brightness(tools, made.out / f"{name}.m4s")
        assert len(shown) == pytest.approx(16 * 25, abs=1)
        # The first picture stands until the second one is due.
        assert shown[10] == pytest.approx(shown[49], abs=3)
        assert shown[53] > shown[49] + 3


def test_the_uploads_own_stream_is_kept_and_the_others_are_cut_where_it_is(sample, tools, tmp_path):
    options = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-b:v", "900k", "-g", "60", "-color_range", "tv")
    source = sample("kept.mp4", *options, pictures="testsrc2=s=1280x720:r=25:d=17")
    made = Made(source, tmp_path / "parts", tools)
    assert [one.name for one in made.work.made if one.kind == "stream"] == ["720p", "480p", "360p", "master"]
    assert made.first.rungs == ("480p",)
    assert lengths(made.out / "480p.m3u8") == lengths(made.out / "720p.m3u8")


def test_what_is_behind_a_part_that_cannot_be_read_is_said_to_be_missing(sample, tools, tmp_path):
    source = sample("broken.mp4", pictures=NUMBERED.format(rate=25, seconds=17))
    made = Made(source, tmp_path / "parts", tools, lost=2)
    assert made.work.missing == {Missing.END}
    assert [one.name for one in made.work.made if one.kind == "stream"] == ["480p", "360p", "master"]
    assert sum(lengths(made.out / "480p.m3u8")) == pytest.approx(float(made.first.parts[2].begins), abs=0.05)


def test_sizes_of_which_nothing_can_be_read_are_left_out(sample, tools, tmp_path):
    source = sample("broken.mp4", pictures=NUMBERED.format(rate=25, seconds=17))
    made = Made(source, tmp_path / "parts", tools, lost=0)
    assert made.work.missing == {Missing.END}
    assert [one.name for one in made.work.made if one.kind == "stream"] == ["360p", "master"]


def test_a_file_with_few_keyframes_is_made_in_one_go(sample, tools, tmp_path, monkeypatch):
    """Each part of it would be decoded from the beginning."""
    monkeypatch.setattr(cutting, "_LEAD", 0.25)
    source = sample("few.mp4", *FEW_KEYFRAMES, pictures=NUMBERED.format(rate=25, seconds=13))
    work = video.make(
        source, _plan(source, tmp_path, tools), _new(tmp_path / "out"), tools, progress=_nothing, checkpoint=_nothing
    )
    assert (work.parts, [one.name for one in work.made if one.kind == "stream"]) == ((), ["480p", "360p", "master"])


def test_a_file_without_an_index_is_made_in_one_go(sample, tools, tmp_path):
    source = sample("stream.ts", pictures=NUMBERED.format(rate=25, seconds=17))
    plan = _plan(source, tmp_path, tools)
    assert len(plan.rungs) > 1
    assert cutting.part_seconds(plan, plan.rungs) == 0


# --- joining ---------------------------------------------------------------------------------------------------------


def _stream(tools: Tools, folder: Path, size: str) -> Path:
    source = f"testsrc2=s={size}:r=25:d=2"
    path = folder / f"{size}.m4s"
    command: list[Any] = [tools.ffmpeg, "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-f", "mp4"]
    subprocess.run([*command, "-movflags", "+frag_keyframe+empty_moov+default_base_moof", path], check=True)
    return path


def test_parts_that_were_not_made_alike_are_not_joined(tools, tmp_path):
    some, others = _stream(tools, tmp_path, "320x180"), _stream(tools, tmp_path, "640x360")
    with pytest.raises(joining.Different, match="begins otherwise"):
        joining.join([(some, Fraction(0)), (others, Fraction(2))], tmp_path / "joined")


@pytest.mark.parametrize("kept", [4, 30, 2000])
def test_a_part_that_is_cut_off_is_not_joined(kept, tools, tmp_path):
    whole = _stream(tools, tmp_path, "320x180")
    cut = tmp_path / "cut"
    cut.write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(joining.Different):
        joining.join([(cut, Fraction(0))], tmp_path / "joined")
