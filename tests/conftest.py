"""What every test stands on: sockets only to this machine, and the tests' own jobs declared."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from pytest_django import Settings
from pytest_socket import socket_allow_hosts

import tests.harness.tasks  # noqa: F401 (declares the jobs)
from jobs import tally

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"


@pytest.fixture(autouse=True)
def _only_this_machine() -> None:
    socket_allow_hosts(["127.0.0.1", "::1"], allow_unix_socket=True)


@pytest.fixture(scope="session", autouse=True)
def _static_files_as_they_are() -> Iterator[None]:
    """Pages name static files by their own names and find them in the sources, so that no test needs collectstatic
    first. For the whole session, because the browser tests' server lives that long."""
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    with override_settings(STORAGES=storages, WHITENOISE_AUTOREFRESH=True, WHITENOISE_USE_FINDERS=True):
        yield


@pytest.fixture(autouse=True)
def _passwords_hashed_fast(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _own_tallies() -> Iterator[None]:
    """What one test's jobs count for the metrics is not written during the next."""
    yield
    tally._counts.clear()


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the harness's jobs write to."""
    path = tmp_path / "journal"
    path.touch()
    monkeypatch.setitem(os.environ, "TEST_JOURNAL", str(path))
    return path


@pytest.fixture
def corpus() -> Path:
    """Public files that nobody here wrote; kept beside the checkout, never in it."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of public files is not beside this checkout")
    return CORPUS
