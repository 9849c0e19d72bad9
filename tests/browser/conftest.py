"""Chromium against the real site on a live server.

Every page that a test opens is watched: a console error, a breach of the content security policy or an answer of 500
fails the test.
"""

from collections.abc import Callable, Iterator
from ctypes.util import find_library
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright
from pytest_django.live_server_helper import LiveServer

from shop.accounts.models import User
from tests.factories.people import PASSWORD, PersonFactory

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")  # not longer: while Playwright runs, other tests of the process cannot run a loop
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium package (/usr/bin/chromium)")
    if not find_library("atomic"):
        pytest.skip("Playwright's driver needs Debian's libatomic1 package")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's loop runs in this thread; Django takes that for an async view and would refuse its database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Visitor:
    """One person's browser: its page, and what went wrong in it."""

    context: BrowserContext
    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)

    def goto(self, path: str) -> None:
        self.page.goto(self.base + path)

    def sign_in(self, person: User) -> None:
        self.goto("/sign-in/")
        self.page.fill("#id_name", person.username)
        self.page.fill("#id_password", PASSWORD)
        self.page.press("#id_password", "Enter")
        self.page.wait_for_url(f"{self.base}/")

    def watch(self) -> None:
        def console(message) -> None:
            # Chromium writes every answer of 4xx to the console; those pages are meant.
            if message.type == "error" and "status of 4" not in message.text:
                self.troubles.append(message.text)

        self.page.on("console", console)
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))


@pytest.fixture
def visit(browser: Browser, live_server: LiveServer) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser of its own for each call: ``visit(language="vi", theme="light", width=1280, javascript=True)``."""
    visitors: list[Visitor] = []

    def open_browser(
        *, language: str = "en", theme: str = "light", width: int = 1280, javascript: bool = True
    ) -> Visitor:
        context = browser.new_context(
            base_url=live_server.url,
            locale={"vi": "vi-VN", "en": "en-GB"}[language],
            color_scheme="dark" if theme == "dark" else "light",
            viewport=ViewportSize(width=width, height=900),
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": language, "url": live_server.url}])
        visitor = Visitor(context, context.new_page(), live_server.url)
        visitor.watch()
        visitors.append(visitor)
        return visitor

    yield open_browser
    troubles = [trouble for visitor in visitors for trouble in visitor.troubles]
    for visitor in visitors:
        visitor.context.close()
    assert troubles == []


@pytest.fixture
def owner() -> User:
    return PersonFactory.create(
        owner=True, first_name="Nguyễn Phước Bảo Khánh Huyền", last_name="Công Tằng Tôn Nữ", username="owner"
    )


@pytest.fixture
def operator() -> User:
    return PersonFactory.create(operator=True, username="operator")
