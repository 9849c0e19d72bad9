"""``var/local.env``: what this machine's own copy of the product is told. ``config/env.py`` reads it too.

A variable of the process environment always wins over the file: that is how a real database or broker is named.
"""

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from deploy.local.machine import free_port, port_is_free

NAME: Final = "local.env"
_HEAD: Final = "# Written by ./run. Passwords of this machine's own servers: keep it to yourself.\n"


def read(folder: Path) -> dict[str, str]:
    """The pairs of ``folder``/local.env; none where it does not exist."""
    try:
        lines = (folder / NAME).read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def write(folder: Path, values: Mapping[str, str]) -> None:
    """Replaces the file in one step, readable by its owner alone."""
    draft = folder / f"{NAME}.new"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(_HEAD + "".join(f"{name}={value}\n" for name, value in values.items()))
    draft.replace(folder / NAME)


def completed(values: Mapping[str, str], *, is_free: Callable[[int], bool] = port_is_free) -> dict[str, str]:
    """``values`` with whatever they lack: ports (chosen once, and again only where another program took one), passwords
    and keys (made once). Nothing of ours is running while this is asked.
    """
    kept: set[int] = set()

    def address(name: str, scheme: str, user: str | None = None, path: str = "") -> str:
        old = urlsplit(values.get(name, ""))
        port = old.port if old.port and old.port not in kept and is_free(old.port) else None
        port = port or free_port(avoid=kept, is_free=is_free)
        kept.add(port)
        secret = "" if user is None else f"{user}:{old.password or secrets.token_hex(16)}@"
        return f"{scheme}://{secret}127.0.0.1:{port}{path}"

    return dict(values) | {
        "DATABASE_URL": address("DATABASE_URL", "postgresql", "backroom", "/backroom"),
        "CELERY_BROKER_URL": address("CELERY_BROKER_URL", "redis", "", "/0"),
        "EMAIL_URL": address("EMAIL_URL", "smtp"),
        "SANDBOX_URL": address("SANDBOX_URL", "http"),
        "FLOWER_URL": address("FLOWER_URL", "http"),
        "FLOWER_BASIC_AUTH": values.get("FLOWER_BASIC_AUTH") or f"operator:{secrets.token_hex(8)}",
        "SECRET_KEY": values.get("SECRET_KEY") or secrets.token_urlsafe(50),
        "HTTPS_ONLY": "no",
    }


def merged(values: Mapping[str, str], folder: Path, surroundings: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a child process: the file's values, the process's own over them, and the folder."""
    return {**values, **surroundings, "BACKROOM_VAR": str(folder)}
