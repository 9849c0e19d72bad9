"""Where report files are kept: Django's default storage, a local folder or an S3 bucket."""

from collections.abc import Iterator
from datetime import datetime
from typing import IO, Final

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.http import content_disposition_header

_FOLDER: Final = "reports"


def save(name: str, content: IO[bytes]) -> str:
    """Stores ``content`` from its beginning; returns its key. A key in use is never written over."""
    content.seek(0)
    return default_storage.save(f"{_FOLDER}/{name}", File(content, name=name))


def open_file(key: str) -> "File[bytes]":
    """Raises FileNotFoundError."""
    return default_storage.open(key, "rb")


def delete(key: str) -> None:
    """Deletes the file; one that is not there is deleted already."""
    default_storage.delete(key)


def stored() -> Iterator[tuple[str, datetime]]:
    """Every stored file, also those that no report has, with the time it was written (aware)."""
    try:
        _, names = default_storage.listdir(_FOLDER)
    except FileNotFoundError:  # nothing has been stored yet
        return
    for name in names:
        key = f"{_FOLDER}/{name}"
        try:
            yield key, default_storage.get_modified_time(key)
        except FileNotFoundError:
            continue  # deleted by somebody else meanwhile


def storage_link(key: str, *, file_name: str, content_type: str, seconds: int) -> str | None:
    """An address at which the storage itself hands out the file for ``seconds``; None where it cannot (a folder)."""
    if not getattr(default_storage, "querystring_auth", False):
        return None
    parameters = {
        "ResponseContentDisposition": content_disposition_header(as_attachment=True, filename=file_name),
        "ResponseContentType": content_type,
    }
    link: str = default_storage.url(key, parameters=parameters, expire=seconds)  # type: ignore[call-arg]
    return link
