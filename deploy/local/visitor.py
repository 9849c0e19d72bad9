"""A person with a browser, as far as a server can tell: cookies, pages, and the forms that are on them."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any, Final
from urllib.parse import urlencode, urljoin

#: Seconds that a page may take.
PATIENCE: Final = 30.0


class Unexpected(Exception):
    """The site did something else than it should. The message says what."""


@dataclass(slots=True)
class Form:
    """What a form on a page would send, and where."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self, wanted: str | Callable[[Form], bool]) -> Form:
        """The form with a field of that name, or that ``wanted`` is true of. Raises Unexpected."""
        reader = _Reader()
        reader.feed(self.text)
        is_it = wanted if callable(wanted) else lambda form: any(name == wanted for name, _ in form.fields)
        for form in reader.forms:
            if is_it(form):
                return form
        raise Unexpected(f"{self.url} ({self.status}) does not have the form that should be there")

    def fact(self, term: str) -> str:
        """The description that the page's lists of facts give for ``term``. Raises Unexpected."""
        reader = _Reader()
        reader.feed(self.text)
        for found, words in reader.facts:
            if found.strip() == term:
                return " ".join(words.split())
        raise Unexpected(f"{self.url} ({self.status}) does not say {term!r}")


class Visitor:
    """Goes from page to page with one set of cookies, preferring English where nobody has chosen a language."""

    def __init__(self, site: str) -> None:
        self.site = site
        self._cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._cookies))
        self._opener.addheaders = [("Accept-Language", "en")]

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        return self._open(urllib.request.Request(urljoin(self.site, path), headers=dict(headers or {})))  # noqa: S310

    def submit(self, page: Page, form: Form, **values: str) -> Page:
        """Sends ``form`` of ``page`` with ``values`` typed over what it holds, and follows where it leads."""
        fields = [(name, value) for name, value in form.fields if name not in values] + list(values.items())
        address = urljoin(page.url, form.action)
        return self._open(urllib.request.Request(address, data=urlencode(fields).encode()))  # noqa: S310

    def send(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Page:
        """A request as a page's own script makes it, with the session's token against forgery."""
        tokens = [cookie.value for cookie in self._cookies if cookie.name == "csrftoken"]
        own = {"X-CSRFToken": tokens[0] or ""} if tokens else {}
        request = urllib.request.Request(  # noqa: S310
            urljoin(self.site, path), data=body, headers={**own, **(headers or {})}, method=method
        )
        return self._open(request)

    def sign_in(self, name: str, password: str) -> None:
        """Through the form that people use. Raises Unexpected."""
        page = self.get("/sign-in/")
        arrived = self.submit(page, page.form("password"), name=name, password=password)
        if arrived.status != 200 or "/sign-in/" in arrived.url:  # noqa: PLR2004
            raise Unexpected(f"{name} cannot sign in ({arrived.status} at {arrived.url})")

    def _open(self, request: urllib.request.Request) -> Page:
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return Page(answer.url, answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Page(error.url, error.code, dict(error.headers), error.read())
        except OSError as error:
            raise Unexpected(f"{request.full_url} does not answer: {error}") from None


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.facts: list[tuple[str, str]] = []
        self._form: Form | None = None
        self._words: list[str] | None = None
        self._term = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = dict(attrs)
        if tag == "form":
            self._form = Form(has.get("action") or "")
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and (name := has.get("name")):
            if has.get("type") not in {"checkbox", "radio"} or "checked" in has:
                self._form.fields.append((name, has.get("value") or ""))
        elif tag in {"dt", "dd"}:
            self._words = []

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "dt":
            self._term = "".join(self._words or ())
        elif tag == "dd":
            self.facts.append((self._term, "".join(self._words or ())))
            self._words = None

    def handle_data(self, data: str) -> None:
        if self._form is not None:
            self._form.words += data
        if self._words is not None:
            self._words.append(data)
