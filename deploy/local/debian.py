"""Debian's packages, on a machine that has apt-get and where this is root."""

import os
import shutil
import subprocess
from functools import cache
from typing import Final

from deploy.local.machine import say

#: Another program may be installing something: seconds to wait for it.
_APT: Final = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300")


def install(packages: tuple[str, ...], purpose: str) -> bool:
    """Installs ``packages`` and says so. False where that cannot be done here, or fails."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    say(f"installing {', '.join(packages)} {purpose} (apt-get)")
    return _lists_are_new() and _apt("install", "-y", "--no-install-recommends", *packages)


@cache
def _lists_are_new() -> bool:
    return _apt("update")


def _apt(*words: str) -> bool:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run([*_APT, *words], check=False, stdout=subprocess.DEVNULL, env=env).returncode == 0
