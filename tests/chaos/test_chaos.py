"""One short seed on each broker; ``./run chaos --seed N`` plays any other, and longer ones."""

import os
import subprocess
import sys

import pytest

from deploy.local.machine import ROOT
from tests.chaos.servers import has_rabbitmq


@pytest.mark.chaos
@pytest.mark.timeout(420)
@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
def test_everything_concludes_once_whoever_is_killed(broker, tmp_path):
    if broker == "rabbitmq" and not has_rabbitmq():
        pytest.skip("needs Debian's rabbitmq-server package")
    run = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--seed", "1", "--jobs", "200", "--broker", broker],
        cwd=ROOT,
        env=os.environ | {"BACKROOM_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert "All rules hold" in run.stdout
