import os
from pathlib import Path

import pytest

from deploy.local import debian, ffmpeg
from tests.unit.local.machine import WHEEL, Machine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Where this is an ordinary user, and neither Debian nor the package index has anything."""
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(made.bin))
    for name in ffmpeg.NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(made.site)
    monkeypatch.setattr(ffmpeg, "WHEEL", WHEEL)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    debian._lists_are_new.cache_clear()
    return made


@pytest.fixture
def root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
