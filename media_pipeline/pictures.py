"""Pictures: what they are, and everything that is made of one.

Strangers' bytes are read in processes of their own only, within limits: a file that takes more than any honest one
fails alone, and so does a decoder with a hole in it.
"""

import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from media_pipeline import confined
from media_pipeline.made import Made
from media_pipeline.pixels.facts import Facts
from media_pipeline.pixels.kinds import format_of
from media_pipeline.reasons import LONGEST_SIDE, MOST_FRAME_PIXELS, MOST_FRAMES, MOST_PIXELS, Missing, Reason
from media_pipeline.refused import Refused

__all__ = ["VERSION", "Facts", "Pictures", "look", "make"]

#: Goes up when something else is made of a picture than before.
VERSION: Final = 1
_LOOK: Final = confined.Limits(memory=1_000_000_000, cpu=10, wall=120, stall=10, file_size=0)
_MAKE: Final = confined.Limits(memory=1_500_000_000, cpu=120, wall=1200, stall=120, file_size=100_000_000)
#: As ``header.Most`` has it.
_MOST: Final = {
    "pixels": MOST_PIXELS,
    "side": LONGEST_SIDE,
    "frames": MOST_FRAMES,
    "frame_pixels": MOST_FRAME_PIXELS,
}
_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2", "OMP_NUM_THREADS": "1"}
#: How libraries end that get no memory.
_NO_MEMORY: Final = frozenset({-signal.SIGABRT, -signal.SIGTRAP})
#: How a decoder ends that was led astray.
_ASTRAY: Final = frozenset({-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """What was made of a picture.

    Attributes:
        made: each width as AVIF, WebP and JPEG, the widest first. Of an animation these are posters, and the last is
            the animation itself, as WebP.
        placeholder: a thumbhash in base64.
        missing: what could not be made.
        cpu: seconds that it took.
        peak: bytes resident at most.
    """

    made: list[Made]
    placeholder: str
    missing: list[Missing]
    cpu: float
    peak: int


def _nothing() -> None:
    pass


def look(source: Path, *, checkpoint: Callable[[], None] = _nothing) -> Facts:
    """What the picture is, by its content and its header alone. Raises Refused; Failed where it is we who are wrong."""
    source = source.absolute()
    known = format_of(source)
    return Facts(
        **_called("header:read", _LOOK, source.parent, checkpoint, source=str(source), format=known.value, most=_MOST)
    )


def make(source: Path, facts: Facts, out: Path, *, checkpoint: Callable[[], None] = _nothing) -> Pictures:
    """Makes everything of the picture in the folder ``out``. ``facts`` are from ``look``.

    Raises Refused; Failed where it is we who are wrong; and what ``checkpoint`` raises, once nothing runs any more.
    """
    said = _called(
        "work:make", _MAKE, out, checkpoint, source=str(source.absolute()), facts=asdict(facts), out=str(out.absolute())
    )
    return Pictures(
        made=[Made(path=out / one["name"], **one) for one in said["made"]],
        placeholder=said["placeholder"],
        missing=[Missing(one) for one in said["missing"]],
        cpu=said["cpu"],
        peak=said["peak"],
    )


def _called(
    function: str, limits: confined.Limits, folder: Path, checkpoint: Callable[[], None], **arguments: Any
) -> dict[str, Any]:
    try:
        said: dict[str, Any] = confined.call(
            f"media_pipeline.pixels.{function}",
            folder=folder,
            limits=limits,
            checkpoint=checkpoint,
            environment=_ENVIRONMENT,
            **arguments,
        )
    except confined.Overrun as error:
        raise Refused(Reason.TOO_MUCH_WORK) from error
    except confined.Failed as error:
        if error.ended.code in _NO_MEMORY:
            raise Refused(Reason.TOO_MUCH_WORK) from error
        if error.ended.code in _ASTRAY:
            raise Refused(Reason.BROKEN) from error
        raise
    return said
