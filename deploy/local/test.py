"""``./run test``: the checks and all tests, with servers of their own beside those of ``./run up``.

``--no-checks`` leaves the checks out; every other argument goes to pytest.
"""

import os
import shutil
import subprocess
import sys
from ctypes.util import find_library
from typing import Final

from deploy.local import check
from deploy.local.machine import VAR, say
from deploy.local.within import one_line_errors, python, servers

_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
#: Playwright's driver needs the last one, and its wheel does not bring it.
_PACKAGES: Final = ("chromium", "fonts-noto-core", "libatomic1")


def main() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--no-checks"]
    ensure_chromium()
    with servers(VAR / "test") as env:
        broken = check.failed(env) if len(arguments) == len(sys.argv) - 1 else []
        status = python(["-m", "pytest", "-n", "2", *arguments], env)
    if broken:
        say(f"checks that failed: {', '.join(broken)}")
    return status or bool(broken)


def ensure_chromium() -> None:
    """The browser tests drive Debian's Chromium; without it they are skipped."""
    if any(shutil.which(name) for name in _CHROMIUM) and find_library("atomic"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"installing {', '.join(_PACKAGES)} for the browser tests (apt-get)")
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES]
        if all(
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=env).returncode == 0
            for command in (["apt-get", "update", "-qq"], install)
        ):
            return
    say(f"browser tests will be skipped: they need {', '.join(_PACKAGES)} (Debian: apt-get install)")


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
