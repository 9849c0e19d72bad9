import pytest

from deploy.local import debian
from tests.unit.local.machine import Machine


@pytest.mark.usefixtures("root")
def test_packages_are_installed_and_the_lists_of_them_fetched_once(
    machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    machine.put_apt()

    assert debian.install(("chromium", "libatomic1"), "for the browser tests")
    assert debian.install(("ffmpeg",), "to process videos")

    assert [line.removeprefix("-qq -o DPkg::Lock::Timeout=300 ") for line in machine.ran] == [
        "update",
        "install -y --no-install-recommends chromium libatomic1",
        "install -y --no-install-recommends ffmpeg",
    ]
    assert capfd.readouterr().out == (
        "backroom: installing chromium, libatomic1 for the browser tests (apt-get)\n"
        "backroom: installing ffmpeg to process videos (apt-get)\n"
    )


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("broken", ["update", "install"])
def test_what_fails_is_not_there(machine: Machine, broken: str) -> None:
    machine.put_apt(broken=broken)

    assert not debian.install(("ffmpeg",), "to process videos")
    assert broken in machine.ran[-1]


def test_an_ordinary_user_is_not_asked_for_a_password(machine: Machine) -> None:
    machine.put_apt()

    assert not debian.install(("ffmpeg",), "to process videos")
    assert machine.ran == []


@pytest.mark.usefixtures("root")
def test_a_machine_without_apt_is_left_alone(machine: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    assert not debian.install(("ffmpeg",), "to process videos")
    assert capfd.readouterr().out == ""
