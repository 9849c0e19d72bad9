"""``./run up`` from an empty folder to READY, a killed worker, the tour, and a stop: the whole product as processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import environment
from deploy.local.machine import LINUX, MARK, ROOT, free_port, marked, processes

pytestmark = [
    pytest.mark.skipif(not LINUX, reason="looks at processes in /proc"),
    pytest.mark.timeout(400),
]


@pytest.fixture
def var() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="backroom-up-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place, ignore_errors=True)


class Up:
    """A running ``./run up`` and what it says."""

    def __init__(self, var: Path) -> None:
        # as a newcomer has it: nothing is named
        named = environment.completed({})
        env = {name: value for name, value in os.environ.items() if name not in named}
        self.var = var
        self.env = env | {"BACKROOM_VAR": str(var), "NO_COLOR": "1"}
        self.output = var.with_suffix(".log")
        self.port = free_port(avoid=set())
        with self.output.open("wb") as output:
            argv = [sys.executable, "-m", "deploy.local.up", f"--port={self.port}"]
            self.process = subprocess.Popen(argv, cwd=ROOT, env=self.env, stdout=output, stderr=subprocess.STDOUT)

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def await_words(self, words: str, patience: float) -> None:
        self.wait(lambda: words in self.said(), patience, words)

    def wait(self, true: Callable[[], bool], patience: float, what: str) -> None:
        deadline = time.monotonic() + patience
        while not true():
            assert self.process.poll() is None, self.said()[-3000:]
            assert time.monotonic() < deadline, f"no {what!r} in: {self.said()[-3000:]}"
            time.sleep(0.1)

    def pid(self, *words: str) -> int:
        """The oldest process of ours whose command line has all ``words``."""
        found = [pid for pid in processes(marked(self.var)) if set(words) <= set(command_line(pid))]
        assert found, f"no process with {words}"
        return min(found)


def command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def test_from_nothing_to_ready_through_a_killed_worker_and_back(var: Path) -> None:
    up = Up(var)
    try:
        up.await_words("READY after", 180)
        local = (var / "local.env").read_text()
        password = re.search(r"FLOWER_BASIC_AUTH=operator:(\w+)", local)
        assert password is not None
        assert password[1] in up.said()
        assert re.search(r"\n  Videos    (ffmpeg \d+\.\d|cannot be processed: There is no program)", up.said())
        assert re.search(r"DATABASE_URL=postgresql://backroom:\w+@127\.0\.0\.1:2\d{4}|3[01]\d{3}/", local)

        killed = up.pid("worker", "--queues=reports")
        os.kill(killed, signal.SIGKILL)
        up.await_words("was killed by SIGKILL; starting it again in 1 s", 10)
        up.wait(lambda: up.pid("celery", "worker") != killed, 20, "another worker")

        second = subprocess.run(
            [sys.executable, "-m", "deploy.local.up"], cwd=ROOT, env=up.env, capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert second.stderr == f"backroom: It is running already: http://127.0.0.1:{up.port} (its folder is {var}).\n"

        tour = subprocess.run(
            [sys.executable, "-m", "deploy.local.tour"],
            cwd=ROOT,
            env=up.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert tour.returncode == 0, tour.stdout + tour.stderr
        assert re.search(r"✓ full-year revenue, Excel: .* rows, .* 404 for another person", tour.stdout)

        began = time.monotonic()
        up.process.send_signal(signal.SIGTERM)
        assert up.process.wait(30) == 0
        assert time.monotonic() - began < 20
        assert processes(marked(var)) == []
        assert "database system is shut down" in up.said()
    finally:
        up.process.kill()
        up.process.wait()


def test_leftovers_of_a_killed_supervisor_do_not_outlive_the_next_start(var: Path) -> None:
    left = subprocess.Popen(["sleep", "300"], env={MARK: str(var)}, start_new_session=True)
    up = Up(var)
    try:
        assert left.wait(30) == -signal.SIGKILL
        up.await_words("postgres", 60)
        up.process.send_signal(signal.SIGINT)
        up.process.wait(60)
        assert processes(marked(var)) == []
    finally:
        left.kill()
        up.process.kill()
        up.process.wait()
