"""From an uploaded file to what people can watch: what it is, and what its kind makes of it. Paths in, files out."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from media_pipeline import cutting, ladder, pictures, probe, video
from media_pipeline.ffmpeg import Tools
from media_pipeline.made import Made
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused

#: Goes up when something else is made of a file than before.
VERSION: Final = pictures.VERSION + ladder.VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """What has come of a file.

    Attributes:
        kind: a value of ``models.Kind``.
        facts: what is in it, in what JSON can hold.
        placeholder: a thumbhash in base64; "" where it shows nothing.
        parts, rungs: what is still to be made of a long video, see ``video.Work``.
        cpu: seconds that it took.
        log: the last words of the programs that worked on it.
    """

    kind: str
    facts: dict[str, Any]
    made: list[Made]
    missing: list[Missing] = field(default_factory=list)
    placeholder: str = ""
    parts: tuple[cutting.Part, ...] = ()
    rungs: tuple[str, ...] = ()
    cpu: float = 0.0
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What is called on the way.

    Attributes:
        looked_at: with the kind and the facts, once they are known.
        progress: with the share that is done, from 0 to 1.
        checkpoint: often; what it raises ends the work.
    """

    looked_at: Callable[[str, dict[str, Any]], object]
    progress: Callable[[float], None]
    checkpoint: Callable[[], None]


def make(source: Path, out: Path, steps: Steps, *, tools: Callable[[], Tools]) -> Making:
    """``out`` is an empty folder. ``tools``: is asked for the programs where it is no picture. Raises Refused, and what
    ``tools`` raises."""
    try:
        facts = pictures.look(source, checkpoint=steps.checkpoint)
    except Refused as refusal:
        if refusal.reason != Reason.NOT_MEDIA:
            raise
        return _video(source, out, steps, tools())
    return _picture(source, facts, out, steps)


def _picture(source: Path, facts: pictures.Facts, out: Path, steps: Steps) -> Making:
    shown = asdict(facts)
    steps.looked_at("picture", shown)
    found = pictures.make(source, facts, out, checkpoint=steps.checkpoint)
    return Making(
        kind="picture",
        facts=shown,
        made=found.made,
        missing=found.missing,
        placeholder=found.placeholder,
        cpu=found.cpu,
    )


def _video(source: Path, out: Path, steps: Steps, tools: Tools) -> Making:
    facts = probe.look(source, folder=out, tools=tools, checkpoint=steps.checkpoint)
    plan = ladder.plan(facts, decodes=tools.codecs, tone_maps=tools.tone_maps)
    kind, shown = "video" if plan.picture else "sound", asdict(facts)
    steps.looked_at(kind, shown)
    work = video.make(source, plan, out, tools, progress=steps.progress, checkpoint=steps.checkpoint)
    return Making(
        kind=kind,
        facts=shown,
        made=work.made,
        missing=sorted(work.missing),
        parts=work.parts,
        rungs=work.rungs,
        cpu=work.cpu,
        log=work.log,
    )


def plan_of(facts: dict[str, Any], tools: Tools) -> ladder.Plan:
    """The plan of a video whose facts are known. Raises Refused."""
    return ladder.plan(probe.facts_of(facts), decodes=tools.codecs, tone_maps=tools.tone_maps)
