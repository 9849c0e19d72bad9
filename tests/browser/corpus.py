"""Everything that is made of the public files, opened in Chromium and played. Prints a table.

``python -m tests.browser.corpus [NAME …] [--out FOLDER]``: files whose name has one of these parts in it, or all. Each
is uploaded and made by the product's own code, through a job, into real storage; then its page is opened, and it is
played, switched, searched, and held against the file itself. The exit code is 1 where something is wrong. With
``--out``, sheets of what was seen are drawn: of each file itself, its poster, and what Chromium shows in the middle.

The database that DATABASE_URL names is left alone: one for tests is made beside it.
"""

# ruff: noqa: E402 (the settings come before what reads them)

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.test.utils import setup_databases, setup_test_environment, teardown_databases, teardown_test_environment
from django.utils import timezone
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright
from pytest_django.live_server_helper import LiveServer

from jobs import ringing, runner
from media_pipeline import services
from media_pipeline.models import Asset, Outcome, State, Upload
from shop.accounts.models import User
from tests.browser.conftest import CHROMIUM, FLAGS, Visitor
from tests.browser.playing import Seen, look
from tests.factories.people import PersonFactory
from tests.integration.media.pictures.files import CUT, EXPECTED, READY
from tests.integration.media.video import corpus as videos

#: Whose colours Pillow gets wrong: it takes those of HDR as they are, and knows nothing of how inks mix.
OTHER_COLOURS = {"image/10bit-HDR-P3-nclx.avif", "image/pil_sample_cmyk.jpg"}
#: Pixels of a cell of the sheets, and how many are on one.
_CELL = (200, 160)
_COLUMNS, _ROWS = 2, 12
_WORDS = 300


def files() -> dict[str, bool]:
    """Each file of the corpus, and whether people get to see something of it."""
    pictures = {name: True for name, word in EXPECTED.items() if word in {READY, CUT}}
    moving = {name: videos.expected(name, words) != "refused" for name, words in videos.files().items()}
    return dict(sorted((dict.fromkeys(EXPECTED, False) | moving | pictures).items()))


def make(person: User, path: Path) -> Asset:
    """Uploads a file, and works on its job until that is over."""
    now, size = timezone.now(), path.stat().st_size
    upload = services.create_upload(owner=person, name=path.name, length=size, now=now)
    with path.open("rb") as file:
        services.receive(upload=upload, offset=0, length=size, read=file.read, now=now)
    while bells := (ringing.admit_due(), ringing.ring("media", 10))[1]:
        for bell in bells:
            runner.answer(bell.job_id, message=bell.message)
    return Asset.objects.select_related("job", "owner").get(pk=Upload.objects.get(pk=upload.pk).asset_id)


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """The site on a database for tests and with folders of its own; gives its address."""
    own = override_settings(
        UPLOAD_FOLDER=str(folder / "uploads"),
        MEDIA_WORK_FOLDER=str(folder / "work"),
        UPLOAD_QUOTA_BYTES=1 << 40,
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        WHITENOISE_AUTOREFRESH=True,
        WHITENOISE_USE_FINDERS=True,
        STORAGES=settings.STORAGES
        | {
            "default": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": str(folder / "files"), "base_url": None},
            },
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
    )
    with own:
        setup_test_environment()
        databases = setup_databases(verbosity=0, interactive=False)
        server = LiveServer("127.0.0.1")
        try:
            ringing.make_known()
            with override_settings(ALLOWED_HOSTS=["127.0.0.1"]):
                yield server.url
        finally:
            server.stop()
            with connection.cursor() as cursor:  # those of the server's threads, which may still hang about
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            teardown_databases(databases, verbosity=0)
            teardown_test_environment()


@contextmanager
def visitor(base: str, person: User) -> Iterator[Visitor]:
    """Chromium, with the person signed in."""
    # Playwright's loop runs in this thread; Django takes that for an async view and would refuse its database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(
            base_url=base, locale="en-GB", viewport={"width": 1280, "height": 1000}, reduced_motion="reduce"
        )
        context.set_default_timeout(20_000)
        context.add_cookies([{"name": settings.LANGUAGE_COOKIE_NAME, "value": "en", "url": base}])
        opened = Visitor(context, context.new_page(), base)
        opened.watch()
        opened.sign_in(person)
        yield opened
        browser.close()


def play(visitor: Visitor, person: User, name: str, expected: bool) -> tuple[Asset, Seen]:
    path = videos.CORPUS / name
    asset = make(person, path)
    shown = asset.outcome in {Outcome.READY, Outcome.DEGRADED}
    seen = look(visitor.page, asset, path, same_colours=name not in OTHER_COLOURS) if shown else Seen()
    if shown != expected:
        seen.wrong.append(f"it is {asset.state}, and should not")
    seen.wrong += visitor.troubles
    visitor.troubles.clear()
    return asset, seen


def sheets(seen: Sequence[tuple[str, Seen]], folder: Path) -> Iterator[Path]:
    """Draws what was seen, some two dozen files on a sheet."""
    width, height = 3 * _CELL[0] + 20, _CELL[1] + 24
    font = ImageFont.load_default(13)
    for first in range(0, len(seen), _COLUMNS * _ROWS):
        part = seen[first : first + _COLUMNS * _ROWS]
        sheet = Image.new("RGB", (_COLUMNS * width, -(-len(part) // _COLUMNS) * height), "#dde")
        draw = ImageDraw.Draw(sheet)
        for place, (name, one) in enumerate(part):
            left, top = place % _COLUMNS * width, place // _COLUMNS * height
            draw.text((left + 4, top + 2), name, "#c00" if one.wrong else "#000", font)
            for column, image in enumerate((one.source, one.still, one.frame)):
                if image:
                    small = image.copy()
                    small.thumbnail((_CELL[0] - 4, _CELL[1] - 4))
                    sheet.paste(small, (left + column * _CELL[0] + 4, top + 20))
        path = folder / f"played-{first // (_COLUMNS * _ROWS) + 1}.png"
        sheet.save(path)
        yield path


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.corpus", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, metavar="FOLDER")
    options = parser.parse_args(arguments)
    chosen = {
        name: expected
        for name, expected in files().items()
        if not options.names or any(part in name for part in options.names)
    }
    found: list[tuple[str, Seen]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="played-")))
        base = stack.enter_context(site(folder))
        person = PersonFactory.create(owner=True, language="en")
        chromium = stack.enter_context(visitor(base, person))
        for name, expected in chosen.items():
            began = time.monotonic()
            asset, seen = play(chromium, person, name, expected)
            seconds = time.monotonic() - began
            shown = asset.state in {State.READY, State.DEGRADED}
            sys.stdout.write(
                f"{'WRONG' if seen.wrong else 'ok':5} {name:57} {asset.state:8} {seconds:5.1f} s  {asset.reason}{seen.words}\n"
            )
            for line in seen.wrong:
                sys.stdout.write(f"      {line[:_WORDS]}\n")
            sys.stdout.flush()
            if shown or seen.wrong:
                found.append((name, seen))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        for path in sheets(found, options.out):
            sys.stdout.write(f"{path}\n")
    wrong = sum(bool(seen.wrong) for _, seen in found)
    sys.stdout.write(f"{len(chosen)} files, {len(found)} opened, {wrong} wrong\n")
    return min(1, wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
