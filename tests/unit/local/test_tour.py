import io
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

import pytest
from openpyxl import Workbook

from deploy.local import tour
from deploy.local.visitor import Form, Page, Unexpected, Visitor

SIGN_IN = """
<form action="/search"><input name="q"></form>
<form method="post"><input type="hidden" name="csrf" value="t0ken"><input name="name"><input name="password">
<input type="checkbox" name="stay" value="yes"><input type="radio" name="how" value="a" checked></form>"""


class Site(BaseHTTPRequestHandler):
    """A site with a sign-in form, a cookie, a page for those who have it and a job that takes two looks."""

    looks = 0

    def do_GET(self) -> None:
        if self.path == "/sign-in/":
            self.answer(200, SIGN_IN)
        elif self.path.startswith("/api/v1/jobs/"):
            Site.looks += 1
            over = Site.looks > 2
            state = "succeeded" if over else "running"
            self.answer(200, f'{{"state": "{state}", "error": null}}', {} if over else {"Retry-After": "0"})
        elif "session=1" in (self.headers["Cookie"] or ""):
            self.answer(200, f"hello, {self.headers['Accept-Language']}")
        else:
            self.answer(403, "no")

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
        if sent == {"csrf": ["t0ken"], "how": ["a"], "name": ["mai"], "password": ["right"]}:
            self.answer(302, "", {"Set-Cookie": "session=1; Path=/", "Location": "/home/"})
        else:
            self.answer(200, SIGN_IN)

    def answer(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    Site.looks = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def page(body: str) -> Page:
    return Page("http://x/", 200, {}, body.encode())


def test_a_visitor_signs_in_through_the_form_and_is_known_from_then_on(site: str) -> None:
    visitor = Visitor(site)
    assert visitor.get("/home/").status == 403

    visitor.sign_in("mai", "right")

    assert visitor.get("/home/").text == "hello, en"


def test_a_wrong_password_is_a_failed_story(site: str) -> None:
    with pytest.raises(Unexpected, match="mai cannot sign in"):
        Visitor(site).sign_in("mai", "wrong")


def test_a_site_that_is_not_there_is_a_failed_story() -> None:
    with pytest.raises(Unexpected, match="does not answer"):
        Visitor("http://127.0.0.1:1").get("/")


def test_a_job_is_followed_to_its_end(site: str) -> None:
    assert tour.concluded(Visitor(site), "7KQF-3M9T-XW2C")["state"] == "succeeded"
    assert Site.looks == 3


def test_a_form_is_found_by_its_words() -> None:
    body = '<form action="/a"><button>One</button></form><form action="/b"><button>Full-year</button></form>'

    assert page(body).form(lambda form: "Full-year" in form.words) == Form("/b", [], "Full-year")
    with pytest.raises(Unexpected, match="does not have the form"):
        page(body).form("password")


def test_facts_are_read_whatever_marks_them_up() -> None:
    body = "<dl><div><dt>Rows</dt><dd>1,234</dd></div><div><dt>SHA-256</dt><dd><code>ab\n cd</code></dd></div></dl>"

    assert (page(body).fact("Rows"), page(body).fact("SHA-256")) == ("1,234", "ab cd")
    with pytest.raises(Unexpected, match="does not say 'Size'"):
        page(body).fact("Size")


def test_a_sheet_adds_up_by_currency_and_the_summary_is_left_out() -> None:
    book = Workbook()
    summary, lines = book.active, book.create_sheet("Lines")
    assert summary is not None
    summary.append(["Rows", 3])
    for row in (["No.", "Currency", "Revenue"], [1, "VND", 1_290_000], [2, "GBP", "0.10"], [3, "GBP", 0.2]):
        lines.append(row)
    content = io.BytesIO()
    book.save(content)

    found = tour.added_up(content.getvalue(), amount="Revenue", currency="Currency")

    assert found == (3, {"VND": Decimal(1_290_000), "GBP": Decimal("0.30")})


@pytest.mark.parametrize(
    ("shown", "means"), [("1.290.000 ₫", "1290000"), ("£1,234.50", "123450"), ("−5 ₫", "-5"), ("11,339", "11339")]
)
def test_digits_are_read_in_every_language(shown: str, means: str) -> None:
    assert tour.digits(shown) == means


def test_words_are_those_of_the_language_of_the_page() -> None:
    assert tour.words_of(page('<html lang="en" data-theme="system">'))("Revenue") == "Revenue"
    assert tour.words_of(page('<html lang="vi" data-theme="system">'))("Revenue") == "Doanh thu"


def test_the_lookup_code_is_read_from_the_address() -> None:
    assert tour.code_of(Page("http://x/reports/7KQF-3M9T-XW2C/", 200, {}, b"")) == "7KQF-3M9T-XW2C"
    with pytest.raises(Unexpected, match="no lookup code"):
        tour.code_of(page(""))


def test_a_story_that_fails_is_a_line_and_the_status(
    site: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def good(place: tour.Place) -> str:
        return f"fine at {place.site}"

    def bad(place: tour.Place) -> str:
        raise Unexpected("the sheet is empty")

    monkeypatch.setattr(tour, "STORIES", {"one": good, "two": bad})
    monkeypatch.setattr("sys.argv", ["tour", "--site", site])

    assert tour.main() == 1
    assert capsys.readouterr().out == f"✓ one: fine at {site}\n✗ two: the sheet is empty\n"
