"""Programs behave as badly as they can; what is asked is that nothing of it stays."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.task import Cancelled, LeaseLost
from media_pipeline import confined
from media_pipeline.confined import Failed, Limit, Limits, Overrun
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused

MB = 1 << 20
ROOMY = Limits(memory=2048 * MB, cpu=60, wall=60, stall=60, file_size=100 * MB)
LINUX = sys.platform.startswith("linux")
only_linux = pytest.mark.skipif(not LINUX, reason="this system does not say, or does not limit, what Linux does")


def limits(**changed: float) -> Limits:
    return Limits(**({field: getattr(ROOMY, field) for field in Limits.__slots__} | changed))


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", textwrap.dedent(code)]


def gone(pid: int) -> bool:
    """True once no such process runs. One that has ended but was not yet asked after counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def soon(fact: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if fact():
            return True
        time.sleep(0.02)
    return False


def pids(folder: Path) -> list[int]:
    """Process ids that programs of these tests wrote down."""
    return [int(path.name) for path in folder.glob("[0-9]*")]


#: Starts of programs that write down who they are.
KNOWN = "import os, pathlib, signal, sys, time\nknown = lambda: pathlib.Path(str(os.getpid())).touch()\nknown()\n"


class TestWhatComesBack:
    def test_lines_and_exit_code(self, tmp_path: Path) -> None:
        lines: list[bytes] = []
        program = python("import sys; print('one'); print('two', end=''); print('words', file=sys.stderr); sys.exit(3)")
        ended = confined.run(program, folder=tmp_path, limits=ROOMY, on_line=lines.append)
        assert (lines, ended.code, ended.errors) == ([b"one", b"two"], 3, "words\n")

    @only_linux
    def test_what_it_used(self, tmp_path: Path) -> None:
        program = python("data = bytearray(80 << 20); n = 0\nwhile n < 5_000_000: n += 1")
        ended = confined.run(program, folder=tmp_path, limits=ROOMY)
        assert ended.code == 0
        assert 0.05 < ended.cpu < 20
        assert 80 * MB < ended.peak < 150 * MB

    def test_the_end_of_a_flood_of_errors_is_kept(self, tmp_path: Path) -> None:
        program = python("import sys; sys.stderr.write('x' * 30_000_000 + 'last words')")
        ended = confined.run(program, folder=tmp_path, limits=ROOMY)
        assert ended.code == 0
        assert ended.errors.endswith("xlast words")
        assert len(ended.errors) == confined.TAIL

    def test_a_line_without_end_is_cut(self, tmp_path: Path) -> None:
        lines: list[bytes] = []
        program = python("print('x' * 30_000_000); print('next')")
        confined.run(program, folder=tmp_path, limits=ROOMY, on_line=lines.append)
        assert [len(line) for line in lines] == [confined.LONGEST_LINE, 4]

    def test_it_works_in_its_folder_with_nothing_of_our_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_KEY", "ours")
        lines: list[bytes] = []
        program = python("import os; print(os.getcwd()); print(sorted(os.environ))")
        confined.run(
            program,
            folder=tmp_path,
            limits=ROOMY,
            on_line=lines.append,
            environment={"VIPS_CONCURRENCY": "1"},
        )
        assert lines == [str(tmp_path).encode(), b"['HOME', 'LANG', 'PATH', 'TMPDIR', 'VIPS_CONCURRENCY']"]

    def test_it_has_none_of_our_files_and_no_input(self, tmp_path: Path) -> None:
        with (tmp_path / "ours").open("w") as ours:
            os.set_inheritable(ours.fileno(), True)
            program = python(f"import os, sys; assert not sys.stdin.read(); os.fstat({ours.fileno()})")
            ended = confined.run(program, folder=tmp_path, limits=ROOMY)
        assert "Bad file descriptor" in ended.errors

    def test_a_program_that_is_not_there(self, tmp_path: Path) -> None:
        ended = confined.run(["/nowhere/ffmpeg"], folder=tmp_path, limits=ROOMY)
        assert ended.code == 127
        assert ended.errors == "/nowhere/ffmpeg: No such file or directory\n"

    def test_a_program_that_kills_itself(self, tmp_path: Path) -> None:
        ended = confined.run(python("import os; os.abort()"), folder=tmp_path, limits=ROOMY)
        assert ended.code == -signal.SIGABRT

    def test_it_is_less_important_than_we_are(self, tmp_path: Path) -> None:
        lines: list[bytes] = []
        program = python("import os; print(os.nice(0))")
        confined.run(program, folder=tmp_path, limits=ROOMY, on_line=lines.append)
        assert lines == [str(min(19, os.nice(0) + 10)).encode()]

    def test_no_descriptor_of_ours_stays_open(self, tmp_path: Path) -> None:
        confined.run(python(""), folder=tmp_path, limits=ROOMY)
        before = len(list(Path("/dev/fd").iterdir()))
        for _ in range(5):
            confined.run(python(""), folder=tmp_path, limits=ROOMY)
            with pytest.raises(FileNotFoundError):
                confined.run(python(""), folder=tmp_path / "nowhere", limits=ROOMY)
        assert len(list(Path("/dev/fd").iterdir())) == before


class TestLimits:
    @only_linux
    def test_memory(self, tmp_path: Path) -> None:
        program = python("bytearray(500 << 20)")
        ended = confined.run(program, folder=tmp_path, limits=limits(memory=200 * MB))
        assert ended.code == 1
        assert "MemoryError" in ended.errors
        assert ended.peak < 200 * MB

    def test_time_of_the_processor(self, tmp_path: Path) -> None:
        with pytest.raises(Overrun) as overrun:
            confined.run(python("while True: pass"), folder=tmp_path, limits=limits(cpu=1))
        assert overrun.value.limit is Limit.CPU
        assert overrun.value.ended.cpu == pytest.approx(1, abs=0.5)

    def test_time_of_the_clock_and_a_program_that_will_not_stop(self, tmp_path: Path) -> None:
        program = python(
            KNOWN + "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('words', file=sys.stderr)\ntime.sleep(60)"
        )
        began = time.monotonic()
        with pytest.raises(Overrun) as overrun:
            confined.run(program, folder=tmp_path, limits=limits(wall=1.5))
        assert overrun.value.limit is Limit.WALL
        assert overrun.value.ended.code == -signal.SIGKILL
        assert overrun.value.ended.errors == "words\n"
        assert time.monotonic() - began < 10
        assert all(gone(pid) for pid in pids(tmp_path))

    @only_linux
    def test_a_program_that_works_and_comes_to_nothing(self, tmp_path: Path) -> None:
        program = python("print('progress', flush=True)\nwhile True: print('still here', flush=True)")
        with pytest.raises(Overrun) as overrun:
            confined.run(program, folder=tmp_path, limits=limits(stall=1), on_line=lambda line: line == b"progress")
        assert overrun.value.limit is Limit.STALL

    @only_linux
    def test_a_program_that_comes_to_something_may_go_on(self, tmp_path: Path) -> None:
        program = python("""
            import time
            for _ in range(6):
                end = time.process_time() + 0.3
                while time.process_time() < end: pass
                print('progress', flush=True)
            """)
        ended = confined.run(program, folder=tmp_path, limits=limits(stall=1), on_line=lambda line: True)
        assert ended.code == 0

    def test_waiting_is_no_stall(self, tmp_path: Path) -> None:
        program = python("import time; time.sleep(2.5)")
        assert confined.run(program, folder=tmp_path, limits=limits(stall=0.5)).code == 0

    @only_linux
    def test_size_of_a_file(self, tmp_path: Path) -> None:
        program = ["/bin/dd", "if=/dev/zero", "of=large", "bs=1M", "count=50"]
        with pytest.raises(Overrun) as overrun:
            confined.run(program, folder=tmp_path, limits=limits(file_size=5 * MB))
        assert overrun.value.limit is Limit.FILE_SIZE
        assert (tmp_path / "large").stat().st_size == 5 * MB

    def test_no_core_is_left(self, tmp_path: Path) -> None:
        confined.run(python("import os; os.abort()"), folder=tmp_path, limits=ROOMY)
        assert list(tmp_path.iterdir()) == []


class TestNothingIsLeft:
    @pytest.mark.parametrize("raised", [Cancelled, LeaseLost, KeyError])
    def test_when_a_checkpoint_raises(self, tmp_path: Path, raised: type[Exception]) -> None:
        def checkpoint() -> None:
            if len(pids(tmp_path)) == 2:
                raise raised

        program = python(KNOWN + "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); known()\ntime.sleep(60)")
        with pytest.raises(raised):
            confined.run(program, folder=tmp_path, limits=ROOMY, checkpoint=checkpoint)
        assert len(pids(tmp_path)) == 2
        assert all(gone(pid) for pid in pids(tmp_path))

    def test_when_a_line_is_too_much_for_us(self, tmp_path: Path) -> None:
        program = python(KNOWN + "print('line', flush=True); time.sleep(60)")
        with pytest.raises(ZeroDivisionError):
            confined.run(program, folder=tmp_path, limits=ROOMY, on_line=lambda line: 1 // 0 > 1)
        assert all(gone(pid) for pid in pids(tmp_path))

    def test_a_checkpoint_comes_at_least_each_second_while_the_program_talks(self, tmp_path: Path) -> None:
        times: list[float] = [time.monotonic()]
        program = python(
            "import time\nend = time.monotonic() + 3\nwhile time.monotonic() < end: print('line', flush=True)"
        )
        confined.run(program, folder=tmp_path, limits=ROOMY, checkpoint=lambda: times.append(time.monotonic()))
        assert len(times) >= 3
        assert max(after - before for before, after in pairwise(times)) < 2

    @only_linux
    def test_children_that_hide_from_the_group_and_outlive_the_program(self, tmp_path: Path) -> None:
        program = python(
            KNOWN
            + textwrap.dedent("""
            for _ in range(3):
                if os.fork() == 0:
                    os.setsid()
                    os.fork()
                    known()
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    time.sleep(60)
            while len(list(pathlib.Path().iterdir())) < 7: time.sleep(0.01)
            """)
        )
        ended = confined.run(program, folder=tmp_path, limits=ROOMY)
        assert ended.code == 0
        assert len(pids(tmp_path)) == 7
        assert all(gone(pid) for pid in pids(tmp_path))

    @only_linux
    def test_a_program_that_forks_on_and_on(self, tmp_path: Path) -> None:
        program = python(
            KNOWN
            + "end = time.monotonic() + 1\nwhile time.monotonic() < end and (os.fork() or True): known(); time.sleep(0.2)\ntime.sleep(60)"
        )
        with pytest.raises(Overrun):
            confined.run(program, folder=tmp_path, limits=limits(wall=2.5))
        assert len(pids(tmp_path)) > 8
        assert all(gone(pid) for pid in pids(tmp_path))

    @only_linux
    @pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
    def test_when_the_worker_is_killed(self, tmp_path: Path, by: signal.Signals) -> None:
        program = (
            KNOWN
            + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nif os.fork() == 0: os.setsid(); known()\ntime.sleep(60)"
        )
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(tmp_path), program], env={"PYTHONPATH": str(Path.cwd())}
        )
        try:
            assert soon(lambda: len(pids(tmp_path)) == 2)
            worker.send_signal(by)
            worker.wait()
            assert soon(lambda: all(gone(pid) for pid in pids(tmp_path)))
        finally:
            worker.kill()
            worker.wait()

    @only_linux
    def test_when_the_guard_is_killed(self, tmp_path: Path) -> None:
        def checkpoint() -> None:
            for pid in pids(tmp_path):
                guard = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                if guard != os.getpid():
                    with suppress(ProcessLookupError):
                        os.kill(guard, signal.SIGKILL)

        program = python(KNOWN + "time.sleep(60)")
        ended = confined.run(program, folder=tmp_path, limits=ROOMY, checkpoint=checkpoint)
        assert ended.code == -signal.SIGKILL
        assert soon(lambda: all(gone(pid) for pid in pids(tmp_path)))


#: Runs a program as a worker would, until it is killed.
WORKER = """
import sys
from pathlib import Path
from media_pipeline import confined
confined.run(
    [sys.executable, "-I", "-S", "-c", sys.argv[2]],
    folder=Path(sys.argv[1]),
    limits=confined.Limits(memory=1 << 31, cpu=60, wall=60, stall=60, file_size=1 << 20),
)
"""


@only_linux
def test_there_is_no_network(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-n", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody leave the network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = python(f"import socket; socket.create_connection(('127.0.0.1', {server.getsockname()[1]}))")
        ended = confined.run(program, folder=tmp_path, limits=ROOMY)
    assert "Network is unreachable" in ended.errors


class TestCalls:
    HERE = "tests.unit.media.called_here"

    def call(self, name: str, folder: Path, limits: Limits = ROOMY, **arguments: object) -> object:
        return confined.call(f"{self.HERE}:{name}", folder=folder, limits=limits, **arguments)

    def test_a_function_gives_its_result_whatever_else_is_printed(self, tmp_path: Path) -> None:
        assert self.call("add", tmp_path, first=1, second=2) == {"sum": 3}

    def test_a_function_works_in_the_folder_and_imports_nothing_from_it(self, tmp_path: Path) -> None:
        (tmp_path / "json.py").write_text("raise SystemExit('taken in')")
        assert self.call("write", tmp_path, path="made") == str(tmp_path)
        assert (tmp_path / "made").exists()
        assert str(tmp_path) not in self.call("paths", tmp_path)

    def test_a_refusal_comes_over_as_one(self, tmp_path: Path) -> None:
        with pytest.raises(Refused) as refused:
            self.call("refuse", tmp_path, reason="too_many_pixels")
        assert refused.value.reason is Reason.TOO_MANY_PIXELS

    @only_linux
    def test_too_much_memory(self, tmp_path: Path) -> None:
        with pytest.raises(Overrun) as overrun:
            self.call("take_memory", tmp_path, limits=limits(memory=400 * MB), size=500 * MB)
        assert overrun.value.limit is Limit.MEMORY

    def test_a_crash(self, tmp_path: Path) -> None:
        with pytest.raises(Failed) as failed:
            self.call("crash", tmp_path)
        assert failed.value.ended.code == -signal.SIGABRT

    def test_an_exception_that_nobody_foresaw(self, tmp_path: Path) -> None:
        with pytest.raises(Failed, match="UnicodeDecodeError"):
            self.call("confuse", tmp_path)
