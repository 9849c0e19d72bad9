import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from deploy.local import machine
from deploy.local.machine import Trouble


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        assert not machine.port_is_free(port)
    assert machine.port_is_free(port)


def test_the_next_free_port_is_the_first_that_nobody_has() -> None:
    assert machine.next_free_port(8000, is_free=lambda port: port >= 8003) == 8003


def test_no_free_port_is_said_in_one_line() -> None:
    with pytest.raises(Trouble, match="8000 to 8099"):
        machine.next_free_port(8000, is_free=lambda port: False)
    with pytest.raises(Trouble, match="No free port"):
        machine.free_port(avoid=set(), is_free=lambda port: False)


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5_000_000))

    with pytest.raises(Trouble, match=r"is full \(5 MB free, 200 needed\)"):
        machine.need_room(tmp_path, 200)


def test_a_folder_that_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Trouble, match="Not a directory"):
        machine.make_folder(tmp_path / "file" / "var")


def test_a_folder_has_one_holder_of_its_lock_at_a_time(tmp_path: Path) -> None:
    with machine.locked(tmp_path) as first, machine.locked(tmp_path) as second:
        assert (first, second) == (True, False)
    with machine.locked(tmp_path) as third:
        assert third


@pytest.mark.skipif(not machine.LINUX, reason="only Linux tells a child that its parent died")
def test_a_child_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = f"""
import subprocess, sys, time
sys.path.insert(0, {str(machine.ROOT)!r})
from deploy.local.machine import child
print(subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, **child()).pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert ends_within(5, pid)


@pytest.mark.skipif(not machine.LINUX, reason="needs /proc")
def test_what_a_killed_supervisor_left_behind_is_found_by_its_mark(tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "60"], env={machine.MARK: str(tmp_path)}, cwd=tmp_path)
    other = subprocess.Popen(["sleep", "60"], env={machine.MARK: str(tmp_path / "other")}, cwd="/")
    try:
        for found in (machine.marked(tmp_path), machine.working_in(tmp_path, "sleep")):
            # the exec of a just started child may not have happened yet
            assert becomes([left.pid], lambda found=found: machine.processes(found))
        assert machine.processes(machine.working_in(tmp_path, "postgres")) == []
    finally:
        for process in (left, other):
            process.send_signal(signal.SIGKILL)
            process.wait()


def becomes(expected: object, look: object, patience: float = 5) -> bool:
    deadline = time.monotonic() + patience
    while look() != expected:  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def ends_within(seconds: float, pid: int) -> bool:
    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    return becomes(True, gone, seconds)
