"""Every picture of the corpus of public files ends as it must, at a bounded cost."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from media_pipeline.pixels import encoding, motion
from tests.integration.media.pictures.files import EXPECTED, FOLDERS, outcome

#: Megabytes resident, and seconds of CPU, that making everything of a picture within our limits takes at most.
MOST_MEMORY = 700
MOST_CPU = 15
#: What exiftool says of any file, and of what shows the picture.
HARMLESS = {"SourceFile", "ExifTool", "File", "Composite", "JFIF", "RIFF", "QuickTime"}


def _in(corpus: Path, name: str) -> Path:
    path = corpus / "media" / name
    if not path.exists():
        pytest.skip(f"{name} is not in the corpus")
    return path


def test_the_table_names_every_picture_of_the_corpus(corpus: Path) -> None:
    there = {f"{folder}/{path.name}" for folder in FOLDERS for path in (corpus / "media" / folder).iterdir()}
    assert there == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_picture_ends_as_it_must(name: str, corpus: Path, tmp_path: Path) -> None:
    found = outcome(_in(corpus, name), tmp_path)
    assert found.word == EXPECTED[name]
    if found.made is None or found.facts is None:
        assert list(tmp_path.iterdir()) == []
        return
    assert found.made.peak < MOST_MEMORY * 1e6
    assert found.made.cpu < MOST_CPU
    assert {one.path for one in found.made.made} == set(tmp_path.iterdir())
    for one in found.made.made:
        assert one.path == tmp_path / one.name
        with Image.open(one.path) as image:
            assert image.size == (one.width, one.height)
            assert image.get_format_mimetype() == one.content_type
            frames = getattr(image, "n_frames", 1)
        assert one.width <= found.facts.width
        assert one.height <= found.facts.height
        assert (frames > 1) == (one.name == "animation.webp")
        most = (
            frames * (one.width * one.height * motion.MOST_BYTES + motion.BYTES_A_PICTURE)
            if frames > 1
            else one.width * one.height * encoding.MOST_BYTES + encoding.BYTES_ANYWAY
        )
        assert one.path.stat().st_size <= most
    if shutil.which("exiftool"):
        for said in _exiftool(tmp_path):
            assert {tag.partition(":")[0] for tag in said} <= HARMLESS, said
            assert not [tag for tag in said if "GPS" in tag]


def _exiftool(folder: Path) -> list[dict[str, Any]]:
    """What there is in each file beside pixels, by group."""
    answer = subprocess.run(["exiftool", "-json", "-G", str(folder)], capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(answer.stdout)
    return found


def test_what_is_made_does_not_change(corpus: Path, tmp_path: Path) -> None:
    for name in ("image/iphone_13_pro_max.HEIC", "image/rotating-squares.gif", "image/with-alpha.png"):
        made = []
        for attempt in ("one", "two"):
            out = tmp_path / attempt / Path(name).name
            out.mkdir(parents=True)
            found = outcome(_in(corpus, name), out).made
            assert found
            made.append((found.placeholder, [(one.name, one.path.read_bytes()) for one in found.made]))
        assert made[0] == made[1]


def test_names_and_extensions_count_for_nothing(corpus: Path, tmp_path: Path) -> None:
    disguised = tmp_path / "film.mp4"
    shutil.copy(_in(corpus, "image/with-alpha.png"), disguised)
    out = tmp_path / "out"
    out.mkdir()
    assert outcome(disguised, out).word == "ready"
