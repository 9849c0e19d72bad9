"""Other people's packages, for comparison: each benchmark has them in a virtual environment of its own."""

import subprocess
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path


def python(home: Path, packages: Sequence[str], *, for_their_files: Sequence[str] = ()) -> str:
    """The interpreter of the virtual environment ``home``, which has ``packages`` and all that this interpreter's has.

    ``for_their_files``: packages that are installed without what they need, since nothing of them is run. Made the
    first time, and again where other packages are asked for.
    """
    wanted = "\n".join([*packages, *for_their_files])
    mark = home / "installed"
    if not mark.exists() or mark.read_text() != wanted:
        venv.create(home, with_pip=True, clear=True)
        install = [str(home / "bin" / "pip"), "install", "--quiet"]
        subprocess.run([*install, *packages], check=True)
        if for_their_files:
            subprocess.run([*install, "--no-deps", *for_their_files], check=True)
        (library(home) / "backroom.pth").write_text(sysconfig.get_path("purelib") + "\n")
        mark.write_text(wanted)
    return str(home / "bin" / "python")


def library(home: Path) -> Path:
    """Where the packages of the virtual environment ``home`` lie."""
    return Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
