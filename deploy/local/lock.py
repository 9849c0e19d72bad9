"""``./run lock``: compiles requirements*.in into pinned and hashed requirements*.txt, each agreeing with the first."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy.local.machine import ROOT

#: requirements.in first: the others take its pins.
NAMES: Final = ("requirements", "requirements-local", "requirements-ffmpeg", "requirements-dev")


def command(name: str, *upgrade: str) -> list[str]:
    """How ``name``.in is compiled. ``upgrade``: --upgrade, or --upgrade-package NAME."""
    uv = str(Path(sys.executable).with_name("uv"))
    how = ["pip", "compile", "--quiet", "--generate-hashes", "--no-emit-index-url", "--no-annotate"]
    return [uv, *how, "--python-version=3.11", *upgrade, f"{name}.in", f"--output-file={name}.txt"]


if __name__ == "__main__":
    for name in NAMES:
        if status := subprocess.run(command(name, *sys.argv[1:]), cwd=ROOT, check=False).returncode:
            sys.exit(status)
