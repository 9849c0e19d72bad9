"""What pages show of a picture until it has come: a few pixels in the page itself, from the thumbhash of the asset.

They are an address, for the pages' policy allows pictures from ``data:``, but no style and no script in the page.
"""

import base64
import io
from functools import lru_cache
from typing import Final

from PIL import Image

from media_pipeline.pixels.placeholder import decoded

#: Pixels of the longer side: of a picture across the page, and of one the size of a thumb.
LARGE: Final = 32
SMALL: Final = 16


@lru_cache(maxsize=1000)
def address(placeholder: str, longest: int) -> str:
    """A tiny PNG as a ``data:`` address; "" where there is none, or something would show through in front of it."""
    found = decoded(base64.b64decode(placeholder), longest) if placeholder else None
    if found is None:
        return ""
    width, height, pixels = found
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
