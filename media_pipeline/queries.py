"""Reading about assets and uploads."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from media_pipeline.models import Asset, Upload, VideoPart
from shop.accounts.models import Role, User

#: So many of the newest files tell which machines make them.
_OF_LATE: Final = 100


def may_upload(person: User) -> bool:
    return person.has_role(Role.SHOPPER, Role.OWNER)


def of_owner(owner: User) -> QuerySet[Asset]:
    """A person's own assets with their jobs, newest first."""
    return Asset.objects.filter(owner_id=owner.pk).select_related("job", "owner").order_by("-created_at", "-id")


def by_id(pk: UUID, *, viewer: User) -> Asset | None:
    """None for an unknown id and for somebody else's alike."""
    return of_owner(viewer).filter(pk=pk).first()


def uploads_under_way(owner: User, now: datetime) -> QuerySet[Upload]:
    """A person's uploads that can still be gone on with, newest first."""
    return Upload.objects.filter(owner_id=owner.pk, asset=None, expires_at__gt=now).order_by("-created_at", "-id")


def upload_by_id(pk: UUID, *, owner: User) -> Upload | None:
    """None for an unknown id and for somebody else's alike."""
    return Upload.objects.filter(pk=pk, owner_id=owner.pk).select_related("asset", "owner").first()


def sizes_to_come(asset: Asset) -> list[str]:
    """Names of the sizes that are still being made while others are there, the largest first."""
    first = VideoPart.objects.filter(asset=asset, number=0).only("rungs").first() if not asset.outcome else None
    return first.rungs if first else []


def tools_of(asset: Asset) -> dict[str, Any] | None:
    """What ``toolbox.here`` said where the asset was made, last made, or refused; None where its job does not say."""
    tools: dict[str, Any] | None = (asset.job.result or {}).get("tools") if asset.job else None
    return tools


def tools_of_late() -> list[dict[str, Any]]:
    """What ``toolbox.here`` said last on each machine that has made any of the newest files."""
    newest = Asset.objects.select_related("job").order_by("-pk")[:_OF_LATE]
    said = [tools for asset in reversed(newest) if (tools := tools_of(asset))]
    return sorted({tools["machine"]: tools for tools in said}.values(), key=lambda tools: tools["machine"])
