"""The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload): what they say, and what they must not."""

import base64
import binascii
import hashlib
import re
import unicodedata
from typing import Final

from media_pipeline.uploads import Checksum

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,termination,expiration,checksum"
#: As the protocol and ``hashlib`` both call them.
ALGORITHMS: Final = ("sha1", "sha256")
CONTENT_TYPE: Final = "application/offset+octet-stream"
#: HTTP has no name for it: the bytes do not have the checksum that came with them.
CHECKSUM_MISMATCH: Final = 460
#: Characters of a file's name that are kept.
LONGEST_NAME: Final = 255
_NUMBER: Final = re.compile(r"[0-9]{1,18}")  # in 64 bits with room to spare


class Malformed(ValueError):
    """A header that the protocol does not allow. The message names it."""


def number(name: str, header: str | None) -> int:
    """A number of bytes. Raises Malformed."""
    if header is None or not _NUMBER.fullmatch(header):
        raise Malformed(f"{name}: a whole number of bytes is needed.")
    return int(header)


def metadata(header: str) -> dict[str, str]:
    """``Upload-Metadata``: pairs of a key and a value in base64, which may be missing. Raises Malformed."""
    found: dict[str, str] = {}
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        if not key:
            if header.strip():
                raise Malformed("Upload-Metadata: a pair has no key.")
            continue
        if key in found or not key.isascii():
            raise Malformed("Upload-Metadata: keys are ASCII, each of them once.")
        try:
            found[key] = base64.b64decode(value, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            raise Malformed("Upload-Metadata: values are in base64.") from None
    return found


def checksum(header: str | None) -> Checksum | None:
    """``Upload-Checksum``; None where there is none. Raises Malformed."""
    if header is None:
        return None
    algorithm, _, value = header.partition(" ")
    if algorithm not in ALGORITHMS:
        raise Malformed(f"Upload-Checksum: {' or '.join(ALGORITHMS)} is needed.")
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise Malformed(f"Upload-Checksum: this is no {algorithm} in base64.")
    return Checksum(algorithm, digest)


def shown_name(name: str) -> str:
    """A file's name as a person's machine gave it, fit to be shown: without folders, and without what cannot be seen or
    turns the rest around. May be empty."""
    last = name.replace("\\", "/").rpartition("/")[2]
    # Of decomposed letters, as macOS writes them, whole ones are made.
    seen = "".join(letter for letter in unicodedata.normalize("NFC", last) if letter.isprintable())
    return " ".join(seen.split())[:LONGEST_NAME]
