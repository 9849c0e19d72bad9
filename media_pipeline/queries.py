"""Reading about assets and uploads, and about what products are shown with."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When

from media_pipeline.models import Asset, Kind, Outcome, ProductMedia, Rendition, RenditionKind, Upload, VideoPart
from shop.accounts.models import Role, User
from shop.catalog.models import Product

#: Assets of which there is something to be looked at: ``Asset.can_be_seen``.
SEEN: Final = Q(kind__in=[Kind.PICTURE, Kind.VIDEO], outcome__in=[Outcome.READY, Outcome.DEGRADED])

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
    found = Upload.objects.filter(owner_id=owner.pk, asset=None, expires_at__gt=now)
    return found.select_related("product").order_by("-created_at", "-id")


def upload_by_id(pk: UUID, *, owner: User) -> Upload | None:
    """None for an unknown id and for somebody else's alike."""
    return Upload.objects.filter(pk=pk, owner_id=owner.pk).select_related("asset", "owner", "product").first()


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


def thumbnails(assets: Iterable[Asset]) -> QuerySet[Rendition]:
    """Of each asset that can be seen the smallest picture that stands still."""
    # Of an animation, as of a video, the pictures that stand still are its posters.
    still = Case(When(kind=RenditionKind.POSTER, then=Value(0)), default=Value(1), output_field=IntegerField())
    # Browsers of the last ten years show WebP; the smallest AVIF takes them longer than it saves.
    webp = Case(When(content_type="image/webp", then=Value(0)), default=Value(1), output_field=IntegerField())
    wanted = [asset.pk for asset in assets if asset.can_be_seen]
    found = Rendition.objects.filter(asset__in=wanted, kind__in=[RenditionKind.PICTURE, RenditionKind.POSTER])
    return found.order_by("asset_id", still, F("width").asc(nulls_last=True), webp, "name").distinct("asset_id")


# --- products --------------------------------------------------------------------------------------------------------


def product_by_id(pk: int) -> Product | None:
    return Product.objects.filter(pk=pk).first()


def of_product(product: Product) -> QuerySet[ProductMedia]:
    """Everything that the product is, or will be, shown with, in order."""
    found = ProductMedia.objects.filter(product=product)
    return found.select_related("asset__job", "asset__owner").order_by("position")


def of_products(products: Iterable[Product]) -> dict[int, list[ProductMedia]]:
    """What shoppers see with each product, by the product's id and in order: only what can be seen by now. The
    renditions that ``showing.show`` needs are there: two queries, however many there are."""
    products = list(products)
    by_product: dict[int, list[ProductMedia]] = {product.pk: [] for product in products}
    found = _seen_of(products).select_related("product", "asset").prefetch_related("asset__renditions")
    for one in found.order_by("position"):
        by_product[one.product_id].append(one)
    return by_product


def first_of_products(products: Iterable[Product]) -> dict[int, ProductMedia]:
    """What each product is shown with in lists, by the product's id: the first that can be seen."""
    found = _seen_of(products).select_related("asset")
    return {one.product_id: one for one in found.order_by("product_id", "position").distinct("product_id")}


def _seen_of(products: Iterable[Product]) -> QuerySet[ProductMedia]:
    ids = [product.pk for product in products]
    return ProductMedia.objects.filter(product__in=ids, asset__in=Asset.objects.filter(SEEN))


def counts_of_products(products: Iterable[Product]) -> dict[int, int]:
    """How many pictures and videos the products have, by the product's id; those without any are not in it."""
    found = ProductMedia.objects.filter(product__in=[product.pk for product in products])
    return dict(found.values_list("product_id").annotate(count=Count("pk")))


def choosable(owner: User, product: Product) -> QuerySet[Asset]:
    """A person's own pictures and videos that the product could be shown with, newest first."""
    there = ProductMedia.objects.filter(product=product, asset=OuterRef("pk"))
    return of_owner(owner).filter(SEEN, ~Exists(there))
