"""Reading about assets and uploads."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from media_pipeline.models import Asset, Upload
from shop.accounts.models import Role, User


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
