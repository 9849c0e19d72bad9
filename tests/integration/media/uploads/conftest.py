import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from media_pipeline import upload_views
from media_pipeline.models import Upload
from media_pipeline.uploads import Folder
from shop.accounts.models import User
from tests.factories.people import PersonFactory

TUS = {"tus-resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Iterator[Folder]:
    """A folder of the test's own for what is uploaded."""
    settings.UPLOAD_FOLDER = str(tmp_path / "uploads")
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    yield Folder(tmp_path / "uploads")
    shutil.rmtree(tmp_path / "uploads", ignore_errors=True)  # pytest would keep hundreds of MB


@pytest.fixture
def person(db: None) -> User:
    return PersonFactory()


class Uploader:
    """A client of tus that has signed in."""

    def __init__(self, person: User) -> None:
        self.client = Client(headers={"accept-language": "en"})
        self.client.force_login(person)

    def __call__(
        self, method: str, path: str, body: bytes = b"", *, content_type: str = BYTES, **headers: str | None
    ) -> HttpResponse:
        """The answer to a request with the protocol's headers and with ``headers`` (None: without that one)."""
        sent = TUS | {name.replace("_", "-"): value for name, value in headers.items()}
        given = {name: value for name, value in sent.items() if value is not None}
        # Named once more because Django's client leaves it out where there is no body.
        return self.client.generic(
            method, path, body, content_type=content_type, headers=given, CONTENT_TYPE=content_type
        )

    def create(self, length: int, name: str = "clip.mp4", **headers: str) -> str:
        """Begins an upload; returns its address."""
        metadata = f"filename {base64.b64encode(name.encode()).decode()}"
        answer = self("POST", "/media/uploads/", upload_length=str(length), upload_metadata=metadata, **headers)
        assert answer.status_code == 201, answer.content
        return answer["Location"]

    def patch(self, address: str, body: bytes, offset: int, **headers: str) -> HttpResponse:
        return self("PATCH", address, body, upload_offset=str(offset), **headers)

    def offset(self, address: str) -> int:
        return int(self("HEAD", address)["Upload-Offset"])


@pytest.fixture
def tus(person: User) -> Uploader:
    return Uploader(person)


@pytest.fixture
def stranger(db: None) -> Uploader:
    return Uploader(PersonFactory())


@pytest.fixture
def only() -> Callable[[], Upload]:
    """The one upload that there is."""
    return lambda: Upload.objects.select_related("asset", "owner").get()


@pytest.fixture
def no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many uploads are being taken in as this process takes."""

    class Full:
        def acquire(self, *, blocking: bool) -> bool:
            return False

    monkeypatch.setattr(upload_views, "_places", Full())
