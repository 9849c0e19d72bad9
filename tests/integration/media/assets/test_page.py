"""An asset's page, which turns ready by itself."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from jobs import services as jobs
from media_pipeline import services
from media_pipeline.models import Asset
from tests.factories.people import PersonFactory


@pytest.fixture
def client(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def opened(client: Client, asset: Asset) -> dict[str, str]:
    """What a page that is open sends when it asks: nothing once it does not ask any more."""
    return said(client.get(asset.get_absolute_url()).content.decode())


def said(page: str) -> dict[str, str]:
    version = re.search(r'/live/\?v=(\w+)"', page)
    hidden = dict(re.findall(r'type="hidden" name="(shown|job)" value="(\w*)"', page))
    return hidden | {"v": version[1]} if version else {}


def ask(client: Client, asset: Asset, page: dict[str, str]):
    return client.get(reverse("media:live", args=[asset.pk]), page)


def test_a_page_that_waits_is_told_once_something_has_changed(client, send, work):
    asset = send()
    page = opened(client, asset)
    assert ask(client, asset, page).status_code == 204
    work()
    answer = ask(client, asset, page).content.decode()
    assert re.search(r'id="asset-shown" hx-swap-oob="true".*<picture>', answer)
    assert 'id="asset-dialogs"' not in answer
    # It asks once more, and says then that it has what it was sent.
    taken = page | said(answer)
    last = ask(client, asset, taken).content.decode()
    assert 'id="asset-shown"' not in last
    assert said(last) == {}


def test_a_page_that_keeps_its_player_is_offered_the_new_one_again(client, send, work):
    asset = send()
    page = opened(client, asset)
    work()
    for _ in range(2):
        answer = ask(client, asset, page).content.decode()
        assert 'id="asset-shown" hx-swap-oob="true"' in answer
        page |= {"v": said(answer)["v"]}


def test_what_is_there_is_shown_while_it_is_made_again(client, send, work):
    asset = send()
    work()
    assert opened(client, asset) == {}
    services.make_again(asset=Asset.objects.get(pk=asset.pk))
    page = opened(client, asset)
    assert page["shown"]
    assert ask(client, asset, page).status_code == 204
    work()
    assert 'id="asset-shown" hx-swap-oob="true"' in ask(client, asset, page).content.decode()


def test_another_job_brings_its_own_questions(client, person, send, work):
    asset = send()
    page = opened(client, asset)
    jobs.cancel(asset.job, actor=person)
    Asset.objects.filter(pk=asset.pk).update(original_key="media/x/y/original")
    asset = services.make_again(asset=Asset.objects.get(pk=asset.pk))
    answer = ask(client, asset, page).content.decode()
    assert 'id="asset-dialogs" hx-swap-oob="true"' in answer
    assert reverse("jobs:cancel", args=[asset.job.shown_code]) in answer


def test_for_others_there_is_nothing_to_ask(send):
    asset = send()
    stranger = Client()
    stranger.force_login(PersonFactory())
    assert stranger.get(reverse("media:live", args=[asset.pk])).status_code == 404
