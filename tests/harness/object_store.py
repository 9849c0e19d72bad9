"""A real S3 server for tests: SeaweedFS from its wheel, on free ports of this machine, gone with the test run."""

import json
import shutil
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from config.settings import _storage
from deploy.local.machine import free_port
from tests.harness.processes import Process, wait_for

ACCESS_KEY: Final = "test-access"
SECRET_KEY: Final = "test-secret-of-this-run-alone"
REGION: Final = "us-east-1"
BUCKET: Final = "backroom"


def weed() -> str | None:
    """The program, where its wheel is installed."""
    beside = Path(sysconfig.get_path("scripts")) / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


class ObjectStore:
    """A server: its endpoint's ``url``, a client for it, and its process, which may be killed and started again."""

    def __init__(self, url: str, server: Process) -> None:
        self.url, self.server = url, server
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def answers(self) -> bool:
        """True once it can be written to."""
        try:
            with suppress(self.client.exceptions.BucketAlreadyOwnedByYou):
                self.client.create_bucket(Bucket="is-it-up")
            self.client.put_object(Bucket="is-it-up", Key="x", Body=b"x")
        except Exception:  # noqa: BLE001 (whatever it says while it starts)
            return False
        return True


@contextmanager
def running(folder: Path) -> Iterator[ObjectStore]:
    """A server with its data in ``folder``, for the length of the block."""
    program = weed()
    assert program is not None
    taken: set[int] = set()

    def port() -> int:
        taken.add(number := free_port(avoid=taken))
        return number

    # Each part's second port would else be its first and 10,000, which somebody's outgoing connection may hold.
    ports = {part: (port(), port()) for part in ("master", "volume", "filer", "s3")}
    keys = folder / "keys.json"
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    keys.write_text(json.dumps({"identities": [identity]}))
    data = folder / "data"
    data.mkdir()
    server = Process(
        "weed",
        [
            program, "server", "-master.telemetry=false", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}",
            "-volume.max=100", "-master.volumeSizeLimitMB=64", "-filer", "-s3", f"-s3.config={keys}", "-s3.port.iceberg=0", "-s3.port.lance=0",
            *(f"-{part}.port={first}" for part, (first, _) in ports.items()),
            *(f"-{part}.port.grpc={second}" for part, (_, second) in ports.items()),
        ],
        {"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        folder / "weed.log",
        cwd=folder,
    )  # fmt: skip
    server.start()
    try:
        store = ObjectStore(f"http://127.0.0.1:{ports['s3'][0]}", server)
        assert wait_for(store.answers, seconds=60, every=0.5), (folder / "weed.log").read_text()[-2000:]
        yield store
    finally:
        server.kill()


def fetch(url: str) -> tuple[int, dict[str, str], bytes]:
    """What a browser would get: status, headers (lower case) and body."""
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {}, error.read()


def ours(url: str, **changes: Any) -> dict[str, Any]:
    """The project's own settings for a store at ``url``."""
    storage = _storage(f"s3://{BUCKET}?endpoint={url}&region={REGION}")
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    return storage | {"OPTIONS": storage["OPTIONS"] | keys | changes}
