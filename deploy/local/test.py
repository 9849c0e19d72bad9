"""``./run test``: the checks and all tests, with servers of their own beside those of ``./run up``.

``--no-checks`` leaves the checks out; every other argument goes to pytest.
"""

import shutil
import sys
from ctypes.util import find_library
from typing import Final

from deploy.local import check, debian, ffmpeg
from deploy.local.machine import VAR, say
from deploy.local.within import one_line_errors, python, servers

_CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
#: Playwright's driver needs the last one, and its wheel does not bring it.
_FOR_BROWSERS: Final = ("chromium", "fonts-noto-core", "libatomic1")


def main() -> int:
    arguments = [argument for argument in sys.argv[1:] if argument != "--no-checks"]
    programs = ensure_programs()
    with servers(VAR / "test") as env:
        env.update(programs)
        broken = check.failed(env) if len(arguments) == len(sys.argv) - 1 else []
        status = python(["-m", "pytest", "-n", "2", *arguments], env)
    if broken:
        say(f"checks that failed: {', '.join(broken)}")
    return status or bool(broken)


def ensure_programs() -> dict[str, str]:
    """What the tests drive beside Python's packages: tests for which it is missing are skipped.

    Returns the settings of those programs that are not in PATH.
    """
    browser = any(shutil.which(name) for name in _CHROMIUM) and find_library("atomic")
    _ensure("browser tests", _FOR_BROWSERS, there=bool(browser))
    _ensure("tests of metadata", ("libimage-exiftool-perl",), there=bool(shutil.which("exiftool")))
    return ffmpeg.settled({})


def _ensure(tests: str, packages: tuple[str, ...], *, there: bool) -> None:
    if not there and not debian.install(packages, f"for the {tests}"):
        say(f"{tests} will be skipped: they need {', '.join(packages)} (Debian: apt-get install)")


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
