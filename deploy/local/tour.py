"""``./run tour``: drives every story that exists, from outside, through the pages and the API that people use.

It needs a running ``./run up`` and prints one line of evidence for each story. Exit status 1 where one fails.
"""

import argparse
import base64
import csv
import gettext
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

from openpyxl import load_workbook
from PIL import Image

from deploy.local import environment
from deploy.local.machine import ROOT, VAR
from deploy.local.visitor import Page, Unexpected, Visitor
from shop.accounts.demo import DEMO_PASSWORD

#: Seconds that a job of a story may take.
PATIENCE: Final = 120.0
_KIND: Final = re.compile(r'href="/reports/new/([a-z-]+)/"')
_CODE: Final = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the product is: the site, and what `./run up` started beside it (empty where that is elsewhere)."""

    site: str
    flower: str = ""
    flower_user: str = ""
    sandbox: str = ""

    def visitor(self, name: str) -> Visitor:
        """A person of the demo, signed in."""
        visitor = Visitor(self.site)
        visitor.sign_in(name, DEMO_PASSWORD)
        return visitor


# --- the stories -----------------------------------------------------------------------------------------------------


def everything_runs(place: Place) -> str:
    """Each part answers, and each only to those who may ask."""
    health = Visitor(place.site).get("/healthz/ready").json()
    expect(health["status"], "ok", "health")
    workers, dispatchers = (health["checks"][part]["alive"] for part in ("workers", "dispatcher"))
    expect(place.visitor("operator").get("/admin/").status, 200, "the admin for the operator")
    refused = place.visitor("shopper").get("/admin/")
    if refused.status == 200 and "/admin/" in refused.url:  # noqa: PLR2004
        raise Unexpected("the admin opens for a shopper")
    evidence = f"{workers} workers and {dispatchers} dispatcher alive, every queue served, admin for operators only"
    if place.flower:
        expect(Visitor(place.flower).get("/api/workers").status, 401, "Flower without a password")
        key = base64.b64encode(place.flower_user.encode()).decode()
        expect(
            Visitor(place.flower).get("/", {"Authorization": f"Basic {key}"}).status, 200, "Flower with its password"
        )
        evidence += ", Flower behind its password"
    if place.sandbox:
        count = Visitor(place.sandbox).get("/messages.json").json()["count"]
        evidence += f", mail server answers ({count} messages)"
    return evidence


def full_year_revenue(place: Place) -> str:
    """A year of revenue as Excel: a code at once, a right file later, and nobody else's eyes on it."""
    owner = place.visitor("owner")
    page = owner.get("/reports/")
    began = time.monotonic()
    asked = owner.submit(page, page.form(lambda form: ("period", "last_year") in form.fields))
    answered = time.monotonic() - began
    code = code_of(asked)

    job = concluded(owner, code)
    took = time.monotonic() - began
    expect(job["state"], "succeeded", f"job {code} ({job['error']})")
    shown = owner.get(f"/reports/{code}/")
    words = words_of(shown)
    file = owner.get(f"/reports/{code}/download/")
    expect(file.status, 200, "the download")

    expect(hashlib.sha256(file.body).hexdigest(), shown.fact("SHA-256"), "the file's SHA-256")
    rows, revenue = added_up(file.body, amount=words("Revenue"), currency=words("Currency"))
    expect(rows, int(digits(shown.fact(words("Rows")))), "rows in the sheet")
    if rows == 0:
        raise Unexpected("the year has no rows; ./run seed fills an empty shop")
    term = words("%(what)s in %(currency)s")
    on_page = {name: shown.fact(term % {"what": words("Revenue"), "currency": name}) for name in revenue}
    for currency, total in revenue.items():
        expect(digits(str(total)), digits(on_page[currency]), f"revenue in {currency}")

    stranger = place.visitor("shopper")
    foreign = stranger.get(f"/api/v1/jobs/{code}")
    unknown = stranger.get("/api/v1/jobs/0000-0000-0000")
    expect(foreign.status, 404, "the code for another person")
    expect(foreign.body, unknown.body, "what another person is told")
    return (
        f"{code} after {answered:.2f} s; {rows:,} rows, {len(file.body) / 1000:,.0f} kB after {took:.1f} s; "
        f"the sheet adds up to {', '.join(on_page.values())} as the page says; SHA-256 right; 404 for another person"
    )


def every_kind_of_report(place: Place) -> str:
    """Each kind once, in one format after the other; a CSV file is counted, and none is another than its page says."""
    owner = place.visitor("owner")
    chooser = owner.get("/reports/new/")
    kinds = list(dict.fromkeys(_KIND.findall(chooser.text)))
    expect(len(kinds) > 1, True, "kinds to choose from")
    told = []
    for kind, suffix in zip(kinds, cycle(("pdf", "csv", "xlsx"))):
        page = owner.get(f"/reports/new/{kind}/")
        code = code_of(owner.submit(page, page.form("format"), period="last_year", format=suffix))
        job = concluded(owner, code)
        expect(job["state"], "succeeded", f"{kind} as {suffix} ({job['error']})")
        shown = owner.get(f"/reports/{code}/")
        file = owner.get(f"/reports/{code}/download/")
        expect(hashlib.sha256(file.body).hexdigest(), shown.fact("SHA-256"), f"the SHA-256 of {kind} as {suffix}")
        rows = int(digits(shown.fact(words_of(shown)("Rows"))))
        expect(rows > 0, True, f"rows of {kind}")
        if suffix == "csv":
            read = csv.reader(io.StringIO(file.body.decode("utf-8-sig"), newline=""))
            expect(sum(1 for _ in read) - 1, rows, f"rows of {kind} in its file")
        told.append(f"{kind} {suffix} {rows:,} rows")
    return ", ".join(told)


def a_picture_and_a_video(place: Place) -> str:
    """Both arrive in two pieces, as if the line had broken; what was made of them can be looked at and played."""
    owner = place.visitor("owner")
    began = time.monotonic()
    page = shown(owner, uploaded(owner, "holiday.png", a_picture()))
    source = re.search(r'srcset="([^" ]+) 320w', page.text)
    if source is None:
        raise Unexpected(f"{page.url} does not show the picture: {page.text[-2000:]}")
    picture = Image.open(io.BytesIO(owner.get(source[1]).body))
    expect(picture.size, (320, 180), "the picture at 320 pixels")
    told = f"a picture of 2,560 × 1,440 at 320 × 180 as {picture.format} after {time.monotonic() - began:.1f} s"

    clip = a_clip()
    if clip is None:
        return f"{told}; no video: there is no ffmpeg here to make one"
    began = time.monotonic()
    page = shown(owner, uploaded(owner, "holiday.mp4", clip))
    playlist = re.search(r'data-hls="([^"]+)"', page.text)
    if playlist is None:
        raise Unexpected(f"{page.url} has no player")
    master = owner.get(playlist[1]).text
    heights = sorted({int(height) for height in re.findall(r"RESOLUTION=\d+x(\d+)", master)}, reverse=True)
    expect(heights[0], 720, "lines of the best quality")
    part = owner.get(urljoin(playlist[1], f"{heights[0]}p.m4s"), {"Range": "bytes=0-99"})
    expect((part.status, len(part.body)), (206, 100), "the first bytes of the stream")
    qualities = ", ".join(f"{height}p" for height in heights)
    return f"{told}; a video of 6 s as {qualities} after {time.monotonic() - began:.1f} s"


STORIES: Final[Mapping[str, Callable[[Place], str]]] = {
    "everything runs": everything_runs,
    "full-year revenue, Excel": full_year_revenue,
    "every kind of report": every_kind_of_report,
    "a picture and a video": a_picture_and_a_video,
}


# --- what stories are made of ----------------------------------------------------------------------------------------


def expect(found: object, wanted: object, what: str) -> None:
    if found != wanted:
        raise Unexpected(f"{what}: {found!r} instead of {wanted!r}")


def code_of(page: Page) -> str:
    """The lookup code in the address that a form led to. Raises Unexpected."""
    if found := _CODE.search(page.url):
        return found[0]
    raise Unexpected(f"the form led to {page.url} ({page.status}), which has no lookup code")


def concluded(visitor: Visitor, code: str) -> dict[str, Any]:
    """The job as the API tells it once it is over, asked as often as the API allows. Raises Unexpected."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = visitor.get(f"/api/v1/jobs/{code}")
        expect(answer.status, 200, f"job {code} for its owner")
        job: dict[str, Any] = answer.json()
        if "Retry-After" not in answer.headers:
            return job
        if time.monotonic() > deadline:
            raise Unexpected(f"job {code} is still {job['state']} after {PATIENCE:.0f} s")
        time.sleep(float(answer.headers["Retry-After"]))


def uploaded(visitor: Visitor, name: str, content: bytes) -> str:
    """Sends ``content`` by the protocol of resumable uploads (tus 1.0), in two pieces; returns the asset's address."""
    visitor.get("/media/upload/")
    protocol = {"Tus-Resumable": "1.0.0"}
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    made = visitor.send(
        "POST", "/media/uploads/", headers={**protocol, "Upload-Length": f"{len(content)}", "Upload-Metadata": metadata}
    )
    expect(made.status, 201, f"the beginning of an upload ({made.text[:200]})")
    address = made.headers["Location"]
    half = len(content) // 2
    for start, piece in ((0, content[:half]), (half, content[half:])):
        asked = visitor.send("HEAD", address, headers=protocol)
        expect(asked.headers.get("Upload-Offset"), f"{start}", "bytes that have arrived")
        sent = visitor.send(
            "PATCH",
            address,
            piece,
            {**protocol, "Upload-Offset": f"{start}", "Content-Type": "application/offset+octet-stream"},
        )
        expect(sent.status, 204, f"a piece of an upload ({sent.text[:200]})")
    asset = re.search(r'href="(/media/[0-9a-f-]{36}/)"', visitor.get("/media/").text)
    if asset is None:
        raise Unexpected("what was uploaded is not in the list")
    return asset[1]


def shown(visitor: Visitor, address: str) -> Page:
    """The asset's page once it is over with it. Raises Unexpected."""
    deadline = time.monotonic() + PATIENCE
    while True:
        page = visitor.get(address)
        if re.search(r"data-hls=|srcset=", page.text):
            return page
        if time.monotonic() > deadline:
            raise Unexpected(f"{page.url} shows nothing after {PATIENCE:.0f} s")
        time.sleep(0.5)


def a_picture() -> bytes:
    file = io.BytesIO()
    grey = Image.linear_gradient("L").resize((2560, 1440))
    Image.merge("RGB", (grey, grey.rotate(180), grey)).save(file, "PNG")
    return file.getvalue()


def a_clip() -> bytes | None:
    """Six seconds of 720p with a tone; None where there is no ffmpeg to make it with."""
    program = shutil.which(environment.read(VAR).get("FFMPEG", "ffmpeg"))
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clip.mp4"
        inputs = ("testsrc2=size=1280x720:rate=25:duration=6", "sine=frequency=440:duration=6")
        sources = [part for source in inputs for part in ("-f", "lavfi", "-i", source)]
        subprocess.run(
            [program, "-v", "error", *sources, "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", path],
            check=True,
        )
        return Path(path).read_bytes()


def words_of(page: Page) -> Callable[[str], str]:
    """The product's own words in the language of ``page``, by their English."""
    found = re.search(r'<html lang="(\w+)"', page.text)
    language = found[1] if found else "en"
    return gettext.translation("django", ROOT / "web" / "locale", [language], fallback=True).gettext


def added_up(content: bytes, *, amount: str, currency: str) -> tuple[int, dict[str, Decimal]]:
    """How many rows the sheets that have both columns hold, and the sum of ``amount`` for each ``currency``."""
    rows, totals = 0, dict[str, Decimal]()
    book = load_workbook(io.BytesIO(content), read_only=True)
    for sheet in book:
        lines = sheet.iter_rows(values_only=True)
        head = list(next(lines, ()))
        if amount not in head or currency not in head:
            continue  # the summary
        for line in lines:
            name = str(line[head.index(currency)])
            totals[name] = totals.get(name, Decimal()) + Decimal(str(line[head.index(amount)]))
            rows += 1
    book.close()
    return rows, totals


def digits(text: str) -> str:
    """``text`` without what languages put between digits; a minus stays."""
    return re.sub(r"[^0-9-]", "", text.replace("\N{MINUS SIGN}", "-"))


def main() -> int:
    values = environment.read(VAR)
    parser = argparse.ArgumentParser(prog="./run tour", description="Drive every story from outside.")
    parser.add_argument("--site", help="address of the site (default: that of ./run up on this machine)")
    site = parser.parse_args().site
    if site:
        place = Place(site)
    elif "SITE_URL" in values:
        names = ("SITE_URL", "FLOWER_URL", "FLOWER_BASIC_AUTH", "SANDBOX_URL")
        place = Place(*(values[name] for name in names))
    else:
        sys.exit("backroom: nothing runs here yet. Start it in another terminal: ./run up")
    failed = 0
    for name, story in STORIES.items():
        try:
            print(f"✓ {name}: {story(place)}", flush=True)
        except Unexpected as error:
            failed += 1
            print(f"✗ {name}: {error}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
