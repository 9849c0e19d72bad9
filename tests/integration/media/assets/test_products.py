"""What products are shown with: added, ordered, described, removed, and seen by those who may."""

import base64
import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from jobs.services import NotAllowed
from media_pipeline import products, queries, services, showing
from media_pipeline.models import Asset, Kind, Outcome, ProductMedia, RenditionKind, Upload
from shop.accounts.models import User
from shop.catalog.models import Product
from shop.orders.seeding import seed_shop
from tests.factories.catalog import ProductFactory
from tests.factories.media import AssetFactory, RenditionFactory
from tests.factories.people import PersonFactory
from tests.integration.media.assets.conftest import picture


@pytest.fixture
def person(db: None) -> User:
    return PersonFactory(owner=True, language="en", first_name="Hà", last_name="Nguyễn")


@pytest.fixture
def owner(client: Client, person: User) -> Client:
    client.force_login(person)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def product(db: None) -> Product:
    return ProductFactory()


@pytest.fixture
def ready(person: User) -> Callable[..., Asset]:
    """An asset of the person that can be seen, with the picture that lists show."""

    def made(**facts: Any) -> Asset:
        return RenditionFactory(asset=AssetFactory(owner=person, **facts)).asset

    return made


def page(product: Product) -> str:
    return reverse("media:product", args=[product.pk])


def order(product: Product) -> list[str]:
    return [one.asset.name for one in queries.of_product(product)]


def with_three(product: Product, ready: Callable[..., Asset]) -> list[Asset]:
    assets = [ready(name=name) for name in "abc"]
    products.add(product=product, assets=[one.pk for one in assets], actor=assets[0].owner)
    return assets


# --- from an upload --------------------------------------------------------------------------------------------------


def test_what_is_uploaded_for_a_product_is_shown_with_it_once_it_is_ready(owner, person, product, work):
    content = picture()
    metadata = f"filename {base64.b64encode(b'front.png').decode()}"
    protocol = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(content)), "Upload-Metadata": metadata}
    upload_page = owner.get(reverse("media:upload"), {"product": product.pk}).content.decode()
    endpoint = f"/media/uploads/?product={product.pk}"
    assert f'data-endpoint="{endpoint}"' in upload_page
    assert product.name in upload_page

    begun = owner.generic("POST", endpoint, headers=protocol)
    assert begun.status_code == 201
    owner.patch(
        begun["Location"],
        content,
        content_type="application/offset+octet-stream",
        headers={"Tus-Resumable": "1.0.0", "Upload-Offset": "0"},
    )

    asset = Asset.objects.get()
    waiting = owner.get(page(product))
    assert "1 file is being processed." in waiting.content.decode()
    assert waiting.context["ask"] in waiting.content.decode()
    assert queries.of_products([product]) == {product.pk: []}

    assert work() == ["succeeded"]

    part = owner.get(waiting.context["ask"]).content.decode()
    assert "Everything has been processed." in part
    assert "hx-get" not in part
    assert f'id="state-{asset.pk}"' in part
    assert "w320.webp" in part
    assert "data:image/png;base64," in part
    (shown,) = queries.of_products([product])[product.pk]
    assert shown.asset == asset
    assert isinstance(showing.show(shown.asset, now=timezone.now()), showing.Picture)


def test_without_a_script_the_form_keeps_the_product_too(owner, product):
    answer = owner.post(
        f"{reverse('media:upload')}?product={product.pk}",
        {"files": [SimpleUploadedFile("a.jpg", b"abc"), SimpleUploadedFile("b.jpg", b"abcd")]},
        follow=True,
    )

    assert answer.redirect_chain == [(page(product), 302)]
    assert "2 files have arrived" in answer.content.decode()
    assert order(product) == ["a.jpg", "b.jpg"]


def test_what_turns_out_to_be_no_picture_says_so_and_is_not_shown(owner, product, work):
    files = {"files": SimpleUploadedFile("a.jpg", b"no picture at all")}
    owner.post(f"{reverse('media:upload')}?product={product.pk}", files)
    work()

    assert "This is no picture, video or sound that we know." in owner.get(page(product)).content.decode()
    assert queries.of_products([product]) == {product.pk: []}


def test_a_full_product_is_said_before_a_byte_is_sent(owner, person, product, monkeypatch):
    monkeypatch.setattr(products, "MOST", 1)
    products.add(product=product, assets=[AssetFactory(owner=person).pk], actor=person)
    protocol = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}

    answer = owner.post(f"/media/uploads/?product={product.pk}", headers=protocol)
    assert answer.status_code == 403
    assert "cannot have more" in answer.content.decode()
    form = f"{reverse('media:upload')}?product={product.pk}"
    answer = owner.post(form, {"files": SimpleUploadedFile("a.jpg", b"abc")}, follow=True)
    assert "a.jpg: This product has 1 pictures and videos, and cannot have more." in answer.content.decode()
    assert not Upload.objects.exists()
    assert "Choose from my media" not in owner.get(page(product)).content.decode()


def test_full_by_the_time_it_has_arrived_it_is_kept_all_the_same(person, product, monkeypatch):
    now = timezone.now()
    upload = services.create_upload(owner=person, name="a.jpg", length=3, product=product, now=now)
    monkeypatch.setattr(products, "MOST", 0)

    services.receive(upload=upload, offset=0, length=3, read=io.BytesIO(b"abc").read, now=now)

    assert Asset.objects.get().owner == person
    assert order(product) == []


def test_a_product_that_is_gone_by_then_does_not_stop_the_file(person, product):
    now = timezone.now()
    upload = services.create_upload(owner=person, name="a.jpg", length=3, product=product, now=now)
    product.delete()

    services.receive(upload=upload, offset=0, length=3, read=io.BytesIO(b"abc").read, now=now)

    assert Asset.objects.get().name == "a.jpg"


@pytest.mark.parametrize("given", ["0", "abc", "-1", "9" * 30, "1%00"])
def test_for_a_product_that_is_not_there_nothing_is_uploaded(owner, given):
    protocol = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
    assert owner.get(f"/media/upload/?product={given}").status_code == 404
    assert owner.post(f"/media/upload/?product={given}", {"files": SimpleUploadedFile("a", b"a")}).status_code == 404
    assert owner.post(f"/media/uploads/?product={given}", headers=protocol).status_code == 403
    assert not Upload.objects.exists()


def test_unfinished_uploads_lead_back_to_their_product(owner, person, product):
    for name, target in (("half.mp4", product), ("other.mp4", None)):
        services.create_upload(owner=person, name=name, length=10, product=target, now=timezone.now())

    everything = owner.get("/media/upload/").content.decode()
    assert "half.mp4" in everything
    assert f'href="/media/upload/?product={product.pk}"' in everything
    of_product = owner.get(f"/media/upload/?product={product.pk}").content.decode()
    assert "half.mp4" in of_product
    assert "other.mp4" not in of_product


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["shopper", "moderator", "finance", "operator"])
def test_only_owners_have_these_pages(client, product, ready, role):
    asset = with_three(product, ready)[0]
    pages = [reverse("media:products"), page(product)]
    pages += [reverse(f"media:product-{name}", args=[product.pk]) for name in ("live", "choose")]
    changes = [reverse(f"media:product-{name}", args=[product.pk, asset.pk]) for name in ("move", "describe", "remove")]
    for signed_in, status in ((False, 302), (True, 403)):
        if signed_in:
            client.force_login(PersonFactory(**({role: True} if role != "shopper" else {})))
        assert {client.get(address).status_code for address in pages} == {status}
        assert {client.post(address).status_code for address in [*changes, pages[-1]]} == {status}
    assert order(product) == ["a", "b", "c"]


def test_a_shopper_uploads_for_nobody_s_product(client, product):
    client.force_login(PersonFactory())
    protocol = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
    assert client.get(f"/media/upload/?product={product.pk}").status_code == 404
    assert client.post(f"/media/uploads/?product={product.pk}", headers=protocol).status_code == 403
    assert not Upload.objects.exists()


def test_another_owner_arranges_what_is_there_and_adds_only_what_is_theirs(client, person, product, ready):
    asset = with_three(product, ready)[0]
    more = ready(name="mine.jpg")
    other = PersonFactory(owner=True)
    client.force_login(other)
    client.cookies["django_language"] = "en"

    seen = client.get(page(product)).content.decode()
    assert "Uploaded by Nguyễn Hà" in seen
    assert asset.get_absolute_url() not in seen
    assert "mine.jpg" not in client.get(reverse("media:product-choose", args=[product.pk])).content.decode()
    answer = client.post(reverse("media:product-choose", args=[product.pk]), {"assets": [more.pk]}, follow=True)
    assert "is no longer there" in answer.content.decode()
    client.post(reverse("media:product-move", args=[product.pk, asset.pk]), {"to": "later"})
    assert order(product) == ["b", "a", "c"]
    client.post(reverse("media:product-remove", args=[product.pk, asset.pk]))
    assert order(product) == ["b", "c"]
    assert Asset.objects.filter(pk=asset.pk).exists()


# --- arranging -------------------------------------------------------------------------------------------------------


def test_chosen_ones_are_added_in_the_order_they_are_listed(owner, product, ready):
    first, second, third = (ready(name=name) for name in "abc")
    address = reverse("media:product-choose", args=[product.pk])
    listed = owner.get(address)
    assert [asset for asset, _thumbnail in listed.context["rows"]] == [third, second, first]

    answer = owner.post(address, {"assets": [third.pk, first.pk]}, follow=True)

    assert answer.redirect_chain == [(page(product), 302)]
    assert "2 are added." in answer.content.decode()
    assert order(product) == ["c", "a"]
    assert [asset for asset, _thumbnail in owner.get(address).context["rows"]] == [second]
    assert "Tick at least one." in owner.post(address, follow=True).content.decode()
    assert owner.post(address, {"assets": ["nonsense"]}).status_code == 400
    assert owner.get(address, {"before": "nonsense"}).status_code == 400


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": Kind.SOUND},
        {"outcome": Outcome.REFUSED, "reason": "not_media"},
        {"outcome": Outcome.NONE, "finished_at": None},
    ],
)
def test_what_cannot_be_seen_cannot_be_chosen(owner, person, product, facts):
    asset = AssetFactory(owner=person, **facts)
    address = reverse("media:product-choose", args=[product.pk])
    assert asset.name not in owner.get(address).content.decode()
    assert "that can be shown" in owner.post(address, {"assets": [asset.pk]}, follow=True).content.decode()
    assert order(product) == []


def test_they_are_moved_earlier_and_later_and_not_beyond_the_ends(owner, product, ready):
    first, _second, third = with_three(product, ready)

    def move(asset: Asset, to: str) -> list[str]:
        answer = owner.post(reverse("media:product-move", args=[product.pk, asset.pk]), {"to": to})
        assert answer["Location"] == f"{page(product)}#media-{asset.pk}"
        return order(product)

    assert move(first, "later") == ["b", "a", "c"]
    assert move(first, "later") == ["b", "c", "a"]
    assert move(first, "later") == ["b", "c", "a"]
    assert move(third, "earlier") == ["c", "b", "a"]
    assert move(third, "earlier") == ["c", "b", "a"]
    assert move(third, "nonsense") == ["c", "b", "a"]


def test_what_was_removed_meanwhile_is_said(owner, product, ready):
    asset = with_three(product, ready)[0]
    address = {
        name: reverse(f"media:product-{name}", args=[product.pk, asset.pk]) for name in ("move", "describe", "remove")
    }
    assert "is not deleted" in owner.post(address["remove"], follow=True).content.decode()
    assert order(product) == ["b", "c"]
    for name in ("move", "describe"):
        answer = owner.post(address[name], {"to": "later", "alt": "x"}, follow=True)
        assert "It is no longer among the pictures" in answer.content.decode()
    owner.post(address["remove"])
    assert order(product) == ["b", "c"]


def test_what_is_to_be_seen_is_said_in_words(owner, product, ready):
    asset = with_three(product, ready)[0]
    address = reverse("media:product-describe", args=[product.pk, asset.pk])

    owner.post(address, {"alt": "  Áo thun\x00 <b>đỏ</b>,\r\n nhìn từ\u202e trước "})
    assert queries.of_product(product)[0].alt == "Áo thun <b>đỏ</b>, nhìn từ trước"
    assert "Áo thun &lt;b&gt;đỏ&lt;/b&gt;" in owner.get(page(product)).content.decode()
    assert "250 letters at most" in owner.post(address, {"alt": "x" * 251}, follow=True).content.decode()
    owner.post(address, {"alt": "x" * 250})
    assert len(queries.of_product(product)[0].alt) == 250


def test_no_product_has_too_many(person, product, ready):
    assets = [ready().pk for _ in range(products.MOST + 1)]
    with pytest.raises(products.Full):
        products.add(product=product, assets=assets, actor=person)
    assert order(product) == []
    assert products.add(product=product, assets=assets[:-2], actor=person) == products.MOST - 1
    with translation.override("en"), pytest.raises(products.Full, match="room for 1 more"):
        products.add(product=product, assets=assets[-2:], actor=person)
    assert products.add(product=product, assets=assets[:-1], actor=person) == 1  # the others are there
    with translation.override("en"), pytest.raises(products.Full, match="Remove one first"):
        products.check_room(product=product)


def test_deleted_it_is_shown_with_no_product(owner, person, product, ready):
    asset = with_three(product, ready)[0]
    other = ProductFactory()
    products.add(product=other, assets=[asset.pk], actor=person)
    address = reverse("media:delete", args=[asset.pk])
    assert "2 products are no longer shown with it." in owner.get(address).content.decode()

    owner.post(address)

    assert order(product) == ["b", "c"]
    assert order(other) == []
    assert "no longer shown" not in owner.get(reverse("media:delete", args=[ready().pk])).content.decode()


def test_a_product_that_is_not_there_is_said(owner, ready):
    asset = ready()
    for address in ("/media/products/0/", "/media/products/99999999999999999999999/", "/media/products/0/choose/"):
        assert owner.get(address).status_code == 404
    for name in ("move", "describe", "remove"):
        assert owner.post(reverse(f"media:product-{name}", args=[0, asset.pk])).status_code == 404


# --- two at once -----------------------------------------------------------------------------------------------------


@pytest.fixture
def at_once(transactional_db: None) -> Iterator[Callable[..., list[Any]]]:
    """Runs functions in threads of their own that begin together; returns what they return or raise."""
    with ThreadPoolExecutor(8) as pool:

        def run(*functions: Callable[[], Any]) -> list[Any]:
            together = threading.Barrier(len(functions))

            def one(function: Callable[[], Any]) -> Any:
                together.wait(10)
                try:
                    return function()
                except NotAllowed as error:
                    return error
                finally:
                    connection.close()

            return [future.result(30) for future in [pool.submit(one, function) for function in functions]]

        yield run


def test_two_who_add_at_once_get_places_of_their_own(person, product, ready, at_once):
    assets = [ready() for _ in range(8)]
    added = at_once(
        *(lambda pk=one.pk: products.add(product=product, assets=[pk], actor=person) for one in assets),
    )
    assert added == [1] * 8
    assert [one.position for one in queries.of_product(product)] == list(range(1, 9))


def test_the_last_place_is_given_to_one(person, product, ready, at_once, monkeypatch):
    monkeypatch.setattr(products, "MOST", 3)
    assets = [ready() for _ in range(6)]
    added = at_once(
        *(lambda pk=one.pk: products.add(product=product, assets=[pk], actor=person) for one in assets),
    )
    assert sorted(isinstance(one, products.Full) for one in added) == [False] * 3 + [True] * 3
    assert len(order(product)) == 3


def test_moved_and_added_at_once_none_is_lost(person, product, ready, at_once):
    first, second, third = with_three(product, ready)
    more = [ready(name=name) for name in "de"]
    at_once(
        lambda: products.move(product=product, asset=first.pk, by=1),
        lambda: products.move(product=product, asset=third.pk, by=-1),
        lambda: products.move(product=product, asset=second.pk, by=2),
        lambda: products.describe(product=product, asset=second.pk, alt="x"),
        *(lambda pk=one.pk: products.add(product=product, assets=[pk], actor=person) for one in more),
    )
    assert sorted(order(product)) == ["a", "b", "c", "d", "e"]
    assert ProductMedia.objects.get(asset=second).alt == "x"


def test_added_while_it_is_deleted_it_is_gone(person, product, ready, monkeypatch, at_once):
    """The window is held open: the asset's row is locked, and its places are deleted, when somebody adds it."""
    asset = ready()
    started, waits = threading.Event(), threading.Event()
    delete = Asset.delete

    def deleted(self, *args, **options):
        started.set()
        waits.wait(0.5)
        return delete(self, *args, **options)

    monkeypatch.setattr(Asset, "delete", deleted)

    def add():
        assert started.wait(10)
        return products.add(product=product, assets=[asset.pk], actor=person)

    _, added = at_once(lambda: services.delete_asset(asset=asset, actor=person), add)

    assert isinstance(added, NotAllowed)
    assert not Asset.objects.exists()
    assert order(product) == []


# --- lists -----------------------------------------------------------------------------------------------------------


def many_products(ready: Callable[..., Asset], count: int) -> list[Product]:
    made = ProductFactory.create_batch(count)
    for one in made:
        with_three(one, ready)
    return made


def test_a_page_of_products_costs_the_same_however_many_there_are(owner, ready, django_assert_num_queries):
    many_products(ready, 3)
    with django_assert_num_queries(6):
        assert owner.get(reverse("media:products")).content.decode().count('loading="lazy"') == 3
    many_products(ready, 9)
    with django_assert_num_queries(6):
        assert owner.get(reverse("media:products")).content.decode().count('loading="lazy"') == 12


def test_products_are_found_and_paged(owner, ready):
    ProductFactory.create_batch(30)
    wanted = ProductFactory(name="Nón lá Huế", sku="NON-1")
    with_three(wanted, ready)
    for search in ("nón", "non-1", " NON-1 ", "n\x00on-1"):
        rows = owner.get(reverse("media:products"), {"q": search}).context["rows"]
        assert [(row[0], row[1]) for row in rows] == [(wanted, 3)]
    assert "No product matches." in owner.get(reverse("media:products"), {"q": "zzz"}).content.decode()
    first = owner.get(reverse("media:products"))
    second = owner.get(reverse("media:products"), {"before": first.context["page"].older})
    assert len({row[0].pk for row in [*first.context["rows"], *second.context["rows"]]}) == 31
    assert owner.get(reverse("media:products"), {"before": "nonsense"}).status_code == 400


def test_there_may_be_no_products(owner):
    assert "There are no products yet." in owner.get(reverse("media:products")).content.decode()


def test_a_product_s_page_costs_the_same_however_much_is_on_it(
    owner, person, product, ready, django_assert_num_queries
):
    assert "has no pictures or videos yet" in owner.get(page(product)).content.decode()
    with_three(product, ready)
    with django_assert_num_queries(5):
        owner.get(page(product))
    products.add(product=product, assets=[ready().pk for _ in range(15)], actor=person)
    with django_assert_num_queries(5):
        assert owner.get(page(product)).content.decode().count('loading="lazy"') == 18


def test_my_media_and_what_can_be_chosen_have_thumbnails_at_a_constant_cost(
    owner, product, ready, django_assert_num_queries
):
    for count in (2, 12):
        for _ in range(count):
            ready()
        for address, cost in ((reverse("media:list"), 4), (reverse("media:product-choose", args=[product.pk]), 5)):
            with django_assert_num_queries(cost):
                listed = owner.get(address).content.decode()
            assert listed.count('loading="lazy"') == Asset.objects.count()


def test_a_thumbnail_is_the_smallest_that_stands_still(person):
    now = timezone.now()
    for kind, names, wanted in (
        (RenditionKind.PICTURE, ("w640.webp", "w320.jpg", "w320.webp", "w320.avif"), "w320.webp"),
        (RenditionKind.POSTER, ("w320.jpg", "poster.webp"), "w320.jpg"),
    ):
        asset = AssetFactory(owner=person, kind=Kind.VIDEO if kind == RenditionKind.POSTER else Kind.PICTURE)
        for name in names:
            RenditionFactory(
                asset=asset,
                name=name,
                kind=kind,
                width=320 if "320" in name else 640,
                content_type=f"image/{name.rpartition('.')[2]}",
            )
        RenditionFactory(asset=asset, name="z.vtt", kind=RenditionKind.CAPTIONS, width=None, height=None)
        assert showing.thumbnails([asset], now=now)[asset.pk].address.endswith(wanted)
    moving = AssetFactory(owner=person)
    RenditionFactory(asset=moving, name="animation.webp", width=100)
    RenditionFactory(asset=moving, name="w320.webp", kind=RenditionKind.POSTER)
    assert showing.thumbnails([moving], now=now)[moving.pk].address.endswith("w320.webp")
    waiting = AssetFactory(owner=person, outcome=Outcome.NONE, finished_at=None)
    RenditionFactory(asset=waiting)
    assert showing.thumbnails([waiting], now=now) == {}


def test_what_shoppers_see_costs_two_queries_however_many_there_are(person, ready, django_assert_num_queries):
    made = many_products(ready, 4)
    first = queries.of_product(made[0])[0].asset
    Asset.objects.filter(pk=first.pk).update(outcome=Outcome.NONE, finished_at=None)
    empty = ProductFactory()
    now = timezone.now()
    with django_assert_num_queries(2):
        found = queries.of_products([*made, empty])
        shown = {pk: [showing.show(one.asset, now=now) for one in media] for pk, media in found.items()}
    assert [len(shown[one.pk]) for one in [*made, empty]] == [2, 3, 3, 3, 0]
    assert all(one is not None for media in shown.values() for one in media)
    assert [one.position for one in found[made[1].pk]] == [1, 2, 3]
    with django_assert_num_queries(1):
        assert queries.first_of_products(made)[made[0].pk].position == 2


def test_what_failed_says_why_and_a_purged_job_is_no_trouble(owner, person, product, work):
    owner.post(f"{reverse('media:upload')}?product={product.pk}", {"files": SimpleUploadedFile("a.jpg", b"abc")})
    asset = Asset.objects.get()
    asset.job.delete()
    assert "Failed" in owner.get(page(product)).content.decode()


def test_another_demo_shop_takes_the_pictures_of_the_old_one_away_and_no_file(person, product, ready):
    asset = with_three(product, ready)[0]
    upload = services.create_upload(owner=person, name="a.jpg", length=3, product=product, now=timezone.now())

    seed_shop(lines=10, seed=1, first=date(2026, 1, 1), until=datetime(2026, 1, 3, tzinfo=UTC), replace=True)

    assert not ProductMedia.objects.exists()
    assert Asset.objects.filter(pk=asset.pk).exists()
    upload.refresh_from_db()
    assert upload.product is None


# --- operators -------------------------------------------------------------------------------------------------------


def test_an_operator_sees_which_products_have_it(client, product, ready):
    asset = with_three(product, ready)[0]
    client.force_login(PersonFactory(is_staff=True, is_superuser=True))
    shown = client.get(reverse("admin:media_pipeline_asset_change", args=[asset.pk])).content.decode()
    assert str(product) in shown
    assert "product_media-0-DELETE" not in shown


def test_an_upload_that_expired_is_nobody_s(owner, person, product):
    old = timezone.now() - timedelta(days=8)
    services.create_upload(owner=person, name="old.mp4", length=10, product=product, now=old)
    assert "old.mp4" not in owner.get(f"/media/upload/?product={product.pk}").content.decode()
