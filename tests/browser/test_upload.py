"""Uploading from the page: a connection that breaks, a pause, a reload, and no script at all."""

import base64
import hashlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import expect
from pytest_django.live_server_helper import LiveServer

from media_pipeline import services
from media_pipeline.models import Asset, Upload
from shop.accounts.models import User
from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MB = 1024 * 1024


class Line:
    """Between the browser and the server. It breaks once, after ``breaks_after`` bytes of one connection; while it is
    ``down``, every connection breaks."""

    def __init__(self, server: str, breaks_after: int) -> None:
        self._to = (urlsplit(server).hostname, urlsplit(server).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.breaks_after = breaks_after
        self.has_broken = threading.Event()
        self.down = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
                for source, target, counted in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass_on, args=(source, target, counted), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65536):
                passed += len(data)
                if self.down or (counted and passed > self.breaks_after and not self.has_broken.is_set()):
                    self.has_broken.set()
                    break
                target.sendall(data)
        for sock in (source, target):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    settings.UPLOAD_FOLDER = str(tmp_path / "uploads")


@pytest.fixture
def line(live_server: LiveServer) -> Iterator[Line]:
    line = Line(live_server.url, breaks_after=3 * MB)
    yield line
    line.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """8 MB; what is in it does not matter on the way in."""
    path = tmp_path / "Kỳ nghỉ ở Đà Lạt.mp4"
    path.write_bytes(os.urandom(8 * MB))
    return path


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_whole(asset: Asset, clip: Path) -> bool:
    path = services.arrived_file(asset)
    return path is not None and sha256(path.read_bytes()) == sha256(clip.read_bytes())


@pytest.mark.parametrize("step", ["en-1280", "vi-390"])
def test_a_line_that_breaks_costs_nothing(
    visit: Callable[..., Visitor], line: Line, owner: User, clip: Path, step: str
) -> None:
    language, width = step.split("-")
    visitor = visit(language=language, width=int(width))
    visitor.base = line.url
    visitor.context.add_cookies([{"name": "django_language", "value": language, "url": line.url}])
    visitor.sign_in(owner)
    visitor.goto("/media/upload/")
    visitor.page.set_input_files("#upload-files", clip)

    expect(visitor.page.locator("[data-badge=done]")).to_be_visible(timeout=60_000)

    asset = Asset.objects.get()
    assert line.has_broken.is_set()
    assert is_whole(asset, clip)
    assert asset.name == clip.name
    assert Upload.objects.count() == 1  # it went on, and did not begin again
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if "ERR_" not in trouble]  # the break itself
    visitor.page.locator("[data-open]").click()
    expect(visitor.page).to_have_url(f"{line.url}{asset.get_absolute_url()}")


def test_a_page_that_was_closed_goes_on_with_the_file_when_it_is_chosen_again(
    visit: Callable[..., Visitor], line: Line, owner: User, clip: Path
) -> None:
    visitor = visit()
    visitor.base = line.url
    visitor.sign_in(owner)
    visitor.goto("/media/upload/")
    visitor.page.set_input_files("#upload-files", clip)
    assert line.has_broken.wait(60)
    line.down = True
    visitor.page.evaluate("document.querySelector('[data-act=pause]').click()")
    expect(visitor.page.locator("[data-badge=paused]")).to_be_visible()
    line.down = False
    visitor.page.reload()
    upload = Upload.objects.get()
    there = services.folder().size(upload.pk)
    assert 0 < there < 8 * MB
    expect(visitor.page.locator("[data-under-way]")).to_contain_text(clip.name)

    visitor.page.set_input_files("#upload-files", clip)

    expect(visitor.page.locator("[data-badge=done]")).to_be_visible(timeout=60_000)
    expect(visitor.page.locator("[data-under-way]")).to_have_count(0)
    assert Upload.objects.count() == 1
    assert is_whole(Asset.objects.get(), clip)
    visitor.troubles[:] = [trouble for trouble in visitor.troubles if "ERR_" not in trouble]


def test_pause_goes_on_and_discard_leaves_nothing(
    visit: Callable[..., Visitor], owner: User, clip: Path, tmp_path: Path
) -> None:
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto("/media/upload/")
    page = visitor.page
    held: list[Any] = []
    page.route(re.compile(r"/media/uploads/.+/$"), lambda route: held.append(route))  # noqa: PLW0108 (Playwright wants a function)
    second = tmp_path / "second.jpg"
    second.write_bytes(b"abc")
    page.set_input_files("#upload-files", [clip, second])
    rows = page.locator("[data-uploads] > li")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("Waits until the one before it has arrived")

    rows.nth(1).get_by_role("button", name="Discard").click()
    expect(rows).to_have_count(1)
    rows.nth(0).get_by_role("button", name="Pause").click()
    expect(rows.nth(0).locator("[data-badge=paused]")).to_be_visible()
    assert page.evaluate("document.activeElement.dataset.act") == "resume"
    page.unroute(re.compile(r"/media/uploads/.+/$"))
    rows.nth(0).get_by_role("button", name="Go on").click()

    expect(rows.nth(0).locator("[data-badge=done]")).to_be_visible(timeout=60_000)
    assert Asset.objects.get().name == clip.name


def test_what_the_server_refuses_is_said_in_its_words(
    visit: Callable[..., Visitor], owner: User, clip: Path, settings: Any
) -> None:
    settings.UPLOAD_MOST_BYTES = 5 * MB
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto("/media/upload/")

    visitor.page.set_input_files("#upload-files", clip)

    row = visitor.page.locator("[data-uploads] > li")
    expect(row).to_contain_text("The file has 8.0\xa0MB. The largest that we take has 5.0\xa0MB.")
    expect(visitor.page.locator("#announcer")).to_contain_text("could not be uploaded")
    assert not Upload.objects.exists()


def test_files_that_are_dropped_are_uploaded(visit: Callable[..., Visitor], owner: User) -> None:
    visitor = visit()
    visitor.sign_in(owner)
    visitor.goto("/media/upload/")
    content = base64.b64encode(b"abc").decode()
    visitor.page.evaluate(
        """content => {
            const carried = new DataTransfer();
            carried.items.add(new File([atob(content)], "dropped.jpg", {type: "image/jpeg"}));
            carried.items.add(new File([atob(content)], "another.jpg", {type: "image/jpeg"}));
            const target = document.querySelector("[data-drop]");
            for (const name of ["dragenter", "dragover", "drop"]) {
              target.dispatchEvent(new DragEvent(name, {dataTransfer: carried, bubbles: true, cancelable: true}));
            }
        }""",
        content,
    )

    expect(visitor.page.locator("[data-badge=done]:visible")).to_have_count(2, timeout=30_000)
    assert set(Asset.objects.values_list("name", "size")) == {("dropped.jpg", 3), ("another.jpg", 3)}


def test_without_a_script_the_form_sends_small_files(visit: Callable[..., Visitor], owner: User, clip: Path) -> None:
    visitor = visit(javascript=False)
    visitor.sign_in(owner)
    visitor.goto("/media/upload/")
    visitor.page.set_input_files("#upload-files", clip)
    visitor.page.locator("[data-without-script]").click()

    asset = Asset.objects.get()
    expect(visitor.page).to_have_url(f"{visitor.base}{asset.get_absolute_url()}")
    assert is_whole(asset, clip)


@pytest.mark.parametrize("step", ["vi-light", "en-dark"])
def test_the_page_is_accessible_and_fits(
    visit: Callable[..., Visitor], owner: User, clip: Path, tmp_path: Path, step: str
) -> None:
    language, theme = step.split("-")
    long = "Một cái tên rất dài mà không ai đặt cho tệp của mình bao giờ " * 3
    services.create_upload(owner=owner, name=f"{long}.mov", length=3 * MB, now=timezone.now())
    small = tmp_path / ("x" * 150 + ".jpg")
    small.write_bytes(b"abc")
    visitor = visit(language=language, theme=theme)
    visitor.sign_in(owner)
    wrong = []
    for width in (390, 768, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        visitor.goto("/media/upload/")
        visitor.page.set_input_files("#upload-files", [small, clip])
        expect(visitor.page.locator("[data-badge=done]:visible")).to_have_count(2, timeout=60_000)
        overflow = visitor.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if overflow > 0:
            wrong.append(f"{width}: {overflow} px stick out")
        wrong += [
            f"{width}: {violation['id']} {[node['target'] for node in violation['nodes']]}"
            for violation in Axe().run(visitor.page).response["violations"]
            if violation["impact"] in {"serious", "critical"}
        ]
        if folder := os.environ.get("SHOTS"):
            visitor.page.screenshot(path=f"{folder}/upload-{step}-{width}.png", full_page=True)
    assert wrong == []
