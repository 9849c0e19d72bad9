"""The contestants: each makes four JPEGs of a picture, and says what it cost.

``python -m benchmarks.media.thumbnails NAME SOURCE OUT``, one process each. Prints one JSON object.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

WIDTHS: Final = (1920, 1280, 640, 320)
QUALITY: Final = 80


def naive(source: Path, out: Path) -> None:
    """As most do it: open, resize, save, for each width."""
    from PIL import Image

    for width in WIDTHS:
        with Image.open(source) as image:
            height = round(image.height * width / image.width)
            image.resize((width, height), Image.Resampling.LANCZOS).save(out / f"{width}.jpg", quality=QUALITY)


def once(source: Path, out: Path) -> None:
    from PIL import Image

    with Image.open(source) as image:
        for width in WIDTHS:
            height = round(image.height * width / image.width)
            image.resize((width, height), Image.Resampling.LANCZOS).save(out / f"{width}.jpg", quality=QUALITY)


def thumbnail(source: Path, out: Path) -> None:
    from PIL import Image

    for width in WIDTHS:
        with Image.open(source) as image:
            image.thumbnail((width, image.height))
            image.save(out / f"{width}.jpg", quality=QUALITY)


def cascade(source: Path, out: Path) -> None:
    """The best that Pillow can do."""
    from PIL import Image

    with Image.open(source) as opened:
        size = opened.size
        opened.draft("RGB", (WIDTHS[0], round(size[1] * WIDTHS[0] / size[0])))
        image: Image.Image = opened
        for width in WIDTHS:
            height = round(size[1] * width / size[0])
            image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3)
            image.save(out / f"{width}.jpg", quality=QUALITY)


def ours(source: Path, out: Path) -> None:
    """The product's own way, in JPEG alone."""
    from media_pipeline.pixels import decoding, encoding, work

    image, _ = decoding.still(source, _looked_at(source))
    for size in work._cascade(image):
        (out / f"{size.width}.jpg").write_bytes(encoding.encoded(size, "jpg"))


def ours_all(source: Path, out: Path) -> None:
    from dataclasses import asdict

    from media_pipeline.pixels import work

    work.make(source=str(source), facts=asdict(_looked_at(source)), out=str(out))
    for width in WIDTHS:
        (out / f"w{width}.jpg").rename(out / f"{width}.jpg")


def _looked_at(source: Path) -> Any:
    from media_pipeline.pixels import header
    from media_pipeline.pixels.facts import Facts

    known = {".jpg": "JPEG", ".png": "PNG"}[source.suffix]
    most = {"pixels": 10**8, "side": 30_000, "frames": 500, "frame_pixels": 5 * 10**8}
    return Facts(**header.read(source=str(source), format=known, most=most))


CONTESTANTS: Final[dict[str, Callable[[Path, Path], None]]] = {
    "naive": naive,
    "once": once,
    "thumbnail": thumbnail,
    "cascade": cascade,
    "ours": ours,
    "ours_all": ours_all,
}


def _peak() -> float:
    """MB resident at most, of this process alone."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def main() -> None:
    name, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    # What each needs is loaded before it is measured.
    if name.startswith("ours"):
        import media_pipeline.pixels.header
        import media_pipeline.pixels.work  # noqa: F401
    else:
        from PIL import Image

        Image.init()
    before = _peak()
    cpu = time.process_time()
    CONTESTANTS[name](source, out)
    print(
        json.dumps(
            {
                "cpu": time.process_time() - cpu,
                "rss_before": before,
                "rss": _peak(),
                "size": sum((out / f"{width}.jpg").stat().st_size for width in WIDTHS),
            }
        )
    )


if __name__ == "__main__":
    main()
