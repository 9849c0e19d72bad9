"""Where a worker's programs find a file and leave what they make of it."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from jobs.run import Run
from jobs.task import Transient
from media_pipeline import ffmpeg, files
from media_pipeline.ffmpeg import Tools
from media_pipeline.models import Asset

log = logging.getLogger(__name__)

# Words of jobs, which pages translate for whoever reads them: their unit, and where their results lead.
PERCENT: Final = gettext_noop("percent")
LOOK: Final = gettext_noop("Look at it")
#: Seconds after which nobody works on what lies here: longer than a job may take.
_UNUSED: Final = 2 * 3600


@contextmanager
def workplace(run: Run) -> Iterator[Path]:
    """A folder of this attempt's own, with ``in`` and ``out``. What killed attempts have left goes first."""
    base = Path(settings.MEDIA_WORK_FOLDER)
    for left in base.glob(f"{run.id}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = base / files.making_of(run)
    for inside in ("in", "out"):
        (folder / inside).mkdir(parents=True, mode=0o700)
    _forget_unused(base, folder.stat().st_mtime)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def source(folder: Path) -> Path:
    """What a file is called there: no program gets to see what the person's machine called it."""
    return folder / "in" / "source"


def tools() -> Tools:
    """The programs that videos are made with. Raises Transient where this machine cannot make any."""
    try:
        return ffmpeg.find(settings.FFMPEG, settings.FFPROBE)
    except ffmpeg.Missing as error:
        log.error("Videos cannot be processed on this machine: %s", error)  # noqa: TRY400 (nothing of ours is wrong)
        raise Transient(_("Videos cannot be processed here at the moment. We will try again.")) from error


def share(asset: Asset, folder: Path) -> None:
    """Keeps the file on this machine for the parts that are made here."""
    with suppress(OSError):  # it can be fetched again
        _shared(asset).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.link(source(folder), _shared(asset))


def fetch_shared(asset: Asset, folder: Path, run: Run) -> None:
    """Puts the original where ``source`` says: the one that is kept here, or else from storage. Raises
    FileNotFoundError, storage.Away, and what the run's checkpoint does."""
    try:
        os.utime(_shared(asset))
        os.link(_shared(asset), source(folder))
    except OSError:
        files.fetch(asset.original_key, source(folder), run.checkpoint)
        share(asset, folder)


def forget_shared(asset: Asset) -> None:
    _shared(asset).unlink(missing_ok=True)


def _shared(asset: Asset) -> Path:
    return Path(settings.MEDIA_WORK_FOLDER) / "shared" / f"{asset.pk}"


def _forget_unused(base: Path, now: float) -> None:
    """Deletes folders that killed attempts left and nobody came back to, and files that no part has asked for. ``now``:
    seconds since 1970, by the disk's clock."""
    for left in (*base.glob("*-*"), *base.glob("shared/*")):
        with suppress(OSError):  # somebody else has deleted it
            if left.stat().st_mtime > now - _UNUSED:
                continue
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink()
