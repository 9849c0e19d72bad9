"""``./run check``: everything that can be seen without running the product."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from deploy.local.machine import ROOT
from deploy.local.within import one_line_errors

_BIN: Final = Path(sys.executable).parent

#: What a public site would be told; no server is asked.
PRODUCTION: Final = {
    "SECRET_KEY": secrets.token_urlsafe(50),
    "HTTPS_ONLY": "yes",
    "DEBUG": "no",
    "ALLOWED_HOSTS": "shop.example",
    "SITE_URL": "https://shop.example",
    "DATABASE_URL": "postgresql://db.invalid/backroom",
}

#: Name → command and what its environment has beside ours.
CHECKS: Final[Mapping[str, tuple[Sequence[str | Path], Mapping[str, str]]]] = {
    "types": ([_BIN / "mypy"], {}),
    "lint": ([_BIN / "ruff", "check", "."], {}),
    "format": ([_BIN / "ruff", "format", "--check", "."], {}),
    "imports": ([_BIN / "lint-imports"], {}),
    "templates": ([_BIN / "djlint", "--lint", "--quiet", "."], {}),
    "deployment": ([sys.executable, "manage.py", "check", "--deploy", "--fail-level=WARNING"], PRODUCTION),
    "migrations": ([sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"], {}),
}


def failed(env: Mapping[str, str] = os.environ) -> list[str]:
    """Runs all checks, two at a time; says how each went and returns the names of those that failed."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        runs = {name: pool.submit(_run, name, env) for name in CHECKS}
        return [name for name, run in runs.items() if not run.result()]


def _run(name: str, env: Mapping[str, str]) -> bool:
    command, more = CHECKS[name]
    began = time.monotonic()
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"SECRET_KEY": "check", **env, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    good = done.returncode == 0
    words = "" if good else f"\n{done.stdout.rstrip()}"
    print(f"{'✓' if good else '✗'} {name} ({time.monotonic() - began:.1f} s){words}", flush=True)
    return good


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(1 if failed() else 0)
