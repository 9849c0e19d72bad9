"""Addresses of what was made: signed, lapsing, and opening nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from media_pipeline import services, serving
from media_pipeline.models import Asset

NOW = datetime(2026, 11, 25, 5, tzinfo=UTC)


@pytest.fixture
def rendition(send, work):
    asset = send()
    work()
    return asset.renditions.get(name="w320.jpg")


@pytest.fixture
def content(rendition):
    with default_storage.open(rendition.key) as file:
        return file.read()


def body(response):
    return b"".join(response.streaming_content)


def test_the_file_comes_as_what_it_is_to_whoever_has_the_address(client, rendition, content):
    response = client.get(serving.address(rendition, now=timezone.now()))
    assert (response.status_code, body(response)) == (200, content)
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Length"] == str(len(content))
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "private, max-age=21600, immutable"


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=5-9", slice(5, 10)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=0-999999999", slice(0, None)),
    ],
)
def test_a_part_of_it_can_be_had(client, rendition, content, asked, part):
    response = client.get(serving.address(rendition, now=timezone.now()), headers={"Range": asked})
    expected = content[part]
    start = part.indices(len(content))[0]
    assert (response.status_code, body(response)) == (206, expected)
    assert response["Content-Range"] == f"bytes {start}-{start + len(expected) - 1}/{len(content)}"


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0", "bytes=9-5"])
def test_a_part_that_there_is_not_is_refused_with_the_size(client, rendition, content, asked):
    response = client.get(serving.address(rendition, now=timezone.now()), headers={"Range": asked})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(content)}")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=-"])
def test_a_range_that_is_not_understood_is_the_whole_file(client, rendition, content, asked):
    response = client.get(serving.address(rendition, now=timezone.now()), headers={"Range": asked})
    assert (response.status_code, body(response)) == (200, content)


def test_the_address_stays_the_same_for_hours_and_lapses(rendition):
    first = serving.address(rendition, now=NOW)
    assert serving.address(rendition, now=NOW + timedelta(minutes=30)) == first
    token, name = first.split("/")[-2:]
    assert serving.find(token, name, now=NOW + timedelta(hours=12)) == rendition.key
    with pytest.raises(serving.Gone):
        serving.find(token, name, now=NOW + timedelta(hours=19))


def test_nothing_else_is_to_be_had_by_it(client, rendition, send, work):
    other = send(name="other.png")
    work()
    address = serving.address(rendition, now=timezone.now())
    base = address.rpartition("/")[0]
    elsewhere = other.renditions.first().key.rpartition("/")[2]
    for name in (
        "..%2foriginal-1",
        "%2e%2e%2f%2e%2e%2fsecret",
        "original-1",
        f"..%2f..%2f{other.pk}%2f1%2f{elsewhere}",
    ):
        assert client.get(f"{base}/{name}").status_code == 404
    assert client.get(address.replace("/w320.jpg", "x/w320.jpg")).status_code == 404
    assert client.get("/media/file/nonsense/w320.jpg").status_code == 404


def test_the_original_has_no_address(client, rendition):
    asset = Asset.objects.get(pk=rendition.asset_id)
    token = serving.address(rendition, now=timezone.now()).split("/")[-2]
    with pytest.raises(serving.Gone):
        serving.find(token, asset.original_key.rpartition("/")[2], now=timezone.now())


def test_made_again_the_old_address_opens_nothing(client, rendition, work):
    address = serving.address(rendition, now=timezone.now())
    services.make_again(asset=Asset.objects.select_related("job", "owner").get(pk=rendition.asset_id))
    work()
    assert client.get(address).status_code == 404
