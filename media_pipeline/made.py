"""What was made of a file: what the pipeline hands to whoever stores it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One rendition, on disk.

    Attributes:
        name: unique within the asset, like ``720p``, ``w1280.webp``, ``poster``, ``vi.vtt``.
        kind: a value of ``models.RenditionKind``.
        path: its file; of a stream, its playlist.
        extra: the other files that belong to it, in the same folder or below it.
        content_type: of ``path``.
        width, height: pixels, as shown; None where it shows nothing.
        bitrate, peak_bitrate: of a stream, bits a second: on average, and the highest of any segment.
        codecs: what players need to be told, as in RFC 6381; of captions, their language (BCP 47).
    """

    name: str
    kind: str
    path: Path
    content_type: str
    extra: tuple[Path, ...] = ()
    width: int | None = None
    height: int | None = None
    bitrate: int | None = None
    peak_bitrate: int | None = None
    codecs: str = ""
