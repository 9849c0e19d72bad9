"""PostgreSQL, Valkey and RabbitMQ of the benchmark's own: what they cost is counted, and they can be killed."""

import secrets
import shutil
import signal
import socket
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from benchmarks.kernel.machine import Process, wait_for
from benchmarks.kernel.machine import start as start_process
from deploy.local import services
from deploy.local.machine import Trouble, free_port

#: Seconds that a server may take to answer.
PATIENCE = 60.0


@dataclass(slots=True)
class Broker:
    """One broker: how to reach it, and the process to count, freeze or kill."""

    kind: str
    url: str
    process: Process

    def freeze(self) -> None:
        self.process.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self.process.kill()

    def restart(self) -> None:
        self.process.restart()

    def wait_ready(self) -> None:
        """Until it takes connections. Raises Trouble."""
        place = urlsplit(self.url)

        def answers() -> bool:
            try:
                with closing(socket.create_connection((place.hostname, place.port or 0), timeout=2)) as wire:
                    if self.kind == "valkey":
                        wire.sendall(b"PING\r\n")
                        return not wire.recv(64).startswith(b"-LOADING")
                    wire.sendall(b"AMQP\x00\x00\x09\x01")
                    return bool(wire.recv(8))
            except OSError:
                return False

        if not wait_for(answers, seconds=PATIENCE, every=0.1):
            raise Trouble(f"{self.kind} has not answered for {PATIENCE:.0f} s: {self.process.log}")


class Servers:
    """Everything that the contestants share, in ``folder``; ``close()`` stops it and removes its data."""

    def __init__(self, folder: Path, *, rabbitmq: bool) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.home, self.account = services.server_home(folder)
        taken: set[int] = set()

        def port() -> int:
            taken.add(number := free_port(avoid=taken))
            return number

        self._epmd_port = port()
        self.postgres_url = f"postgresql://backroom:{secrets.token_hex(8)}@127.0.0.1:{port()}/backroom"
        database = services.postgres(self.postgres_url, self.home, self.account)
        self.postgres = database.start(folder / "postgres.log")
        if not wait_for(database.answers, seconds=PATIENCE):
            raise Trouble(f"PostgreSQL does not start: {folder / 'postgres.log'}")
        self.brokers = {"valkey": self._valkey(port())}
        if rabbitmq:
            self.brokers["rabbitmq"] = self._rabbitmq(port(), port())
        for broker in self.brokers.values():
            broker.wait_ready()

    def close(self) -> None:
        for broker in self.brokers.values():
            broker.kill()
        if "rabbitmq" in self.brokers:
            subprocess.run(["epmd", "-port", str(self._epmd_port), "-kill"], capture_output=True, check=False)
        self.postgres.send_signal(signal.SIGINT)
        self.postgres.wait(30)
        shutil.rmtree(self.home, ignore_errors=True)

    def database(self, name: str) -> str:
        """A database of its own, empty: its URL."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        return urlsplit(self.postgres_url)._replace(path=f"/{name}").geturl()

    def _valkey(self, port: int) -> Broker:
        server = services.valkey(f"redis://:{secrets.token_hex(8)}@127.0.0.1:{port}/0", self.home, self.account)
        settings = Path(server.argv[1])
        # No password: a look at its port is then enough to see that it is ready.
        settings.write_text(
            "\n".join(line for line in settings.read_text().splitlines() if not line.startswith("requirepass")) + "\n"
        )
        command = list(server.argv)
        if self.account is not None:
            command = [
                "setpriv",
                f"--reuid={self.account.uid}",
                f"--regid={self.account.gid}",
                "--clear-groups",
                *command,
            ]
        process = start_process(command, services.surroundings(), self.folder / "valkey.log")
        return Broker("valkey", f"redis://127.0.0.1:{port}/0", process)

    def _rabbitmq(self, port: int, distribution_port: int) -> Broker:
        program = rabbitmq_program()
        if program is None:
            raise Trouble("No rabbitmq-server on this machine (Debian: apt-get install rabbitmq-server).")
        home = self.folder / "rabbitmq"
        home.mkdir(exist_ok=True)
        (home / "env.conf").touch()
        (home / "enabled_plugins").write_text("[].\n")
        (home / "rabbitmq.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{port}\nlog.console.level = warning\n")
        # Through the environment only: the system's own node and its settings are left alone.
        env = services.surroundings() | {
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"bench{port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        process = start_process([program], env, self.folder / "rabbitmq.log")
        return Broker("rabbitmq", f"amqp://guest:guest@127.0.0.1:{port}//", process)


def rabbitmq_program() -> str | None:
    """The server's own start script; Debian's wrapper on PATH would change the user."""
    debian = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    return str(debian) if debian.exists() else shutil.which("rabbitmq-server")
