import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from PIL import Image

from jobs import ringing, runner
from media_pipeline import services
from media_pipeline.models import Asset, Upload
from shop.accounts.models import User
from tests.factories.people import PersonFactory


@dataclass
class Worker:
    """Stands for the attempt of a worker that nobody disturbs; a test hands in what happens at a step."""

    id: UUID = field(default_factory=uuid4)
    attempt: int = 1
    done: int = 0
    holds_lease: bool = True
    at_checkpoint: Callable[[], object] = lambda: None
    before_hold: Callable[[], object] = lambda: None

    def progress(self, done: int, total: int | None = None, unit: str = "") -> None:
        self.done = done

    def checkpoint(self) -> None:
        self.at_checkpoint()

    def lease_ok(self) -> bool:
        return self.holds_lease

    def hold(self) -> None:
        self.before_hold()


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Path) -> Path:
    """Folders of the test's own for what is uploaded, worked on and stored; returns the last."""
    settings.UPLOAD_FOLDER = str(tmp_path / "uploads")
    settings.MEDIA_WORK_FOLDER = str(tmp_path / "work")
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    folder = tmp_path / "files"
    settings.STORAGES = {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(folder), "base_url": None},
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    return folder


@pytest.fixture
def person(transactional_db: None) -> User:
    return PersonFactory(language="en")


def picture(width: int = 700, height: int = 400, format: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    gradient = Image.linear_gradient("L").resize((width, height))
    Image.merge("RGB", (gradient, gradient.rotate(180), gradient)).save(file, format, **how)
    return file.getvalue()


@pytest.fixture
def send(person: User) -> Callable[..., Asset]:
    """Uploads bytes as the person; returns the asset, which waits for a worker."""

    def sent(content: bytes = b"", name: str = "holiday.png", *, by: User | None = None) -> Asset:
        content = content or picture()
        now = timezone.now()
        upload = services.create_upload(owner=by or person, name=name, length=len(content), now=now)
        rest = io.BytesIO(content)
        services.receive(upload=upload, offset=0, length=len(content), read=rest.read, now=now)
        asset = Upload.objects.select_related("asset__job", "asset__owner").get(pk=upload.pk).asset
        assert asset is not None
        return asset

    return sent


@pytest.fixture
def work(transactional_db: None) -> Callable[[], list[str]]:
    """Rings and answers, in this process and by the kernel's own code, until nothing of media is due."""
    ringing.make_known()

    def until_done() -> list[str]:
        outcomes = []
        while bells := (ringing.admit_due(), ringing.ring("media", 10))[1]:
            outcomes += [runner.answer(bell.job_id, message=bell.message) for bell in bells]
        return outcomes

    return until_done


def stored(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} if folder.exists() else set()


def named(asset: Asset) -> set[str]:
    """The keys that the asset's rows name."""
    asset.refresh_from_db()
    keys = {key for rendition in asset.renditions.all() for key in rendition.keys}
    return keys | ({asset.original_key} if asset.original_key else set())
