"""What products are shown with: uploaded from the product's page, watched until it is ready, arranged, and described."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from PIL import Image
from playwright.sync_api import expect

from media_pipeline import processing, products, queries, services
from media_pipeline.models import Asset, Kind
from shop.accounts.models import User
from shop.catalog.models import Product
from tests.browser.conftest import Visitor
from tests.factories.catalog import ProductFactory
from tests.factories.media import AssetFactory
from tests.factories.people import PersonFactory
from tests.integration.media.assets.conftest import Worker

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def folders(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_FOLDER = str(tmp_path / "uploads")
    settings.MEDIA_WORK_FOLDER = str(tmp_path / "work")
    options = {"location": str(tmp_path / "files"), "base_url": None}
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options}
    }


@pytest.fixture
def product() -> Product:
    return ProductFactory.create(name="Áo dài lụa tơ tằm thêu tay hoa sen, cổ thuyền, tay lỡ", sku="AD-LUA-0017")


def photograph(width: int, height: int, hue: int) -> bytes:
    file = io.BytesIO()
    gradient = Image.linear_gradient("L").resize((width, height))
    Image.merge("HSV", (gradient.point(lambda _: hue), gradient.rotate(90, expand=False), gradient)).convert(
        "RGB"
    ).save(file, "JPEG")
    return file.getvalue()


def uploaded(owner: User, name: str, content: bytes, product: Product | None = None) -> Asset:
    now = timezone.now()
    upload = services.create_upload(owner=owner, name=name, length=len(content), product=product, now=now)
    services.receive(upload=upload, offset=0, length=len(content), read=io.BytesIO(content).read, now=now)
    return Asset.objects.select_related("job", "owner").get(name=name)


def names(product: Product) -> list[str]:
    return [one.asset.name for one in queries.of_product(product)]


def test_from_the_upload_to_the_place_it_is_shown_at(
    visit: Callable[..., Visitor], owner: User, product: Product, tmp_path: Path
) -> None:
    file = tmp_path / "front.jpg"
    file.write_bytes(photograph(600, 800, 10))
    other = uploaded(owner, "back.jpg", photograph(800, 600, 120))
    processing.process(other.pk, run=Worker())
    visitor = visit()
    visitor.sign_in(owner)
    page = visitor.page
    visitor.goto("/media/products/")
    page.get_by_role("link", name=product.name).click()

    page.get_by_role("link", name="Upload").click()
    page.wait_for_url("**/media/upload/**")  # until its script is there
    page.set_input_files("#upload-files", file)
    expect(page.locator("[data-badge=done]:visible")).to_have_count(1, timeout=30_000)
    page.locator(".back").click()
    item = page.locator(".product-media > li")
    expect(item).to_contain_text("Waiting")
    expect(page.locator("#product-live")).to_contain_text("1 file is being processed.")

    processing.process(Asset.objects.get(name="front.jpg").pk, run=Worker())

    expect(page.locator("#product-live")).to_contain_text("Everything has been processed.", timeout=10_000)
    expect(page.locator("#announcer")).to_have_text("Everything has been processed.")
    shown = item.locator("img").last
    expect(shown).to_have_js_property("complete", value=True)
    assert shown.evaluate("image => image.naturalWidth") > 0

    page.get_by_role("link", name="Choose from my media").click()
    page.get_by_label("back.jpg").check()
    page.get_by_role("button", name="Add the ticked ones").click()
    assert names(product) == ["front.jpg", "back.jpg"]
    page.get_by_role("button", name="Move later front.jpg").click()
    expect(page.locator(".product-media > li").first).to_contain_text("back.jpg")
    page.locator(".product-media > li").first.get_by_label("in words").fill("Lưng áo")
    page.get_by_role("button", name="Save back.jpg").click()
    expect(page.locator(".notice")).to_contain_text("Saved.")
    page.get_by_role("button", name="Remove front.jpg").click()
    expect(page.locator(".product-media > li")).to_have_count(1)
    assert [(one.asset.name, one.alt) for one in queries.of_product(product)] == [("back.jpg", "Lưng áo")]


def test_until_a_picture_has_come_its_placeholder_holds_its_place(visit: Callable[..., Visitor], owner: User) -> None:
    asset = uploaded(owner, "tall.jpg", photograph(900, 1600, 60))
    processing.process(asset.pk, run=Worker())
    visitor = visit()
    visitor.sign_in(owner)
    held: list[Any] = []
    visitor.page.route("**/media/file/**", lambda route: held.append(route))  # noqa: PLW0108 (Playwright wants a function)
    visitor.page.goto(visitor.base + asset.get_absolute_url(), wait_until="domcontentloaded")
    placeholder, picture = visitor.page.locator(".viewer .placeholder"), visitor.page.locator(".viewer picture img")
    expect(placeholder).to_be_visible()
    before = picture.bounding_box()
    if folder := os.environ.get("SHOTS"):
        visitor.page.screenshot(path=f"{folder}/placeholder.png")

    for route in held:
        route.continue_()
    expect(picture).to_have_js_property("complete", value=True)

    assert picture.bounding_box() == placeholder.bounding_box() == before
    if folder:
        visitor.page.screenshot(path=f"{folder}/picture.png")


def test_without_a_script_it_can_be_arranged(visit: Callable[..., Visitor], owner: User, product: Product) -> None:
    assets = [AssetFactory.create(owner=owner, name=name) for name in ("a.jpg", "b.jpg")]
    products.add(product=product, assets=[one.pk for one in assets], actor=owner)
    visitor = visit(javascript=False)
    visitor.sign_in(owner)
    visitor.goto(f"/media/products/{product.pk}/")
    visitor.page.get_by_role("button", name="Move earlier b.jpg").click()
    expect(visitor.page.locator(".product-media > li").first).to_contain_text("b.jpg")
    assert names(product) == ["b.jpg", "a.jpg"]


@pytest.mark.parametrize("step", ["vi-light", "en-dark"])
def test_the_pages_are_accessible_and_fit(
    visit: Callable[..., Visitor], owner: User, product: Product, step: str
) -> None:
    language, theme = step.split("-")
    empty = ProductFactory.create()
    ProductFactory.create(is_active=False)
    for name, width, height, hue in (("front.jpg", 900, 1200, 10), ("Mặt sau áo.jpg", 1600, 900, 120)):
        asset = uploaded(owner, name, photograph(width, height, hue), product)
        processing.process(asset.pk, run=Worker())
    uploaded(owner, "một-cái-tên-rất-dài-không-có-chỗ-nào-để-xuống-dòng-" * 3 + ".jpg", b"waits", product)
    refused = uploaded(owner, "no-picture.jpg", b"no picture at all", product)
    processing.process(refused.pk, run=Worker())
    theirs = AssetFactory.create(owner=PersonFactory.create(owner=True), kind=Kind.SOUND, name="theirs.mp3")
    products.add_uploaded(product_id=product.pk, asset=theirs)
    for hue in (30, 90, 200):
        asset = uploaded(owner, f"Ảnh {hue}.jpg", photograph(800, 500 + hue, hue))
        processing.process(asset.pk, run=Worker())
    visitor = visit(language=language, theme=theme)
    visitor.sign_in(owner)
    wrong = []
    for width in (390, 768, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        for name, address in {
            "products": "/media/products/",
            "nothing": "/media/products/?q=zzz",
            "product": f"/media/products/{product.pk}/",
            "empty": f"/media/products/{empty.pk}/",
            "choose": f"/media/products/{product.pk}/choose/",
            "upload": f"/media/upload/?product={product.pk}",
            "list": "/media/",
        }.items():
            visitor.goto(address)
            overflow = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            if overflow > 0:
                wrong.append(f"{address} at {width}: {overflow} px stick out")
            wrong += [
                f"{address} at {width}: {violation['id']} {[node['target'] for node in violation['nodes']]}"
                for violation in Axe().run(visitor.page).response["violations"]
                if violation["impact"] in {"serious", "critical"}
            ]
            if folder := os.environ.get("SHOTS"):
                visitor.page.screenshot(path=f"{folder}/{name}-{step}-{width}.png", full_page=True)
    assert wrong == []
