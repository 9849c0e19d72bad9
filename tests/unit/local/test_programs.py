"""What ``./run test`` does about programs that the tests drive."""

import pytest

from deploy.local import bootstrap, test
from tests.unit.local.machine import Machine


@pytest.fixture(autouse=True)
def index(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "install", lambda files: machine.put_wheel())
    monkeypatch.setattr(test, "find_library", lambda name: "libatomic.so.1")


@pytest.mark.usefixtures("root")
def test_root_gets_all_that_is_missing_from_debian(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    machine.put_apt(packages={"chromium": "chromium", "libimage-exiftool-perl": "exiftool", "ffmpeg": "ffmpeg"})

    assert test.ensure_programs() == {}
    assert capfd.readouterr().out.splitlines() == [
        "backroom: installing chromium, fonts-noto-core, libatomic1 for the browser tests (apt-get)",
        "backroom: installing libimage-exiftool-perl for the tests of metadata (apt-get)",
        "backroom: installing ffmpeg to process videos (apt-get)",
    ]

    assert test.ensure_programs() == {}
    assert capfd.readouterr().out == ""


def test_an_ordinary_user_gets_ffmpeg_and_is_told_what_will_be_skipped(
    machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    programs = test.ensure_programs()

    assert sorted(programs) == ["FFMPEG", "FFPROBE"]
    assert capfd.readouterr().out.splitlines() == [
        "backroom: browser tests will be skipped: they need chromium, fonts-noto-core, libatomic1 (Debian: apt-get install)",
        "backroom: tests of metadata will be skipped: they need libimage-exiftool-perl (Debian: apt-get install)",
    ]
