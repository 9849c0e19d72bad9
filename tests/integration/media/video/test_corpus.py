"""Public files that are quick to make; ``python -m tests.integration.media.video.corpus`` makes all of them."""

from pathlib import Path

import pytest

from media_pipeline.ffmpeg import Tools
from tests.integration.media.video import corpus as public

#: Seconds of work, each: their kinds are made by ``test_making``, or by others of the corpus.
SLOW = {
    "video/annex-b-avc.mkv",
    "video/bbb-480p-30s.mp4",
    "video/example.mp4",
    "video/fire2.mp4",
    "video/hevc.ts",
    "video/missing-keyframe-labels.ts",
    "video/no_duration.webm",
    "video/rotate-buck-bunny.mp4",
    "video/sar_2x1.mp4",
    "video/toothsome-dts.mp4",
    "video/transparency-faulty.webm",
    "video/video-h265.mp4",
}
FILES = public.files() if public.CORPUS.is_dir() else {}


@pytest.mark.skipif(not FILES, reason="the corpus of public files is not beside this checkout")
@pytest.mark.parametrize("name", sorted(FILES.keys() - SLOW))
def test_each_file_ends_as_it_should(name: str, tmp_path: Path, tools: Tools) -> None:
    result = public.run(name, tmp_path, tools)
    assert list(public.check(name, FILES[name], result, tmp_path, tools)) == []
