"""Videos and sounds through the whole path: sent, worked on, stored, and read back as a player would."""

import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.urls import reverse
from django.utils import timezone

from jobs.task import Cancelled
from media_pipeline import processing, services, showing
from media_pipeline.models import Asset, Kind, State
from tests.integration.media.assets.conftest import Worker, named, stored

pytestmark = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg and ffprobe are not installed"
)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Five seconds, 480 lines, with a tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    subprocess.run(
        [
            "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=854x480:rate=25:duration=5", "-f", "lavfi", "-i",
            "sine=frequency=440:duration=5", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac",
            "-metadata", "location=+21.0285+105.8542/", str(path),
        ],
        check=True,
    )  # fmt: skip
    return path.read_bytes()


def test_a_video_can_be_played_in_several_qualities(client, send, work, storage, clip):
    asset = send(clip, "clip.mp4")
    assert work() == ["succeeded"]
    asset.refresh_from_db()
    assert (asset.state, asset.kind, asset.missing) == (State.READY, Kind.VIDEO, [])
    assert asset.cpu_seconds > 0
    player = showing.show(asset, now=timezone.now())
    assert isinstance(player, showing.Player)
    assert (player.width, player.height) == (854, 480)

    master = get(client, player.hls).decode()
    playlists = [line for line in master.splitlines() if line.endswith(".m3u8")]
    heights = sorted(int(height) for height in re.findall(r"RESOLUTION=\d+x(\d+)", master))
    assert heights[-1] == 480
    assert len(heights) >= 2
    for playlist in playlists:
        content = get(client, urljoin(player.hls, playlist)).decode()
        file = re.search(r'#EXT-X-MAP:URI="([^"]+)"', content)
        assert file is not None
        response = client.get(urljoin(player.hls, file[1]), headers={"Range": "bytes=0-99"})
        assert response.status_code == 206
        assert b"ftyp" in b"".join(response.streaming_content)
    for path in storage.rglob("*p.m4s"):
        entries = "stream=sample_aspect_ratio"
        shown = subprocess.run(
            ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0", path],
            capture_output=True,
            check=True,
        )
        assert shown.stdout.split()[0] == b"1:1", path
    assert b"ftyp" in get(client, player.file)[:12]
    assert get(client, player.poster)
    previews = get(client, player.previews).decode()
    assert previews.startswith("WEBVTT")
    sheet = re.search(r"^(\S+)#xywh=0,0,", previews, re.MULTILINE)
    assert sheet is not None
    assert get(client, urljoin(player.previews, sheet[1])).startswith(b"\xff\xd8")
    assert stored(storage) == named(asset)

    client.force_login(asset.owner)
    page = client.get(reverse("media:detail", args=[asset.pk])).content.decode()
    assert f'data-hls="{player.hls}"' in page


def test_made_again_it_can_be_played_again(client, send, work, clip):
    """Its files have the same names as before, and playlists find each other by them."""
    asset = send(clip, "clip.mp4")
    work()
    before = named(asset)
    services.make_again(asset=Asset.objects.select_related("job", "owner").get(pk=asset.pk))
    assert work() == ["succeeded"]
    assert named(asset) & before == {asset.original_key}
    assert {key.rpartition("/")[2] for key in named(asset)} == {key.rpartition("/")[2] for key in before}
    player = showing.show(asset, now=timezone.now())
    assert isinstance(player, showing.Player)
    (best, *_rest) = re.findall(r"^[^#\s]+$", get(client, player.hls).decode(), re.MULTILINE)
    file = re.search(r'URI="([^"]+)"', get(client, urljoin(player.hls, best)).decode())
    assert file is not None
    assert b"ftyp" in get(client, urljoin(player.hls, file[1]))[:12]


def test_places_do_not_get_out(send, work, storage, clip):
    assert b"loci" in clip  # what 3GPP calls the place
    asset = send(clip, "clip.mp4")
    work()
    for key in named(asset) - {Asset.objects.get(pk=asset.pk).original_key}:
        assert b"loci" not in (storage / key).read_bytes()


def test_stopped_half_way_no_program_and_no_file_is_left(send, storage, settings, clip):
    asset = send(clip, "clip.mp4")
    calls = 0

    def stop():
        nonlocal calls
        calls += 1
        if Asset.objects.get(pk=asset.pk).kind and calls % 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        processing.process(asset.pk, run=Worker(at_checkpoint=stop))
    assert stored(storage) == named(asset)
    assert not asset.renditions.exists()
    assert list(Path(settings.MEDIA_WORK_FOLDER).iterdir()) == []
    running = subprocess.run(["pgrep", "-f", settings.MEDIA_WORK_FOLDER], capture_output=True, text=True, check=False)
    assert running.stdout == ""


def test_without_the_program_it_waits_and_says_so(send, work, settings, clip):
    settings.FFMPEG = "no-such-ffmpeg"
    asset = send(clip, "clip.mp4")
    work()
    asset = Asset.objects.select_related("job").get(pk=asset.pk)
    assert asset.state == State.UPLOADED
    assert asset.job is not None
    assert asset.job.events.get().message == "Videos cannot be processed here at the moment. We will try again."


def get(client, address):
    response = client.get(address)
    assert response.status_code == 200, address
    return b"".join(response.streaming_content)
