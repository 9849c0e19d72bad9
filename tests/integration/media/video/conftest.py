"""Real programs, and files that are made with them: of the kinds that the corpus lacks."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from media_pipeline import ffmpeg
from media_pipeline.ffmpeg import Tools


@pytest.fixture(scope="session")
def tools() -> Tools:
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        pytest.skip("ffmpeg is not installed here")
    return ffmpeg.find()


@pytest.fixture
def sample(tmp_path: Path, tools: Tools) -> Callable[..., Path]:
    """Makes a file of ffmpeg's test pictures: ``sample("name.mp4", "-c:v", …, pictures="testsrc2=…", sound="sine")``."""

    def make(name: str, *options: str, pictures: str = "testsrc2=s=640x360:r=25:d=2", sound: str = "") -> Path:
        path = tmp_path / name
        sources = [word for source in (pictures, sound) if source for word in ("-f", "lavfi", "-i", source)]
        subprocess.run([tools.ffmpeg, "-v", "error", "-y", *sources, *options, str(path)], check=True)
        return path

    return make
