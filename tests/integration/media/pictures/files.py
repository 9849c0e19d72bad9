"""What becomes of each picture in the corpus of public files, and how that is found out."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from media_pipeline import pictures
from media_pipeline.reasons import Missing, Reason
from media_pipeline.refused import Refused

READY: Final = "ready"
CUT: Final = f"ready, without {Missing.END.value}"
#: By folder and name. A reason: refused for it.
EXPECTED: Final[dict[str, str]] = {
    "bomb/100K-gray.png": Reason.TOO_MANY_PIXELS,
    "bomb/10K.gif": READY,  # exactly what we allow
    "bomb/16384x16384.png": Reason.TOO_MANY_PIXELS,
    "bomb/17000x17000.avif": Reason.TOO_MANY_PIXELS,
    "bomb/20k.gif": Reason.TOO_MANY_PIXELS,
    "bomb/65536-uint32-limit.png": Reason.TOO_MANY_PIXELS,
    "bomb/9643x10328.jpg": READY,
    "bomb/badsize.jpeg": Reason.TOO_MANY_PIXELS,
    "bomb/badsize.png": Reason.TOO_MANY_PIXELS,
    "bomb/decompression_bomb.gif": Reason.TOO_MANY_PIXELS,
    "bomb/lottapixel.jpg": Reason.TOO_MANY_PIXELS,
    "bomb/oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif": Reason.BROKEN,
    "bomb/png_decompression_dos.png": Reason.TOO_MUCH_WORK,
    "bomb/uber.gif": Reason.TOO_MANY_FRAMES,
    "image/10bit-HDR-P3-nclx.avif": READY,
    "image/200MP.heic": Reason.TOO_MANY_PIXELS,
    "image/2x2_fdcce6.png": READY,
    "image/87_OSError.jpg": READY,
    "image/BlueSquare_truncated.jpg": CUT,
    "image/Channel_digital_image_CMYK_color_no_profile.jpg": READY,
    "image/Crash_test.gif": READY,
    "image/IMG_2682.heic": READY,
    "image/RGB_16.png": READY,
    "image/Rotating_earth_(large).gif": READY,
    "image/alpha-premultiply-1024x768-paper.png": READY,
    "image/avif-orientation-6.avif": READY,
    "image/broken_data_stream.png": Reason.BROKEN,
    "image/corrupt-header.jpg": Reason.BROKEN,
    "image/corrupted.jpg": CUT,
    "image/empty_gps.jpg": READY,
    "image/exif_gps_typeerror.jpg": READY,
    "image/frozenpond.mpo": READY,
    "image/icc_profile_big.jpg": READY,
    "image/indexed.png": READY,
    "image/iphone_13_pro_max.HEIC": READY,
    "image/iss634.apng": READY,
    "image/jpeg.jpg": READY,
    "image/jxl.jxl": Reason.NOT_MEDIA,
    "image/multi-channel-z-series.ome.tif": READY,
    "image/orient_Landscape_1.jpg": READY,
    "image/orient_Landscape_6.jpg": READY,
    "image/orient_Landscape_8.jpg": READY,
    "image/orient_Portrait_2.jpg": READY,
    "image/orient_Portrait_3.jpg": READY,
    "image/orient_Portrait_5.jpg": READY,
    "image/pil_sample_cmyk.jpg": READY,
    "image/png-truncated.png": Reason.BROKEN,
    "image/rotating-squares.gif": READY,
    "image/sample-xyb.jpg": READY,
    "image/star.avifs": READY,
    "image/truncated.gif": CUT,
    "image/truncated.heic": Reason.BROKEN,
    "image/truncated.jpg": Reason.BROKEN,  # a hundredth of it is there
    "image/ultra-hdr.jpg": READY,
    "image/with-alpha.png": READY,
    "polyglot/POC_phpinfo-metadata.gif": READY,
    "polyglot/POC_phpinfo-metadata.jpg": READY,
    "polyglot/jpg-pe.jpg": READY,
    "polyglot/pileup.mp4": Reason.NOT_MEDIA,
    "svg/looks-like-svg.webp": READY,
    "svg/pngGen.svg": Reason.DRAWING,
    "svg/test1.svg": Reason.DRAWING,
}
#: Folders of the corpus that hold pictures.
FOLDERS: Final = ("bomb", "image", "polyglot", "svg")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: as in EXPECTED; and what was made of it, where something was."""

    word: str
    seconds: float
    facts: pictures.Facts | None = None
    made: pictures.Pictures | None = None


def outcome(source: Path, out: Path) -> Outcome:
    began = time.monotonic()
    facts = None
    try:
        facts = pictures.look(source)
        made = pictures.make(source, facts, out)
    except Refused as error:
        return Outcome(error.reason.value, time.monotonic() - began, facts)
    word = f"ready, without {', '.join(made.missing)}" if made.missing else READY
    return Outcome(word, time.monotonic() - began, facts, made)
