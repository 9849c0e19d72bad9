"""A machine with nothing in PATH but what a test puts there: programs as scripts that do as they are told."""

from pathlib import Path
from typing import Final

ENCODERS: Final = "libx264 aac"
#: Not what the real one is called: it may be installed here.
WHEEL: Final = "binaries_of_a_test"
FILTERS: Final = "scale zscale tonemap"


class Machine:
    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.site = folder / "site"
        self.log = folder / "log"
        self.bin.mkdir()
        self.site.mkdir()
        self.log.touch()

    @property
    def ran(self) -> list[str]:
        """What apt-get was told, and "pip"."""
        return self.log.read_text().splitlines()

    def put(self, path: Path, *lines: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)

    def put_ffmpeg(
        self,
        folder: Path | None = None,
        *,
        ending: str = "",
        version: str = "5.1.9-0+deb12u1",
        encoders: str = ENCODERS,
        filters: str = FILTERS,
        av1: str = "(decoders: libdav1d av1 ) ",
    ) -> None:
        """ffmpeg and ffprobe that can do so much, in PATH or in ``folder``."""
        self.put(
            (folder or self.bin) / f"ffmpeg{ending}",
            "case $2 in",
            f'  -version) echo "ffmpeg version {version} Copyright" ;;',
            f'  -encoders) for one in {encoders}; do echo " V..... $one"; done ;;',
            f'  -filters) for one in {filters}; do echo " ... $one V->V"; done ;;',
            f'  -codecs) echo " DEV.L. av1  AV1 {av1}"; echo " DEV.L. h264  H.264" ;;',
            "esac",
        )
        self.put((folder or self.bin) / f"ffprobe{ending}", "exit 0")

    def put_apt(self, *, packages: dict[str, str] | None = None, broken: str = "never") -> None:
        """An apt-get that brings ``packages`` (name → its program), and fails at the word ``broken``."""
        ready = self.bin.parent / "packages"
        ready.mkdir()
        brings = []
        for package, program in (packages or {}).items():
            if program == "ffmpeg":
                self.put_ffmpeg(ready / package)
            else:
                self.put(ready / package / program, "exit 0")
            brings.append(f"case $* in *{package}*) /bin/cp {ready / package}/* {self.bin} ;; esac")
        self.put(
            self.bin / "apt-get",
            f'echo "$*" >> {self.log}',
            f"case $* in *{broken}*) exit 100 ;; *update*) exit 0 ;; esac",
            *brings,
        )

    def put_wheel(self) -> None:
        """As pip unpacks it on Ubuntu's machines."""
        package = self.site / WHEEL
        self.put_ffmpeg(package, ending="-linux-x64", version="n8.1.2", filters="scale", av1="(decoders: av1 ) ")
        self.put(package / "ffmpeg-linux-x64-ubuntu-24.04", "exit 127")
        (package / "__init__.py").touch()
