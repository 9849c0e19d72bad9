"""The pictures and videos that products are shown with: adding, ordering, describing and removing them.

A product's media are the shop's: every owner arranges them, but adds only what is theirs. Whoever changes them holds
the product's row, so that two at once come one after the other.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from jobs.services import NotAllowed
from media_pipeline.models import Asset, ProductMedia
from shop.accounts.models import User
from shop.catalog.models import Product

#: Pictures and videos that one product can have.
MOST: Final = 20
#: Letters that say what is to be seen.
MOST_LETTERS: Final = 250


class Full(NotAllowed):
    """The product has no room for so many more."""


def check_room(*, product: Product) -> None:
    """Said before an upload begins rather than after it: raises Full where the product has as many as one can."""
    _check(there=ProductMedia.objects.filter(product=product).count(), more=1)


def add(*, product: Product, assets: Sequence[UUID], actor: User) -> int:
    """Puts assets of ``actor`` behind what is there, in this order; returns how many were not there yet. Raises
    NotAllowed, and adds none then."""
    with transaction.atomic():
        # The assets first, as whoever deletes one does; by their ids, so that nobody waits in a circle.
        mine = Asset.objects.filter(pk__in=assets, owner=actor)
        found = {asset.pk: asset for asset in mine.select_for_update(no_key=True, of=("self",)).order_by("pk")}
        if found.keys() != set(assets):
            raise NotAllowed(_("A file that you have chosen is no longer there. Choose again."))
        for asset in found.values():
            if not asset.can_be_seen:
                raise NotAllowed(_("“%(name)s” is no picture or video that can be shown.") % {"name": asset.name})
        return _append(product.pk, [found[pk] for pk in dict.fromkeys(assets)])


def add_uploaded(*, product_id: int, asset: Asset) -> None:
    """Puts what has just arrived for the product behind what is there. Raises NotAllowed."""
    with transaction.atomic():
        _append(product_id, [asset])


def move(*, product: Product, asset: UUID, by: int) -> None:
    """Moves one so many places later, or earlier where ``by`` is negative, at most to the end. Raises NotAllowed."""
    with transaction.atomic():
        there = _hold(product.pk)
        moved = _one(there, asset)
        place = there.index(moved)
        there.remove(moved)
        there.insert(max(0, place + by), moved)
        for position, one in enumerate(there, 1):
            one.position = position
        ProductMedia.objects.bulk_update(there, ["position"])


def describe(*, product: Product, asset: UUID, alt: str) -> None:
    """Says in words what is to be seen. Raises NotAllowed."""
    # Of what cannot be seen, spaces are made; line breaks are among it.
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in alt).split())
    if len(words) > MOST_LETTERS:
        raise NotAllowed(_("That is too long: %(most)d letters at most.") % {"most": MOST_LETTERS})
    with transaction.atomic():
        one = _one(_hold(product.pk), asset)
        one.alt = words
        one.save(update_fields=["alt"])


def remove(*, product: Product, asset: UUID) -> None:
    """Shows the product without it; it stays among its owner's media. Removed already, nothing happens."""
    ProductMedia.objects.filter(product=product, asset_id=asset).delete()


def _append(product_id: int, assets: Sequence[Asset]) -> int:
    there = _hold(product_id)
    known = {one.asset_id for one in there}
    new = [asset for asset in assets if asset.pk not in known]
    _check(there=len(there), more=len(new))
    first = there[-1].position + 1 if there else 1
    ProductMedia.objects.bulk_create(
        ProductMedia(product_id=product_id, asset=asset, position=position) for position, asset in enumerate(new, first)
    )
    return len(new)


def _hold(product_id: int) -> list[ProductMedia]:
    """What the product has, in order; until the transaction ends, nobody else changes it. Raises NotAllowed."""
    if not Product.objects.select_for_update(no_key=True).filter(pk=product_id).exists():
        raise NotAllowed(_("The product is no longer there."))
    return list(ProductMedia.objects.filter(product_id=product_id).order_by("position"))


def _one(there: Sequence[ProductMedia], asset: UUID) -> ProductMedia:
    for one in there:
        if one.asset_id == asset:
            return one
    raise NotAllowed(_("It is no longer among the pictures and videos of this product."))


def _check(*, there: int, more: int) -> None:
    left = MOST - there
    if more <= left:
        return
    if left <= 0:
        raise Full(
            _("This product has %(most)d pictures and videos, and cannot have more. Remove one first.") % {"most": MOST}
        )
    raise Full(
        _("A product can have %(most)d pictures and videos. There is room for %(left)d more.")
        % {"most": MOST, "left": left}
    )
