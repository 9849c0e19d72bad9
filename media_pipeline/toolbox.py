"""Which ffmpeg a machine has.

Each making says which one its worker had: the web may run where there is another, or none.
"""

from platform import node
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from media_pipeline import ffmpeg


def here() -> dict[str, Any]:
    """This machine's, in what JSON can hold: part of the result of the jobs that make something."""
    try:
        tools = ffmpeg.find(settings.FFMPEG, settings.FFPROBE)
    except ffmpeg.Missing as missing:
        return {"machine": node(), "problem": str(missing)}
    return {"machine": node(), "version": tools.version, "path": tools.ffmpeg, "lacks": tools.lacks}


def described(tools: dict[str, Any]) -> str:
    """A sentence of what ``here`` said there."""
    if "problem" in tools:
        return _("%(machine)s: videos cannot be made: %(problem)s") % tools
    found = _("%(machine)s: ffmpeg %(version)s at %(path)s") % tools
    if not tools["lacks"]:
        return found
    return _("%(found)s, without %(lacks)s") % {"found": found, "lacks": ", ".join(map(_, tools["lacks"]))}
