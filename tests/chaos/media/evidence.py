"""What is known after a run: the rows, every part that was recorded, what the files hold, what is stored."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db import connection

from jobs import db
from jobs.models import Job
from media_pipeline.models import Asset, Rendition, Upload, VideoPart
from tests.chaos.evidence import Move
from tests.chaos.media.plan import Plan
from tests.chaos.reports.evidence import Left

_RECORD: Final = """
    DROP TABLE IF EXISTS chaos_video_part;
    CREATE TABLE chaos_video_part (at timestamptz, asset uuid, part uuid, number int, keys text[]);
    CREATE OR REPLACE FUNCTION chaos_video_part() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_video_part VALUES (clock_timestamp(), NEW.asset_id, NEW.id, NEW.number, NEW.keys);
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER chaos_video_part AFTER INSERT OR UPDATE ON media_pipeline_videopart
        FOR EACH ROW WHEN (NEW.made_at IS NOT NULL) EXECUTE FUNCTION chaos_video_part();
"""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An asset's row and what its job came to. ``missing``: what its row says is."""

    id: str
    number: int
    state: str
    reason: str
    missing: tuple[str, ...]
    error: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class PartMade:
    """A part that was recorded: of which asset, its row, its number, its files."""

    asset: str
    part: str
    number: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """What a file that a rendition names holds: its bytes; of a size, the pictures that another program counts."""

    asset: str
    name: str
    size: int
    recorded: int
    pictures: int | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Attributes:
    states: of all jobs, by id: their state at the end.
    stopped: numbers of the uploads whose owner had them stopped before they were over.
    named: keys that rows name at the end.
    left: what is in the store after the sweep of a day later.
    stored: keys that the store took, in order.
    programs: programs of ours that still run at the end.
    """

    plan: Plan
    uploaded: Sequence[Uploaded]
    states: Mapping[str, str]
    moves: Sequence[Move]
    parts: Sequence[PartMade]
    held: Sequence[Held]
    stopped: frozenset[int] = frozenset()
    named: frozenset[str] = frozenset()
    left: Left = field(default_factory=Left)
    stored: Sequence[str] = ()
    programs: Sequence[str] = ()
    hits: Counter[str] = field(default_factory=Counter)
    attempts: int = 0
    deaths: int = 0
    seconds: float = 0.0


def record() -> None:
    """Makes the database write down every part that is recorded, in the transaction that does."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD)


def forget() -> None:
    """Deletes assets, jobs and what was written down of them."""
    Upload.objects.all().delete()
    Asset.objects.all().delete()
    Job.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE chaos_video_part, chaos_move")


def uploaded(numbers: Mapping[str, int]) -> list[Uploaded]:
    """``numbers``: those of the plan, by the asset's id."""
    return [
        Uploaded(
            id=str(asset.pk),
            number=numbers[str(asset.pk)],
            state=asset.state,
            reason=asset.reason,
            missing=tuple(asset.missing),
            error=f"{asset.job.error_class}: {asset.job.error_message}" if asset.job and asset.job.error_class else "",
            names=frozenset(asset.renditions.values_list("name", flat=True)),
        )
        for asset in Asset.objects.select_related("job").order_by("created_at")
    ]


def parts() -> list[PartMade]:
    rows = db.fetch("SELECT asset::text, part::text, number, keys FROM chaos_video_part ORDER BY at")
    return [PartMade(asset, part, number, tuple(keys)) for asset, part, number, keys in rows]


def named() -> frozenset[str]:
    of_rows = [*Rendition.objects.values_list("keys", flat=True), *VideoPart.objects.values_list("keys", flat=True)]
    originals = Asset.objects.exclude(original_key="").values_list("original_key", flat=True)
    return frozenset([key for keys in of_rows for key in keys]) | frozenset(originals)
