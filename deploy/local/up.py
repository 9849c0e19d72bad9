"""``./run up``: the whole product on this machine, until Ctrl-C."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import psycopg

from config.queues import WorkerPlan, shared_workers
from deploy.local import environment, ffmpeg, ready, services, static
from deploy.local.machine import (
    MARK,
    ROOT,
    VAR,
    Trouble,
    locked,
    make_folder,
    marked,
    need_room,
    next_free_port,
    port_is_free,
    processes,
    say,
    show,
)
from deploy.local.supervisor import Log, Program, Supervised, run_once, stop_all
from deploy.local.within import one_line_errors
from shop.accounts.demo import DEMO_PASSWORD, DEMO_PEOPLE

PORT: Final = 8000
#: MB that must be free for the servers to keep working.
ROOM: Final = 200
#: Seconds after which, and again and again, it is said what is being waited for.
IMPATIENCE: Final = 30.0
_QUIT: Final = ((0.0, signal.SIGTERM), (5.0, signal.SIGQUIT))


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run up", description="Start everything here and keep it running.")
    parser.add_argument("--port", type=int, help=f"of the site on 127.0.0.1 (default: {PORT}, or the next free one)")
    parser.add_argument("--no-seed", action="store_true", help="leave an empty database empty")
    options = parser.parse_args()
    with one_line_errors():
        run(port=options.port, seed=not options.no_seed)


def run(*, port: int | None, seed: bool) -> None:
    """Runs everything until it is told to stop. Raises Trouble, OSError."""
    make_folder(VAR)
    with locked(VAR) as alone:
        if not alone:
            site = environment.read(VAR).get("SITE_URL", "")
            raise Trouble(f"It is running already: {site} (its folder is {VAR}).")
        services.end_processes(processes(marked(VAR)), by=signal.SIGKILL, grace=1.0)
        need_room(VAR, ROOM)
        asyncio.run(Stage(_site_port(port), seed=seed).run())


def _site_port(wanted: int | None) -> int:
    if wanted is None:
        return next_free_port(PORT)
    if not port_is_free(wanted):
        raise Trouble(f"Port {wanted} of 127.0.0.1 is taken. Name another, or none: the next free one is used then.")
    return wanted


# --- what runs -------------------------------------------------------------------------------------------------------


def web(env: Mapping[str, str], port: int) -> Program:
    argv = ["-m", "gunicorn", "config.wsgi", f"--bind=127.0.0.1:{port}", "--workers=2", "--threads=8"]
    argv += ["--graceful-timeout=5", "--no-control-socket", "--log-level=warning"]
    return _python("web", argv, env, stop_by=_QUIT, dies_by=signal.SIGQUIT)


def worker(env: Mapping[str, str], plan: WorkerPlan) -> Program:
    return _celery(f"worker:{plan.name}", plan.command(), env, stop_by=_QUIT, dies_by=signal.SIGKILL)


def dispatcher(env: Mapping[str, str]) -> Program:
    return _python("dispatcher", ["manage.py", "dispatch"], env)


def beat(env: Mapping[str, str]) -> Program:
    return _celery("beat", ["beat", "--loglevel=INFO", "--pidfile="], env)


def flower(env: Mapping[str, str], url: str) -> Program:
    # The user and password come from FLOWER_BASIC_AUTH: a command line can be read by everybody on the machine.
    place = urlsplit(url)
    address = [f"--address={place.hostname}", f"--port={place.port}"]
    return _celery("flower", ["flower", *address, "--read_only", "--logging=error"], env)


def sandbox(env: Mapping[str, str], email_url: str, url: str) -> Program:
    ports = [str(urlsplit(address).port) for address in (email_url, url)]
    return _python("sandbox", ["-m", "sandbox", f"--folder={VAR / 'sandbox'}", "--mail", *ports], env)


def server(one: services.Server) -> Program:
    return Program(
        one.name,
        one.argv,
        services.surroundings(),
        one.folder,
        account=one.account,
        stop_by=((0.0, one.stop_by),),
        killed_at=services.GRACE,
        dies_by=one.stop_by,
        before=one.clear_way,
    )


def _python(name: str, argv: Sequence[str], env: Mapping[str, str], **how: object) -> Program:
    return Program(name, [sys.executable, *argv], env, ROOT, **how)  # type: ignore[arg-type]


def _celery(name: str, argv: Sequence[str], env: Mapping[str, str], **how: object) -> Program:
    # In a container everybody is root; on the machine of one's own the warning says nothing new.
    quiet = ["-W", "ignore:You're running the worker with superuser privileges", "-m", "celery", "--quiet"]
    return _python(name, [*quiet, "-A", "config", *argv], env, **how)


# --- from nothing to READY, and back ---------------------------------------------------------------------------------


class Stage:
    """One ``./run up``."""

    def __init__(self, port: int, *, seed: bool) -> None:
        self.began = time.monotonic()
        values = ffmpeg.settled(environment.read(VAR))
        self.values = environment.completed(values) | {"SITE_URL": f"http://127.0.0.1:{port}"}
        environment.write(VAR, self.values)
        self.env = environment.merged(self.values, VAR) | {
            MARK: str(VAR),
            "FLOWER_BASIC_AUTH": self.values["FLOWER_BASIC_AUTH"],  # the Flower that is ours
            "PYTHONUNBUFFERED": "1",
        }
        self.seed = seed
        self.port = port
        self.servers = services.needed(self.values, VAR)
        self.plans = shared_workers()
        programs = [
            web(self.env, port),
            dispatcher(self.env),
            *(worker(self.env, plan) for plan in self.plans),
            beat(self.env),
            flower(self.env, self.values["FLOWER_URL"]),
        ]
        outside = sandbox(self.env, self.values["EMAIL_URL"], self.values["SANDBOX_URL"])
        names = [*(one.name for one in self.servers), *(one.name for one in programs), outside.name]
        self.log = Log(VAR / "log", [*names, "migrate", "collectstatic", "seed"])
        self.ours = [Supervised(program, self.log) for program in programs]
        self.outside = Supervised(outside, self.log)
        self.below = [Supervised(server(one), self.log) for one in self.servers]

    async def run(self) -> None:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def on_signal() -> None:
            (hurry if stop.is_set() else stop).set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                asyncio.get_running_loop().add_signal_handler(number, on_signal)
        start = asyncio.create_task(self.start())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((start, stopped), return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
            await stopped
        finally:
            stop.set()
            start.cancel()
            await asyncio.wait((start,))
            began = time.monotonic()
            say("stopping (Ctrl-C again: at once)")
            await stop_all([self.ours, [self.outside], self.below[::-1]], hurry)
            say(f"stopped in {time.monotonic() - began:.1f} s")
            self.log.close()

    async def start(self) -> None:
        for supervised in (*self.below, self.outside):
            supervised.start()
        await asyncio.gather(self._collect_static(), self._prepare_database())
        for supervised in self.ours:
            supervised.start()
        await self._until_ready()
        self._announce()

    async def _prepare_database(self) -> None:
        deadline = time.monotonic() + services.PATIENCE
        while waiting := [one.name for one in self.servers if not one.answers()]:
            if time.monotonic() > deadline:
                raise Trouble(f"{', '.join(waiting)} does not answer; what it says is above and in {self.log.path}.")
            await asyncio.sleep(0.1)
        await self._manage("migrate", "--no-input", "--verbosity=0")
        if self.seed and self._is_empty():
            await self._manage("seed")

    async def _collect_static(self) -> None:
        if not static.are_gathered(VAR):
            await run_once(_python("collectstatic", static.COLLECT, self.env), self.log)
            static.gathered(VAR)

    async def _manage(self, command: str, *arguments: str) -> None:
        await run_once(_python(command, ["manage.py", command, *arguments], self.env), self.log)

    def _is_empty(self) -> bool:
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            row = connection.execute("SELECT NOT EXISTS (SELECT FROM orders_order)").fetchone()
            return bool(row and row[0])

    async def _until_ready(self) -> None:
        database = self.env["DATABASE_URL"]
        checks: dict[str, ready.Check] = {
            "web": ready.http(f"http://127.0.0.1:{self.port}/healthz/ready"),
            "dispatcher": ready.sign_of_life(database, "dispatcher"),
            "beat": ready.sign_of_life(database, "beat"),
            "flower": ready.http(f"{self.values['FLOWER_URL']}/healthcheck"),
            "sandbox": ready.http(self.values["SANDBOX_URL"]),
            **{f"worker:{plan.name}": ready.sign_of_life(database, "worker", plan.name) for plan in self.plans},
        }
        by_program = {supervised: checks[supervised.name] for supervised in (*self.ours, self.outside)}
        patience = time.monotonic() + IMPATIENCE
        while waiting := await ready.not_ready(by_program):
            if time.monotonic() > patience:
                say(f"still waiting for {', '.join(waiting)}; what they say is above and in {self.log.path}")
                patience += IMPATIENCE
            await asyncio.sleep(0.2)

    def _announce(self) -> None:
        site, flower_user = self.values["SITE_URL"], self.values["FLOWER_BASIC_AUTH"].partition(":")
        show(
            f"""
READY after {time.monotonic() - self.began:.1f} s

  Site      {site}
  Sign in   {", ".join(DEMO_PEOPLE)} (one of each role), password {DEMO_PASSWORD}
  Admin     {site}/admin/ as operator
  Flower    {self.values["FLOWER_URL"]} as {flower_user[0]}, password {flower_user[2]}
  Mail      {self.values["SANDBOX_URL"]} (every mail the site sends ends there)
  Videos    {ffmpeg.described(self.env)}
  Log       {self.log.path}

  Try       Sign in as owner, open {site}/reports/ and ask for the full-year revenue in Excel.
            Or let ./run tour do it, in another terminal.
  Stop      Ctrl-C
"""
        )


if __name__ == "__main__":
    main()
