"""Which ffmpeg a worker has, as operators are told."""

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from media_pipeline import queries, toolbox
from media_pipeline.models import Asset
from tests.factories.people import PersonFactory


@pytest.fixture
def client(transactional_db: None) -> Client:
    client = Client()
    client.force_login(PersonFactory(operator=True, language="en"))
    return client


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with translation.override("en"):
        yield


def test_each_making_says_what_its_worker_had(client, send, work, settings):
    settings.FFMPEG = "no-such-ffmpeg"
    asset = send()
    work()
    asset = Asset.objects.get(pk=asset.pk)
    assert queries.tools_of(asset)["problem"].startswith("There is no program no-such-ffmpeg.")
    page = client.get(reverse("admin:media_pipeline_asset_change", args=[asset.pk])).content.decode()
    assert "There is no program no-such-ffmpeg." in page
    page = client.get(reverse("admin:media_pipeline_asset_changelist")).content.decode()
    assert "There is no program no-such-ffmpeg." in page


def test_times_of_cpu_have_one_decimal(client, send):
    asset = send()
    Asset.objects.update(cpu_seconds=1.6756760000000002)
    page = client.get(reverse("admin:media_pipeline_asset_change", args=[asset.pk])).content.decode()
    assert "1,7" in page
    assert "67567" not in page


def test_of_each_machine_the_newest_word_counts(send):
    for version in ("5.1", "7.0"):
        asset = send()
        asset.job.result = {"tools": {"machine": "one", "version": version, "path": "/usr/bin/ffmpeg", "lacks": []}}
        asset.job.save(update_fields=["result"])
    assert [toolbox.described(tools) for tools in queries.tools_of_late()] == ["one: ffmpeg 7.0 at /usr/bin/ffmpeg"]


def test_what_is_lacking_is_named():
    tools = {"machine": "one", "version": "5.1", "path": "/bin/ffmpeg", "lacks": ["decoding of AV1 (libdav1d)"]}
    assert toolbox.described(tools) == "one: ffmpeg 5.1 at /bin/ffmpeg, without decoding of AV1 (libdav1d)"


def test_a_machine_without_it_is_told_so(settings):
    settings.FFMPEG = "no-such-ffmpeg"
    with pytest.raises(CommandError, match="There is no program no-such-ffmpeg"):
        call_command("media_tools")
