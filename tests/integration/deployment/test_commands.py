"""The command lines of docker-compose.yml and of the image, started as processes with the settings of its template.

There is a database and a broker in the place of the containers, and no container: what is left out is the image itself.
Each service is asked whether it is well by its own health check, before it runs (no) and while it does (yes).
"""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

import psycopg
import pytest
import yaml

from config import env as settings

pytestmark = pytest.mark.broker

ROOT = Path(__file__).resolve().parents[3]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
#: Seconds within which a service must be well, and must have stopped.
PATIENCE = 60
PUBLIC_NAME = "backroom.example.com"

Environment = dict[str, str]


def with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=path))


def template(**replaced: str) -> Environment:
    """deploy/env.example as docker-compose reads it, with secrets filled in."""
    lines = re.findall(r"^([A-Z][A-Z0-9_]+)=(.*)$", (ROOT / "deploy" / "env.example").read_text(), re.MULTILINE)
    values: Environment = {}
    for name, value in lines:
        known = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], value)
        values[name] = known or secrets.token_hex(32)
    assert values["ALLOWED_HOSTS"].startswith(PUBLIC_NAME)
    return values | replaced


def image_command(instruction: str) -> list[str]:
    """The image's CMD, or that of its HEALTHCHECK."""
    pattern = r"^CMD (\[.*\])" if instruction == "CMD" else r"^HEALTHCHECK[^[]*CMD (\[.*\])"
    match = re.search(pattern, DOCKERFILE, re.MULTILINE)
    assert match
    return list(json.loads(match[1]))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """The environment of a container, with an empty database of its own."""
    name = f"deployment_{secrets.token_hex(4)}"
    maintenance = with_path(settings.DATABASE_URL, "/postgres")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    broker = settings.CELERY_BROKER_URL
    folder = tmp_path_factory.mktemp("deployed")
    try:
        yield template(
            DATABASE_URL=with_path(settings.DATABASE_URL, f"/{name}"),
            CELERY_BROKER_URL=with_path(broker, "/15") if broker.startswith("redis") else broker,
            STORAGE_URL=f"file://{folder}/files",
            BACKROOM_VAR=str(folder),
            PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            HOME=str(folder),
            LOG_LEVEL="WARNING",
        )
    finally:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run(command: list[str], env: Environment) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE * 2)


def is_well(check: list[str], env: Environment) -> bool:
    assert check[:2] == ["python", "deploy/healthcheck.py"]
    return run(check, env).returncode == 0


@pytest.fixture(scope="module")
def migrated(deployed: Environment) -> Environment:
    """The ``migrate`` service has done its work; Kubernetes' init containers have seen it undone and done."""
    waiting = ["python", "manage.py", "migrate", "--check"]
    assert run(waiting, deployed).returncode == 1

    done = run(SERVICES["migrate"]["command"], deployed)

    assert done.returncode == 0, done.stderr
    assert run(waiting, deployed).returncode == 0
    return deployed


@contextmanager
def service(command: list[str], check: list[str], env: Environment, log: Path) -> Iterator[None]:
    """Runs a service: not well before, well within ``PATIENCE``, ended in good order when told so."""
    assert not is_well(check, env)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        wait_until(lambda: is_well(check, env), process, log)
        yield
        process.terminate()
        status = process.wait(timeout=PATIENCE)
        assert status in {0, -signal.SIGTERM}, log.read_text()
        assert not is_well(check, env)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()


def compose_service(name: str) -> tuple[list[str], list[str]]:
    """Its command and its health check."""
    return SERVICES[name]["command"], SERVICES[name]["healthcheck"]["test"][1:]


def scraped(port: str, env: Environment) -> str:
    """/metrics as Prometheus asks for it: by the service's name, over plain http, with the token."""
    headers = {"Host": "web:8000", "Authorization": f"Bearer {env['METRICS_TOKEN']}"}
    with urlopen(Request(f"http://127.0.0.1:{port}/metrics", headers=headers), timeout=PATIENCE) as answer:
        return answer.read().decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_static_files_are_collected_as_in_the_image(deployed: Environment, tmp_path: Path) -> None:
    (line,) = re.findall(r"SECRET_KEY=build \S*python (manage\.py collectstatic --noinput)", DOCKERFILE)
    bare = {"SECRET_KEY": "build", "PATH": deployed["PATH"], "BACKROOM_VAR": str(tmp_path)}

    done = run(["python", *line.split()], bare)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static" / "staticfiles.json").is_file()


def test_web_answers(migrated: Environment, tmp_path: Path) -> None:
    port = str(free_port())
    command = [word.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for word in image_command("CMD")]
    check = [word.replace(":8000/", f":{port}/") for word in image_command("HEALTHCHECK")]
    assert command != image_command("CMD")

    with service(command, check, migrated, tmp_path / "web"):
        assert is_well([word.replace("/ready", "/live") for word in check], migrated)
        assert "backroom_queue_workers" in scraped(port, migrated)


def test_flower_answers_and_asks_for_its_password(migrated: Environment, tmp_path: Path) -> None:
    port = str(free_port())
    command, check = compose_service("flower")
    command = [word.replace("--port=5555", f"--port={port}") for word in command]
    check = [word.replace(":5555/", f":{port}/") for word in check]
    password = SERVICES["flower"]["environment"]["FLOWER_BASIC_AUTH"]
    env = migrated | {"FLOWER_BASIC_AUTH": re.sub(r"\$\{.*\}", "a-password", password)}

    with service([*command, "--address=127.0.0.1"], check, env, tmp_path / "flower"):
        assert not is_well([*check[:-1], f"http://127.0.0.1:{port}/workers"], env)


def test_a_job_goes_through_dispatcher_worker_and_beat(migrated: Environment, tmp_path: Path) -> None:
    """``manage.py dispatch``, a worker and beat run as the file says; a job that is submitted gets done."""
    submit = "import django; django.setup(); from jobs import services, tasks; print(services.submit(tasks.purge).pk)"
    assert SERVICES["dispatcher"]["command"][-1] == "dispatch"
    with ExitStack() as running:
        for name in ("worker-control", "dispatcher", "beat"):
            running.enter_context(service(*compose_service(name), migrated, tmp_path / name))

        submitted = run(["python", "-c", submit], migrated | {"DJANGO_SETTINGS_MODULE": "config.settings"})
        assert submitted.returncode == 0, submitted.stderr

        with psycopg.connect(migrated["DATABASE_URL"], autocommit=True) as connection:
            deadline = time.monotonic() + PATIENCE
            state = "waiting"
            while state != "succeeded" and time.monotonic() < deadline:
                (state,) = connection.execute(
                    "SELECT state FROM jobs_job WHERE id = %s", (submitted.stdout.strip(),)
                ).fetchone()
        assert state == "succeeded", [(tmp_path / name).read_text() for name in ("worker-control", "dispatcher")]
