"""libvips, as we use it: one thread, nothing kept, and no loader but the one for the format at hand.

To be imported in a process of its own: the settings are for the whole of it.
"""

import os
from typing import Final

#: libvips reads these when it is loaded.
os.environ["VIPS_CONCURRENCY"] = "1"
os.environ["VIPS_BLOCK_UNTRUSTED"] = "1"

import pyvips

from media_pipeline.pixels.formats import Format

#: The formats that libvips reads for us. The wheel has none for HEVC and for bitmaps.
LOADERS: Final = {
    Format.JPEG: "VipsForeignLoadJpeg",
    Format.PNG: "VipsForeignLoadPng",
    Format.WEBP: "VipsForeignLoadWebp",
    Format.GIF: "VipsForeignLoadNsgif",
    Format.TIFF: "VipsForeignLoadTiff",
    Format.AVIF: "VipsForeignLoadHeif",
}

pyvips.cache_set_max(0)
pyvips.block_untrusted_set(True)


def allow_only(format: Format) -> None:
    """A file is read by the loader for ``format`` or not at all, whatever its first bytes say to libvips."""
    pyvips.operation_block_set("VipsForeignLoad", True)
    if format in LOADERS:
        pyvips.operation_block_set(LOADERS[format], False)
