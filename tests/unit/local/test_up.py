import asyncio
import signal
from pathlib import Path

import pytest

from config.queues import QUEUES, shared_workers
from deploy.local import ready, services, static, up
from deploy.local.machine import Trouble

ENV = {"SECRET_KEY": "x"}


def test_the_workers_serve_every_queue_once() -> None:
    served = [
        name
        for plan in shared_workers()
        for argument in up.worker(ENV, plan).argv
        if argument.startswith("--queues=")
        for name in argument.removeprefix("--queues=").split(",")
    ]

    assert sorted(served) == sorted(queue.name for queue in QUEUES)


def test_a_worker_is_stopped_warm_first_and_cold_after_five_seconds() -> None:
    program = up.worker(ENV, shared_workers()[0])

    assert program.stop_by == ((0.0, signal.SIGTERM), (5.0, signal.SIGQUIT))
    assert program.killed_at == 8.0


def test_flower_can_only_be_read_and_its_password_is_not_on_its_command_line() -> None:
    program = up.flower({"FLOWER_BASIC_AUTH": "operator:secret"}, "http://127.0.0.1:20001")

    assert {"--read_only", "--address=127.0.0.1", "--port=20001"} <= set(program.argv)
    assert not any("secret" in argument for argument in program.argv)


def test_nothing_listens_beyond_this_machine() -> None:
    assert "--bind=127.0.0.1:8000" in up.web(ENV, 8000).argv


def test_a_port_that_was_asked_for_and_is_taken_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "port_is_free", lambda port: False)

    with pytest.raises(Trouble, match=r"Port 8000 of .* is taken"):
        up._site_port(8000)


def test_servers_that_the_environment_names_are_not_started(tmp_path: Path) -> None:
    named = {"DATABASE_URL": "postgresql://db/x", "CELERY_BROKER_URL": "amqp://mq"}

    assert services.needed({}, tmp_path, named) == []
    assert list(tmp_path.iterdir()) == []


def test_static_files_are_gathered_again_when_one_changes(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").touch()
    style = tmp_path / "web" / "static" / "web" / "app.css"
    style.parent.mkdir(parents=True)
    style.write_text("a")
    before = static.fingerprint(tmp_path)

    assert static.fingerprint(tmp_path) == before
    style.write_text("ab")
    assert static.fingerprint(tmp_path) != before


async def _status(answer: bytes) -> int | None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        return await ready.status_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/healthz/ready")


@pytest.mark.parametrize(
    ("answer", "status"), [(b"HTTP/1.1 200 OK\r\n\r\n", 200), (b"HTTP/1.1 503 No\r\n\r\n", 503), (b"", None)]
)
def test_ready_asks_for_the_status(answer: bytes, status: int | None) -> None:
    assert asyncio.run(_status(answer)) == status


def test_a_port_that_nobody_listens_on_is_not_ready() -> None:
    async def scenario() -> int | None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return await ready.status_of(f"http://127.0.0.1:{port}/")

    assert asyncio.run(scenario()) is None


def test_a_server_that_says_nothing_is_not_waited_for_long() -> None:
    async def scenario() -> int | None:
        server = await asyncio.start_server(lambda *_: asyncio.sleep(60), "127.0.0.1", 0)
        async with server:
            return await ready.status_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", patience=0.2)

    assert asyncio.run(scenario()) is None
