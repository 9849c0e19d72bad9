"""What the tests of pictures share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from media_pipeline import pictures
from media_pipeline.pictures import Pictures


@pytest.fixture
def make(tmp_path: Path) -> Callable[[Path], Pictures]:
    """Everything that is made of a picture, in a folder of its own."""

    def made(source: Path) -> Pictures:
        out = tmp_path / f"{source.name}-made"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return pictures.make(source, pictures.look(source), out)

    return made
