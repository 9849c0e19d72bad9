import asyncio
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import supervisor
from deploy.local.machine import Trouble
from deploy.local.supervisor import Log, Program, Supervised, run_once, stop_all

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log", ["one"], colour=False)


def program(tmp_path: Path, script: str, **how: object) -> Program:
    return Program("one", [sys.executable, "-c", script], {}, tmp_path, **how)  # type: ignore[arg-type]


async def until(true: Callable[[], bool], patience: float = 10) -> None:
    async with asyncio.timeout(patience):
        while not true():  # noqa: ASYNC110 (other processes have no event of ours)
            await asyncio.sleep(0.01)


def said(log: Log) -> str:
    return log.path.read_text() if log.path.exists() else ""


def test_pauses_between_restarts_grow_to_half_a_minute() -> None:
    assert [supervisor.pause_after(deaths) for deaths in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]


def test_what_dies_is_started_again_and_said(tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF", (0.01,))
    script = "open('starts', 'a').write('x'); print('hello'); raise SystemExit(3)"

    async def scenario() -> None:
        one = Supervised(program(tmp_path, script), log)
        one.start()
        await until(lambda: (tmp_path / "starts").exists() and len((tmp_path / "starts").read_text()) >= 3)
        await one.stop(asyncio.Event())

    asyncio.run(scenario())
    assert said(log).count("one | ** ended with code 3; starting it again") >= 2
    assert "one | hello" in said(log)


def test_a_program_that_ignores_every_word_is_killed_in_time(tmp_path: Path, log: Log) -> None:
    async def scenario() -> float:
        one = Supervised(program(tmp_path, STUBBORN, killed_at=0.5), log)
        one.start()
        await until(lambda: "one | up" in said(log))
        began = time.monotonic()
        await one.stop(asyncio.Event())
        return time.monotonic() - began

    assert 0.4 < asyncio.run(scenario()) < 5


def test_a_second_ctrl_c_does_not_wait(tmp_path: Path, log: Log) -> None:
    async def scenario() -> float:
        one, hurry = Supervised(program(tmp_path, STUBBORN, killed_at=60), log), asyncio.Event()
        one.start()
        await until(lambda: "one | up" in said(log))
        asyncio.get_running_loop().call_later(0.2, hurry.set)
        began = time.monotonic()
        await one.stop(hurry)
        return time.monotonic() - began

    assert asyncio.run(scenario()) < 5


def test_signals_are_sent_in_their_order(tmp_path: Path, log: Log) -> None:
    script = (
        "import os, signal, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'warm\\n'))\n"
        "signal.signal(signal.SIGQUIT, lambda *_: (os.write(1, b'cold\\n'), os._exit(0)))\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    stop_by = ((0.0, signal.SIGTERM), (0.3, signal.SIGQUIT))

    async def scenario() -> None:
        one = Supervised(program(tmp_path, script, stop_by=stop_by), log)
        one.start()
        await until(lambda: "one | up" in said(log))
        await one.stop(asyncio.Event())

    asyncio.run(scenario())
    assert said(log).index("warm") < said(log).index("cold")


def test_the_children_of_a_dead_program_do_not_go_on(tmp_path: Path, log: Log) -> None:
    script = (
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print('child', child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )

    async def scenario() -> int:
        one = Supervised(program(tmp_path, script), log)
        one.start()
        await until(lambda: "child" in said(log))
        child = int(said(log).split("child ")[1].split()[0])
        assert one._process is not None
        one._process.kill()
        await until(lambda: "was killed by SIGKILL" in said(log))
        await one.stop(asyncio.Event())
        return child

    state = Path(f"/proc/{asyncio.run(scenario())}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_program_that_cannot_be_started_is_said(tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "BACKOFF", (0.01,))

    async def scenario() -> None:
        one = Supervised(Program("one", [str(tmp_path / "missing")], {}, tmp_path), log)
        one.start()
        await until(lambda: "cannot start: [Errno 2]" in said(log))
        await one.stop(asyncio.Event())

    asyncio.run(scenario())


def test_stages_stop_one_after_the_other(tmp_path: Path, log: Log) -> None:
    script = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(0.2); open('order', 'a').write(sys.argv[1]); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('up', flush=True)\n"
        "while True: time.sleep(1)\n"
    )

    async def scenario() -> None:
        upper, lower = (
            Supervised(Program(name, [sys.executable, "-c", script, name], {}, tmp_path), log) for name in "ul"
        )
        for one in (upper, lower):
            one.start()
        await until(lambda: said(log).count("| up") == 2)
        await stop_all([[upper], [lower]], asyncio.Event())

    asyncio.run(scenario())
    assert (tmp_path / "order").read_text() == "ul"


def test_a_step_that_fails_stops_the_start(tmp_path: Path, log: Log) -> None:
    async def scenario() -> None:
        await run_once(program(tmp_path, "print('all good')"), log)
        with pytest.raises(Trouble, match="one ended with code 4"):
            await run_once(program(tmp_path, "print('no'); raise SystemExit(4)"), log)

    asyncio.run(scenario())
    assert "one | all good" in said(log)


def test_lines_are_coloured_on_a_terminal_and_plain_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coloured = Log(tmp_path, ["web", "dispatcher"], colour=True)
    coloured.line("web", "hello")

    assert capsys.readouterr().out == "\x1b[36mweb       \x1b[0m │ hello\n"
    assert said(coloured).endswith("web        | hello\n")
    assert "\x1b" not in said(coloured)


def test_a_full_disk_is_said_once(
    log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log.line("one", "fits")
    assert log._file.stream is not None
    monkeypatch.setattr(log._file, "stream", Path("/dev/full").open("w"))  # noqa: SIM115 (the log closes it)

    for words in ("lost", "lost too"):
        log.line("one", words)

    out = capsys.readouterr().out
    assert out.count("cannot be written: [Errno 28] No space left on device") == 1
    assert "lost too" in out


def test_a_line_without_an_end_is_written_in_pieces(log: Log, tmp_path: Path) -> None:
    asyncio.run(run_once(program(tmp_path, "print('x' * 100_000, end='')"), log))

    assert said(log).count("x") == 100_000
