"""Files that want ffmpeg to read other files, or to go out on the network. Plain ``ffmpeg -i`` obeys several of these."""

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from media_pipeline import ffmpeg, probe
from media_pipeline.confined import Limits
from media_pipeline.ffmpeg import Tools, Unsuccessful
from media_pipeline.reasons import Reason
from media_pipeline.refused import Refused

ROOMY = Limits(memory=2 << 30, cpu=60, wall=60, stall=60, file_size=1 << 28)


class Listener:
    """A server of this machine that counts who comes."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.hits = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.server.close()


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory, tools: Tools) -> Path:
    """Another person's video."""
    path = tmp_path_factory.mktemp("victim") / "victim.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=s=160x120:d=1"]
    subprocess.run([tools.ffmpeg, "-v", "error", *source, "-c:v", "libx264", str(path)], check=True)
    return path


def riff_with_playlist(target: str) -> bytes:
    """An AVI whose stream of captions is a playlist of an xbin, as in the exploit of 2017 (CVE-2017-9993)."""
    playlist = f"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nxbin:{target}\n#EXT-X-ENDLIST\n".encode()
    chunk = b"GAB2\x00\x02\x00\x00" + struct.pack("<IH", len(playlist), 0) + playlist
    body = b"AVI LIST" + struct.pack("<I", len(chunk) + 4) + b"hdrl" + chunk
    return b"RIFF" + struct.pack("<I", len(body)) + body


def xbin(text: bytes) -> bytes:
    """A picture of text (https://web.archive.org/web/2022/http://www.acid.org/info/xbin/x_spec.htm)."""
    return b"XBIN\x1a" + struct.pack("<HHBB", len(text), 1, 16, 0) + bytes(byte for one in text for byte in (one, 7))


def files(victim: Path, port: int) -> dict[str, bytes]:
    """Each kind of hostile file."""
    http = f"http://127.0.0.1:{port}/x"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    return {
        "ffconcat, a file beside it": b"ffconcat version 1.0\nfile victim.mp4\n",
        "ffconcat, an absolute path": f"ffconcat version 1.0\nfile {victim}\n".encode(),
        "ffconcat, the network": f"ffconcat version 1.0\nfile {http}.mp4\n".encode(),
        "HLS, a file beside it": hls.format("victim.mp4").encode(),
        "HLS, an absolute path": hls.format(f"file://{victim}").encode(),
        "HLS, fragmented MP4": (
            f'#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-MAP:URI="file://{victim}"\n#EXTINF:2,\nfile://{victim}\n#EXT-X-ENDLIST\n'
        ).encode(),
        "HLS, a text file": hls.format("file:///etc/passwd").encode(),
        "HLS, parts put together": hls.format(f"concat:{victim}|/etc/passwd").encode(),
        "HLS, the network": hls.format(f"{http}.ts").encode(),
        "HLS, a key from the network": f'#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{http}"\n#EXTINF:2,\n{victim}\n'.encode(),
        "HLS, a playlist of playlists": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{http}.m3u8\n".encode(),
        "DASH, the network": (
            f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet><Representation id="1">'
            f"<BaseURL>{http}.mp4</BaseURL></Representation></AdaptationSet></Period></MPD>"
        ).encode(),
        "SDP, the network": (
            f"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video {port} RTP/AVP 96\r\n"
            f"a=rtpmap:96 H264/90000\r\na=control:rtsp://127.0.0.1:{port}/x\r\n"
        ).encode(),
        "RTSP by redirection": f"[Reference]\r\nRef1=http://127.0.0.1:{port}/x\r\n".encode(),
        "AVI with a playlist": riff_with_playlist(f"file://{victim}"),
        "xbin": xbin(b"secret"),
        "text as pictures": b"\x1b[31msecret\x1b[0m\n" * 50,
        "SVG": f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="{http}.png"/></svg>'.encode(),
        "image of XPM": b'/* XPM */\nstatic char *x[] = {"1 1 1 1", "a c #fff", "a"};\n',
        "list of captions": b"1\n00:00:00,000 --> 00:00:01,000\nsecret\n",
        "lavfi": f"movie=filename={victim}".encode(),
    }


NAMES = list(files(Path("/"), 1))


@pytest.fixture(params=NAMES)
def hostile(request: pytest.FixtureRequest, tmp_path: Path, victim: Path, listener: Listener) -> Path:
    upload = tmp_path / "in" / ffmpeg.SOURCE
    upload.parent.mkdir()
    upload.write_bytes(files(victim, listener.port)[request.param])
    shutil.copy(victim, upload.parent)  # worse than it ever is: another file beside the upload
    return upload


def test_looking_at_it_refuses_it(hostile: Path, tools: Tools, tmp_path: Path, listener: Listener) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    with pytest.raises(Refused) as refused:
        probe.look(hostile, folder=folder, tools=tools, checkpoint=lambda: None)
    assert refused.value.reason in {Reason.PLAYLIST, Reason.NOT_MEDIA, Reason.DRAWING, Reason.BROKEN}
    assert listener.hits == 0
    assert list(folder.iterdir()) == []


def test_making_something_of_it_fails_even_if_it_had_got_so_far(
    hostile: Path, tools: Tools, listener: Listener
) -> None:
    arguments = ffmpeg.command(ffmpeg.output(ffmpeg.source(), "made.mp4", vcodec="libx264"))
    with pytest.raises(Unsuccessful):
        ffmpeg.run(tools, arguments, folder=hostile.parent, limits=ROOMY, checkpoint=lambda: None)
    made = hostile.parent / "made.mp4"
    assert not made.exists() or made.stat().st_size == 0
    assert listener.hits == 0


def test_plain_ffmpeg_obeys(victim: Path, tools: Tools, tmp_path: Path) -> None:
    """Else the tests above would prove nothing."""
    upload = tmp_path / "upload.mp4"
    shutil.copy(victim, tmp_path)
    upload.write_bytes(files(victim, 1)["ffconcat, a file beside it"])
    made = tmp_path / "made.mp4"
    subprocess.run([tools.ffmpeg, "-v", "error", "-i", str(upload), str(made)], check=True)
    assert made.stat().st_size > 1000


def test_an_input_without_guards_is_not_run(tools: Tools, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="guards"):
        ffmpeg.run(tools, ["-i", "file:source", "made.mp4"], folder=tmp_path, limits=ROOMY, checkpoint=lambda: None)


def test_a_header_that_lies_about_its_size_is_not_decoded(
    tools: Tools, tmp_path: Path, sample: Callable[..., Path]
) -> None:
    """The size in the container's header is checked first; that of the stream itself while it is decoded."""
    honest = sample("honest.mkv", "-c:v", "mjpeg", pictures="testsrc2=s=640x360:d=0.2").read_bytes()
    at = honest.index(b"\xff\xc0\x00\x11\x08") + 5  # the frame header: height, width (ITU-T T.81, B.2.2)
    lying = tmp_path / ffmpeg.SOURCE
    lying.write_bytes(honest[:at] + struct.pack(">HH", 60_000, 60_000) + honest[at + 4 :])
    ended: list[int] = []
    arguments = ffmpeg.command(ffmpeg.output(ffmpeg.source(), "-", f="null"))
    try:
        ended.append(ffmpeg.run(tools, arguments, folder=tmp_path, limits=ROOMY, checkpoint=lambda: None).peak)
    except Unsuccessful as failure:
        ended.append(failure.ended.peak)
    assert ended[0] < 300 << 20
