import factory
from django.utils import timezone

from media_pipeline.models import Asset, Kind, Outcome, Rendition, RenditionKind
from tests.factories.people import PersonFactory


class AssetFactory(factory.django.DjangoModelFactory):
    """A picture that is ready, without its files; ``RenditionFactory`` adds rows of those."""

    class Meta:
        model = Asset

    owner = factory.SubFactory(PersonFactory, owner=True)
    name = factory.Sequence("anh-{}.jpg".format)
    size = 1000
    kind = Kind.PICTURE
    outcome = Outcome.READY
    finished_at = factory.LazyFunction(timezone.now)


class RenditionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Rendition

    asset = factory.SubFactory(AssetFactory)
    name = "w320.webp"
    kind = RenditionKind.PICTURE
    key = factory.LazyAttribute(lambda one: f"media/{one.asset.pk}/1/{one.name}")
    keys = factory.LazyAttribute(lambda one: [one.key])
    content_type = "image/webp"
    width = 320
    height = 240
    size = 100
