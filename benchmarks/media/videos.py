"""Videos beside each other: ``python -m benchmarks.media.videos [--only veryfast,kept] [--seconds 30]``.

The product makes all that it makes of a film. Beside it, the commands that MediaCMS 8.3.2 runs make the same sizes, one
process each, with the same ffmpeg in the same run: at our preset and the crf at which its largest size is as good as
ours by VMAF, which is searched for first; and each as it comes. Counts CPU, memory, bytes and VMAF. Then what an upload
costs that can be kept as its own largest size, and what making a video in parts costs. Prints Markdown, and on stderr
how far it is.

VMAF is measured by the ffmpeg of the package imageio-ffmpeg, which is installed, with the packages that the films come
from, into a virtual environment of its own the first time.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from benchmarks import peers
from benchmarks.kernel import machine
from benchmarks.media import encodes, footage
from deploy.local.machine import ROOT, VAR, Trouble
from deploy.local.within import one_line_errors
from media_pipeline import ffmpeg, graph

PEERS: Final = ("imageio-ffmpeg==0.8.1",)
#: MediaCMS's own.
PEER_PRESET: Final = "medium"
PEER_CRF: Final = 23.0
#: Points of VMAF that count as none.
EQUAL: Final = 0.3
#: Encodings at most in the search for an equal one, and how many points of VMAF the crf is first taken to be worth.
TRIES: Final = 5
_WORTH: Final = 1.5
#: Every so-manieth picture is measured.
_EVERY: Final = 10


@dataclass(frozen=True, slots=True)
class Result:
    """What a contestant used.

    Attributes:
        cpu, wall: seconds.
        peak: MB resident at most, of any of its programs.
    """

    cpu: float
    wall: float
    peak: float


class Bench:
    """Runs the contestants, and measures what they make, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "peers"
        self.python = peers.python(self.home, PEERS, for_their_files=footage.PACKAGES)
        self.tools = ffmpeg.find()
        self.env = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "PYTHONPATH": str(ROOT),
        }

    def film(self, recording: footage.Recording, seconds: int) -> Path:
        clips = footage.clips(self.home, peers.library(self.home))
        for clip in clips:
            if not clip.path.exists():
                raise Trouble(f"There is no {clip.path}: the films are put together from the corpus and from packages.")
        return footage.made(recording, seconds, clips, self.tools.ffmpeg, self.folder)

    @cached_property
    def judge(self) -> str:
        """An ffmpeg that measures VMAF."""
        asked = [self.python, "-c", "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())"]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, name: str, source: Path, preset: str, crf: float) -> Result:
        """Lets one contestant work, in an empty folder of its own."""
        out = self.out(name)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        command = [sys.executable, "-m", "benchmarks.media.encodes", name, str(source), str(out), preset, str(crf)]
        result = Result(**machine.ask(command, self.env))
        print(f"{source.name}, {name}, {preset}, crf {crf:g}: {result}", file=sys.stderr, flush=True)
        return result

    def out(self, name: str) -> Path:
        return self.folder / name

    def made(self, name: str) -> list[Path]:
        """The sizes that a contestant has made, the largest first."""
        heights = encodes.HEIGHTS[:1] if name == "largest" else encodes.HEIGHTS
        ending = "p.m4s" if name == "ours" else ".mp4"
        return [self.out(name) / f"{height}{ending}" for height in heights]

    def sizes(self, name: str) -> tuple[int, ...]:
        """Bytes of the pictures alone."""
        asked = [self.tools.ffprobe, "-v", "error", "-select_streams", "v", "-of", "csv=p=0"]
        asked += ["-show_entries", "packet=size"]
        said = [subprocess.run([*asked, path], check=True, capture_output=True).stdout for path in self.made(name)]
        return tuple(sum(int(line.strip(b",")) for line in lines.split()) for lines in said)

    def vmaf(self, name: str, source: Path) -> float:
        """Of a contestant's largest size beside ``source``: 100 is no difference to be seen."""
        log = self.folder / "vmaf.json"
        size = f"scale=1920:{encodes.HEIGHTS[0]}:flags=bicubic"
        measured = f"libvmaf=n_threads=2:n_subsample={_EVERY}:log_fmt=json:log_path={log}"
        graph_of = f"[0:v]setpts=PTS-STARTPTS[made];[1:v]{size},setpts=PTS-STARTPTS[film];[made][film]{measured}"
        command = [self.judge, "-nostdin", "-v", "error", "-i", str(self.made(name)[0]), "-i", str(source)]
        subprocess.run([*command, "-filter_complex", graph_of, "-f", "null", "-"], check=True)
        found = float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])
        print(f"{source.name}, {name}: VMAF {found:.2f}", file=sys.stderr, flush=True)
        return found

    def equal_crf(self, source: Path, preset: str, wanted: float) -> tuple[float, float]:
        """The crf at which the peer's largest size comes nearest to ``wanted`` points of VMAF, and what it has then."""
        tried: dict[float, float] = {}
        crf, worth = float(graph.CRF), _WORTH
        while crf not in tried and len(tried) < TRIES:
            self.run("largest", source, preset, crf)
            tried[crf] = self.vmaf("largest", source)
            if abs(tried[crf] - wanted) <= EQUAL:
                break
            if len(tried) > 1:
                (one, its), (other, others) = list(tried.items())[-2:]
                worth = max(0.3, (its - others) / (other - one))
            crf = round(min(35.0, max(8.0, crf + (tried[crf] - wanted) / worth)), 1)
        return min(tried.items(), key=lambda item: abs(item[1] - wanted))


def beside(bench: Bench, title: str, source: Path, *, preset: str, peer: tuple[str, float] | None, rounds: int) -> None:
    """A table of the product at ``preset``, and of the peer: at its own preset and crf, or where ``peer`` is None at
    ours, and at the crf at which it is as good."""
    found: dict[tuple[str, str, float], list[Result]] = {}
    quality: dict[tuple[str, str, float], float] = {}
    sizes: dict[tuple[str, str, float], tuple[int, ...]] = {}

    def run(name: str, preset: str, crf: float) -> None:
        one = name, preset, crf
        found.setdefault(one, []).append(bench.run(name, source, preset, crf))
        if one not in sizes:
            sizes[one] = bench.sizes(name)
        if one not in quality:
            quality[one] = bench.vmaf(name, source)

    ours = "ours", preset, float(graph.CRF)
    run(*ours)
    if peer is None:
        crf, reached = bench.equal_crf(source, preset, quality[ours])
        peer = preset, crf
        quality["peer", preset, crf] = reached
    run("peer", *peer)
    for _ in range(1, rounds):
        run(*ours)
        run("peer", *peer)
    print(f"\n### {title}\n")
    print(
        "| | CPU, s | Backroom's ÷ this | wall, s | peak RSS of a process, MB | VMAF of 1080p | 1080p, MB |",
        end="",
    )
    print(" all sizes, MB |\n|---|---:|---:|---:|---:|---:|---:|---:|")
    mine = statistics.median(result.cpu for result in found[ours])
    for one, results in found.items():
        name, its_preset, its_crf = one
        who = "Backroom" if name == "ours" else "MediaCMS's commands"
        cpu = statistics.median(result.cpu for result in results)
        wall = statistics.median(result.wall for result in results)
        peak = max(result.peak for result in results)
        print(
            f"| {who}: {its_preset}, crf {its_crf:g} | {cpu:.1f} | {mine / cpu:.2f} | {wall:.0f} | {peak:.0f} |"
            f" {quality[one]:.1f} | {sizes[one][0] / 1e6:.1f} | {sum(sizes[one]) / 1e6:.1f} |",
            flush=True,
        )


SHOWN_KEPT: Final = {
    "looked_at": "a look at the upload, which the others begin with",
    "kept_alone": "the largest size alone, copied",
    "encoded_alone": "the largest size alone, encoded",
    "ours": "all that is made, the largest size copied",
    "not_kept": "all that is made, the largest size encoded",
}


SHOWN_IN_PARTS: Final = {
    "one_go": "all that is made, in one go",
    "in_parts": "all that is made, the larger sizes in four parts",
    "first_alone": "of it, what is there first, before any part",
    "larger_alone": "what the parts are, made in one go",
}


def ways(bench: Bench, title: str, source: Path, shown: Mapping[str, str], rounds: int) -> None:
    """A table of what each of the product's ways costs."""
    found: dict[str, list[Result]] = {name: [] for name in shown}
    for _ in range(rounds):
        for name, results in found.items():
            results.append(bench.run(name, source, graph.PRESET, graph.CRF))
    print(f"\n### {title}\n\n| | CPU, s | wall, s | peak RSS of a process, MB |\n|---|---:|---:|---:|")
    for name, results in found.items():
        cpu = statistics.median(result.cpu for result in results)
        wall = statistics.median(result.wall for result in results)
        print(f"| {shown[name]} | {cpu:.2f} | {wall:.1f} | {max(result.peak for result in results):.0f} |", flush=True)


def about(bench: Bench, source: Path) -> str:
    """What a film is, in words."""
    entries = "stream=codec_name,width,height,bit_rate:format=duration"
    asked = [bench.tools.ffprobe, "-v", "error", "-select_streams", "v", "-of", "json", "-show_entries", entries]
    said: dict[str, Any] = json.loads(subprocess.run([*asked, source], check=True, capture_output=True).stdout)
    stream = said["streams"][0]
    return (
        f"{stream['codec_name']}, {stream['width']} × {stream['height']}, {int(stream['bit_rate']) / 1e6:.1f} Mbit/s,"
        f" {float(said['format']['duration']):.0f} s"
    )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.media.videos", description=__doc__)
    parts = "veryfast,medium,default,large,kept,parts"
    parser.add_argument("--only", default=parts, help="by commas, of: %(default)s")
    parser.add_argument("--seconds", type=int, default=30, help="of a film; a third in 2160p (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="interleaved (default: %(default)s)")
    options = parser.parse_args(arguments)
    folder = VAR / "bench" / "videos"
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(folder)
    print(f"ffmpeg {bench.tools.version}", flush=True)
    for part in options.only.split(","):
        match part:
            case "veryfast" | "medium":
                source = bench.film(footage.CAMERA, options.seconds)
                title = f"Preset {part}: {about(bench, source)}"
                beside(bench, title, source, preset=part, peer=None, rounds=options.rounds)
            case "default":
                source = bench.film(footage.CAMERA, options.seconds)
                peer = PEER_PRESET, PEER_CRF
                title = f"Each as it comes: {about(bench, source)}"
                beside(bench, title, source, preset=graph.PRESET, peer=peer, rounds=options.rounds)
            case "large":
                source = bench.film(footage.LARGE_CAMERA, options.seconds // 3)
                title = f"Preset {graph.PRESET}: {about(bench, source)}"
                beside(bench, title, source, preset=graph.PRESET, peer=None, rounds=options.rounds)
            case "kept":
                source = bench.film(footage.FITTING, options.seconds)
                ways(bench, "Kept: an upload that fits", source, SHOWN_KEPT, options.rounds)
                print(f"\nThe upload: {about(bench, source)}.", flush=True)
            case "parts":
                source = bench.film(footage.CAMERA, options.seconds)
                ways(bench, f"In parts: {about(bench, source)}", source, SHOWN_IN_PARTS, options.rounds)
            case _:
                raise Trouble(f"No part is called {part!r}. There are: {parts}.")


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
