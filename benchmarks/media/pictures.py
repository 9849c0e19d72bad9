"""Thumbnails beside each other: ``python -m benchmarks.media.pictures [--photograph FILE] [--rounds 3]``.

Each contestant makes the same four JPEGs (1920, 1280, 640 and 320 pixels wide, quality 80) of a JPEG of 24 megapixels
and of a PNG of 50, both from one photograph, in a process of its own, and counts CPU and memory. Prints Markdown.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.kernel import machine
from deploy.local.machine import ROOT, VAR, Trouble
from deploy.local.within import one_line_errors

#: A photograph of 200 megapixels, from the corpus of public files beside the checkout.
PHOTOGRAPH: Final = ROOT.parent / "shared" / "corpus" / "media" / "image" / "200MP.heic"
SHOWN: Final = {
    "naive": "Pillow, decoded for each width",
    "once": "Pillow, decoded once",
    "thumbnail": "Pillow, `thumbnail()` for each width",
    "cascade": "Pillow, `draft()`, each from the one before",
    "ours": "Backroom, the same four files",
    "ours_all": "Backroom, all that it makes: AVIF, WebP, JPEG, placeholder",
}


def sources(photograph: Path, folder: Path) -> dict[str, Path]:
    """A JPEG and a PNG of the photograph, made once."""
    found = {"JPEG, 24 MP": folder / "24MP.jpg", "PNG, 50 MP": folder / "50MP.png"}
    if not all(path.exists() for path in found.values()):
        # Apart: what a process has used at most, those that it starts inherit.
        maker = multiprocessing.get_context("spawn").Process(target=_reduced, args=(photograph, *found.values()))
        maker.start()
        maker.join()
        if maker.exitcode:
            raise Trouble(f"Cannot make pictures of {photograph}.")
    return found


def _reduced(photograph: Path, jpeg: Path, png: Path) -> None:
    import pillow_heif
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    image = pillow_heif.open_heif(photograph).to_pillow().convert("RGB")
    half = image.resize((6120, 8160), Image.Resampling.BOX)
    half.resize((4243, 5657), Image.Resampling.LANCZOS).save(jpeg, quality=92)
    half.save(png, compress_level=6)


def table(title: str, source: Path, folder: Path, rounds: int) -> None:
    env = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "MALLOC_ARENA_MAX": "2",
    }
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in SHOWN}
    for _ in range(rounds):
        for name, results in found.items():
            out = folder / name
            out.mkdir(exist_ok=True)
            command = [sys.executable, "-m", "benchmarks.media.thumbnails", name, str(source), str(out)]
            results.append(machine.ask(command, env))
    cpu = {name: statistics.median(one["cpu"] for one in results) for name, results in found.items()}
    rss = {name: max(one["rss"] for one in results) for name, results in found.items()}
    print(f"\n### {title}\n")
    print("| | CPU, s | least to most | × Backroom | peak RSS, MB | × Backroom | of it before | four files, kB |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name, results in found.items():
        spread = sorted(one["cpu"] for one in results)
        print(
            f"| {SHOWN[name]} | {cpu[name]:.2f} | {spread[0]:.2f}–{spread[-1]:.2f} | {cpu[name] / cpu['ours']:.1f} |"
            f" {rss[name]:.0f} | {rss[name] / rss['ours']:.1f} | {results[0]['rss_before']:.0f} |"
            f" {results[0]['size'] / 1e3:.0f} |",
            flush=True,
        )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.media.pictures", description=__doc__)
    parser.add_argument("--photograph", type=Path, default=PHOTOGRAPH, help="of 200 MP, as HEIC (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved (default: %(default)s)")
    options = parser.parse_args(arguments)
    folder = VAR / "bench" / "media"
    folder.mkdir(parents=True, exist_ok=True)
    for title, source in sources(options.photograph, folder).items():
        table(title, source, folder, options.rounds)


if __name__ == "__main__":
    with one_line_errors():
        main(sys.argv[1:])
