import subprocess
from pathlib import Path

import pytest

from deploy.local import bootstrap
from deploy.local.bootstrap import RUNTIME
from deploy.local.machine import ROOT, Trouble


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with requirement files and a .venv that has a Python."""
    (tmp_path / "run").touch()
    for name in (*bootstrap.DEVELOPMENT, *bootstrap.FFMPEG):
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    return tmp_path


class Programs:
    """Stands in for subprocess.run: remembers commands and answers as told."""

    def __init__(self, said: str = "", code: int = 0) -> None:
        self.said, self.code = said, code
        self.ran: list[list[str]] = []

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.ran.append(command)
        failing = "install" in command and self.code
        return subprocess.CompletedProcess(command, self.code if failing else 0, self.said)

    @property
    def installed(self) -> list[str]:
        return [Path(command[-1]).name for command in self.ran if "install" in command]


def test_packages_are_installed_once_with_their_hashes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs()
    monkeypatch.setattr(bootstrap.subprocess, "run", programs.run)

    bootstrap.install(RUNTIME)
    bootstrap.install(RUNTIME)

    assert programs.installed == list(RUNTIME)
    assert all("--require-hashes" in command for command in programs.ran if "install" in command)


def test_each_set_of_packages_is_remembered_by_itself(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs()
    monkeypatch.setattr(bootstrap.subprocess, "run", programs.run)

    for _ in range(2):
        for files in (RUNTIME, bootstrap.FFMPEG):
            bootstrap.install(files)

    assert programs.installed == [*RUNTIME, *bootstrap.FFMPEG]


def test_a_changed_pin_is_installed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs()
    monkeypatch.setattr(bootstrap.subprocess, "run", programs.run)
    bootstrap.install(RUNTIME)

    (project / "requirements.txt").write_text("django==5.2.99\n")
    bootstrap.install(RUNTIME)

    assert programs.installed == [*RUNTIME, *RUNTIME]


@pytest.mark.parametrize(
    ("pip_said", "means"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("Failed to establish a new connection: [Errno -3] Temporary failure in name resolution", "cannot be reached"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "not the one that was pinned"),
        ("ERROR: something nobody has seen before", "last words are above"),
    ],
)
def test_what_pip_says_becomes_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, pip_said: str, means: str
) -> None:
    monkeypatch.setattr(bootstrap.subprocess, "run", Programs(pip_said, code=1).run)

    with pytest.raises(Trouble, match=means):
        bootstrap.install(RUNTIME)
    assert list(project.glob(".venv/.installed*")) == []


def test_a_python_without_venv_names_the_package(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".venv" / "bin" / "python").unlink()
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(Trouble, match=r"apt-get install python3\.\d+-venv"):
        bootstrap.install(RUNTIME)


def test_an_unknown_command_shows_those_that_exist() -> None:
    done = subprocess.run([ROOT / "run", "fly"], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert all(f"\n  {name} " in done.stdout for name in bootstrap.COMMANDS)


def test_a_python_that_is_too_old_is_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2\n')
    old.chmod(0o755)
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")

    done = subprocess.run(
        [ROOT / "run", "up"], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "needs Python 3.11 or newer, and found Python 3.9.2" in done.stderr
    assert done.stderr.count("\n") == 1
