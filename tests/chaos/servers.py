"""PostgreSQL and a broker of our own, made to be killed and started again. The machine's own servers are not touched."""

import secrets
import shutil
import signal
import socket
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from deploy.local import services
from deploy.local.machine import Trouble, free_port, make_folder
from tests.harness.processes import Process, wait_for

#: Seconds that a server may take to answer.
PATIENCE: Final = 60.0
BROKERS: Final = ("redis", "rabbitmq")
#: The server's own script; Debian's on PATH would change the user.
_RABBITMQ: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class Killable(Protocol):
    """A server with its data: killed as a crash would, and started again on them."""

    url: str

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def answers(self) -> bool: ...


@dataclass(slots=True)
class OfWheel:
    """PostgreSQL or Valkey out of its wheel. ``kill_by``: SIGKILL, or PostgreSQL's immediate shutdown."""

    server: services.Server
    log: Path
    kill_by: signal.Signals
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return self.server.url

    def start(self) -> None:
        self._process = self.server.start(self.log)

    def kill(self) -> None:
        self._end(self.kill_by)

    def stop(self) -> None:
        """Ends it in good order, as an operator does who restarts it."""
        self._end(self.server.stop_by)

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait()

    def answers(self) -> bool:
        return self.server.answers()


class RabbitMQ:
    """A node of its own, with its own data, cookie, ports and port mapper (epmd)."""

    def __init__(self, home: Path, *, port: int, distribution_port: int, epmd_port: int) -> None:
        self.url = f"amqp://guest:guest@127.0.0.1:{port}//"
        self._port = port
        home.mkdir()
        (home / "env.conf").touch()
        (home / "enabled_plugins").write_text("[].\n")
        (home / "rabbitmq.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{port}\nlog.console.level = warning\n")
        env = services.surroundings() | {
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"chaos{port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_DIST_PORT": str(distribution_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # The script then becomes the server instead of staying its parent, so it is the server that dies with us.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        self._epmd = Process("epmd", ["epmd"], env, home / "epmd.log")
        self._server = Process("rabbitmq", [_RABBITMQ], env, home.with_suffix(".log"))

    def start(self) -> None:
        if not self._epmd.runs:
            self._epmd.start()
        self._server.start()

    def kill(self) -> None:
        self._server.kill()

    def answers(self) -> bool:
        try:
            with closing(socket.create_connection(("127.0.0.1", self._port), timeout=2)) as wire:
                wire.settimeout(2)
                wire.sendall(b"AMQP\x00\x00\x09\x01")
                return wire.recv(1) == b"\x01"  # its first method frame
        except OSError:
            return False

    def close(self) -> None:
        self._server.kill()
        self._epmd.kill()


def has_rabbitmq() -> bool:
    return _RABBITMQ.exists()


class Servers:
    """One database and one broker, with their data and logs in ``folder``."""

    def __init__(self, folder: Path, broker: str) -> None:
        """``broker``: one of BROKERS. Nothing runs yet. Raises Trouble."""
        make_folder(folder)
        self._home, account = services.server_home(folder)
        taken: set[int] = set()

        def port() -> int:
            taken.add(number := free_port(avoid=taken))
            return number

        url = f"postgresql://backroom:{secrets.token_hex(8)}@127.0.0.1:{port()}/backroom"
        database = services.postgres(url, self._home, account)
        self.database = OfWheel(database, folder / "postgres.log", signal.SIGQUIT)
        self.broker: Killable
        if broker == "redis":
            url = f"redis://:{secrets.token_hex(8)}@127.0.0.1:{port()}/0"
            valkey = services.valkey(url, self._home, account)
            self.broker = OfWheel(valkey, folder / "valkey.log", signal.SIGKILL)
        elif has_rabbitmq():
            self.broker = RabbitMQ(folder / "rabbitmq", port=port(), distribution_port=port(), epmd_port=port())
        else:
            raise Trouble("No rabbitmq-server on this machine (Debian: apt-get install rabbitmq-server).")

    def start(self) -> None:
        """Starts both and waits until they answer. Raises Trouble."""
        for server in (self.database, self.broker):
            server.start()
        for server in (self.database, self.broker):
            wait_until_ready(server)

    def close(self) -> None:
        """Ends both and throws their data away; their logs stay."""
        self.database.kill()
        self.broker.kill()
        if isinstance(self.broker, RabbitMQ):
            self.broker.close()
        shutil.rmtree(self._home, ignore_errors=True)


def wait_until_ready(server: Killable) -> None:
    """Raises Trouble where it does not answer in time."""
    if not wait_for(server.answers, seconds=PATIENCE):
        raise Trouble(f"{urlsplit(server.url).scheme} has not answered for {PATIENCE:.0f} s.")
