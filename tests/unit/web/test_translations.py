import gettext
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = ROOT / "web" / "locale" / "vi" / "LC_MESSAGES"
APPS = ("config", "jobs", "shop", "media_pipeline", "reports", "web")

needs_gettext = pytest.mark.skipif(shutil.which("xgettext") is None, reason="needs Debian's gettext")


def _catalogue(path: Path) -> dict[object, str]:
    with path.open("rb") as file:
        return gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]


@pytest.fixture
def copied_sources(tmp_path: Path) -> Path:
    """The sources and the catalogue as they are now, for makemessages to write on."""
    for app in APPS:
        shutil.copytree(
            ROOT / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__", "static", "migrations")
        )
    shutil.copy(ROOT / "manage.py", tmp_path)
    return tmp_path


@needs_gettext
def test_every_string_has_a_vietnamese_translation(copied_sources: Path) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "-l", "vi", "--no-obsolete", "--no-wrap", "--add-location=file"],
        cwd=copied_sources,
        check=True,
        capture_output=True,
    )
    po = copied_sources / "web" / "locale" / "vi" / "LC_MESSAGES" / "django.po"

    def select(option: str) -> str:
        return subprocess.run(["msgattrib", option, po], check=True, capture_output=True, text=True).stdout

    assert select("--untranslated") == ""
    assert select("--only-fuzzy") == ""


@needs_gettext
def test_the_compiled_catalogue_is_the_one_in_the_sources(tmp_path: Path) -> None:
    compiled = tmp_path / "django.mo"
    subprocess.run(["msgfmt", "--check", "-o", compiled, CATALOGUE / "django.po"], check=True, capture_output=True)
    fresh, committed = _catalogue(compiled), _catalogue(CATALOGUE / "django.mo")
    fresh.pop("")
    committed.pop("")
    assert committed == fresh
