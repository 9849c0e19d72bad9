"""The site's static files are gathered once, and again when one of them has changed."""

import hashlib
from pathlib import Path
from typing import Final

from deploy.local.machine import ROOT

COLLECT: Final = ("manage.py", "collectstatic", "--no-input", "--verbosity=0")
_NAME: Final = "static.stamp"


def are_gathered(folder: Path) -> bool:
    """True where those of today are what ``gathered`` was last told of."""
    mark = folder / _NAME
    return mark.exists() and mark.read_text() == fingerprint()


def gathered(folder: Path) -> None:
    (folder / _NAME).write_text(fingerprint())


def fingerprint(root: Path = ROOT) -> str:
    """Changes with the project's own static files and with the pinned packages that bring theirs."""
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    for path in sorted([*root.glob("*/static/**/*"), *root.glob("shop/*/static/**/*")]):
        if path.is_file():
            digest.update(f"{path.relative_to(root)} {path.stat().st_mtime_ns} {path.stat().st_size}\n".encode())
    return digest.hexdigest()
