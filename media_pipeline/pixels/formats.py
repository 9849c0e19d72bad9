"""The formats we take."""

from enum import StrEnum


class Format(StrEnum):
    """As Pillow calls them."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    GIF = "GIF"
    AVIF = "AVIF"
    HEIF = "HEIF"
    BMP = "BMP"
    TIFF = "TIFF"
