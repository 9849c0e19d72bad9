"""From an uploaded file to what people can watch: what it is, and what its kind makes of it. Paths in, files out."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from media_pipeline import pictures
from media_pipeline.made import Made
from media_pipeline.reasons import Missing

#: Goes up when something else is made of a file than before.
VERSION: Final = pictures.VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What has come of a file.

    Attributes:
        kind: a value of ``models.Kind``.
        facts: what is in it, in what JSON can hold.
        placeholder: a thumbhash in base64; "" where it shows nothing.
        cpu: seconds that it took.
        log: the last words of the programs that worked on it.
    """

    kind: str
    facts: dict[str, Any]
    made: list[Made]
    missing: list[Missing] = field(default_factory=list)
    placeholder: str = ""
    cpu: float = 0.0
    log: str = ""


LookedAt = Callable[[str, dict[str, Any]], object]


def make(source: Path, out: Path, *, looked_at: LookedAt, checkpoint: Callable[[], None]) -> Making:
    """``looked_at`` is called with the kind and the facts once they are known. Raises Refused."""
    facts = pictures.look(source, checkpoint=checkpoint)
    shown = asdict(facts)
    looked_at("picture", shown)
    found = pictures.make(source, facts, out, checkpoint=checkpoint)
    return Making(
        kind="picture",
        facts=shown,
        made=found.made,
        missing=found.missing,
        placeholder=found.placeholder,
        cpu=found.cpu,
    )
