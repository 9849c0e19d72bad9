"""Every setting that the environment can change, read here and nowhere else.

A value comes from the process environment; failing that from ``var/local.env``, which ``./run`` writes when it starts
PostgreSQL and Valkey of its own (so that ``manage.py`` finds them too); failing that from the default below. The table
in docs/settings.md is made from ``VARIABLES`` by ``python -m config.env``.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VAR: Final = Path(os.environ.get("BACKROOM_VAR", ROOT / "var"))


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    kind: str
    default: str
    help: str


VARIABLES: list[Variable] = [
    Variable("BACKROOM_VAR", "path", "var/", "Folder for what the program keeps on this machine.")
]


class InvalidSetting(ValueError):
    """An environment variable holds what its kind does not allow. The message names the variable."""


def _local_file() -> dict[str, str]:
    try:
        lines = (VAR / "local.env").read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


_LOCAL: Final = _local_file()


def _read(name: str, kind: str, default: str, help: str) -> str:
    VARIABLES.append(Variable(name, kind, default, help))
    return os.environ.get(name, _LOCAL.get(name, default))


def text(name: str, default: str, help: str) -> str:
    return _read(name, "text", default, help)


def flag(name: str, default: bool, help: str) -> bool:
    value = _read(name, "yes/no", "yes" if default else "no", help).lower()
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off", ""}:
        return False
    raise InvalidSetting(f"{name}={value!r}: write yes or no.")


def integer(name: str, default: int, help: str) -> int:
    value = _read(name, "number", str(default), help)
    try:
        return int(value)
    except ValueError:
        raise InvalidSetting(f"{name}={value!r}: write a whole number.") from None


def words(name: str, default: str, help: str) -> list[str]:
    return [word.strip() for word in _read(name, "list, by commas", default, help).split(",") if word.strip()]


SECRET_KEY = text("SECRET_KEY", "", "Signs sessions and links. Required; `./run` makes one for the local machine.")
DEBUG = flag("DEBUG", False, "Django's debug pages. Never in production.")
ALLOWED_HOSTS = words("ALLOWED_HOSTS", "127.0.0.1,localhost", "Host names the site answers to.")
SITE_URL = text("SITE_URL", "http://127.0.0.1:8000", "Address of the site as people see it; no slash at the end.")
DATABASE_URL = text(
    "DATABASE_URL", "postgresql://127.0.0.1:5432/backroom", "PostgreSQL 15 or newer. The rows there are the truth."
)
CELERY_BROKER_URL = text(
    "CELERY_BROKER_URL", "redis://127.0.0.1:6379/0", "redis:// (Redis or Valkey) or amqp:// (RabbitMQ 3.10 or newer)."
)
STORAGE_URL = text(
    "STORAGE_URL",
    f"file://{VAR / 'files'}",
    "Where files are kept: file:///folder, or s3://bucket?endpoint=https://…&region=… with AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY; &links=no where people's browsers cannot reach it, so that web hands files out itself.",
)
REPORT_COMPRESSION = text(
    "REPORT_COMPRESSION", "isal", "How report files are compressed: isal (fast), or zlib (a fifth smaller, slower)."
)
UPLOAD_FOLDER = text(
    "UPLOAD_FOLDER",
    f"{VAR / 'uploads'}",
    "Where uploads arrive: a folder that every web process and every worker of the queue media sees.",
)
UPLOAD_MOST_BYTES = integer("UPLOAD_MOST_BYTES", 4 * 1024**3, "Size of the largest file that is taken, in bytes.")
UPLOAD_QUOTA_BYTES = integer(
    "UPLOAD_QUOTA_BYTES", 20 * 1024**3, "What one person may have here in all, in bytes, uploads under way included."
)
UPLOADS_AT_ONCE = integer(
    "UPLOADS_AT_ONCE",
    6,
    "Uploads that one web process takes in at the same time; each keeps a thread, and pages need the rest of them.",
)
MEDIA_WORK_FOLDER = text(
    "MEDIA_WORK_FOLDER",
    f"{VAR / 'work'}",
    "Where workers of the queue media work: a folder of this machine, with room.",
)
FFMPEG = text("FFMPEG", "ffmpeg", "The program ffmpeg: a name that is looked up in PATH, or a path.")
FFPROBE = text("FFPROBE", "ffprobe", "The program ffprobe, of the same version.")
EMAIL_URL = text("EMAIL_URL", "smtp://127.0.0.1:1025", "Mail server: smtp:// or smtps://, user:password@ if it asks.")
EMAIL_FROM = text("EMAIL_FROM", "Backroom <backroom@localhost>", "Sender of the site's own mail.")
FLOWER_URL = text("FLOWER_URL", "http://127.0.0.1:5555", "Address of Flower as operators' browsers reach it.")
LOG_FORMAT = text("LOG_FORMAT", "text", "text, or json (one object per line).")
LOG_LEVEL = text("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR.")
TRUST_PROXY = flag(
    "TRUST_PROXY", False, "Believe X-Forwarded-Proto and X-Forwarded-For: set it only behind a proxy that sets them."
)
HTTPS_ONLY = flag("HTTPS_ONLY", True, "Redirect to https, secure cookies, HSTS. `./run` turns it off on 127.0.0.1.")
METRICS_TOKEN = text("METRICS_TOKEN", "", "Bearer token that /metrics asks for. Empty: only operators and loopback.")


def settings_page() -> str:
    """docs/settings.md: every variable in one Markdown table."""

    def cell(words: str) -> str:
        return words.replace(str(VAR), "$BACKROOM_VAR").replace("|", "\\|")

    rows = (
        f"| `{row.name}` | {row.kind} | {f'`{cell(row.default)}`' if row.default else '(empty)'} | {cell(row.help)} |"
        for row in VARIABLES
    )
    return "\n".join(
        (
            "# Settings",
            "",
            "Everything that differs between two machines, read from the environment by `config/env.py`. Made from",
            "that file by `python -m config.env > docs/settings.md`; a test keeps the two the same.",
            "",
            "| variable | kind | default | what it is |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


if __name__ == "__main__":
    print(settings_page(), end="")  # noqa: T201 (it is a command)
