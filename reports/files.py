"""Where report files are kept: Django's default storage, a local folder or an S3 bucket.

Every function raises ``Away`` while the storage cannot be reached.
"""

import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Final

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.http import content_disposition_header

from jobs.adapters.storage import Away, reached

log = logging.getLogger(__name__)

_FOLDER: Final = "reports"
#: Folder of the parts of files that are still being made.
PARTS: Final = "parts"


def key_of(name: str) -> str:
    """The key of a file saved as ``name``, where that was free."""
    return f"{_FOLDER}/{name}"


def save(name: str, content: Iterable[bytes]) -> str:
    """Stores ``content`` as it comes, in constant memory; returns its key. A key in use is never written over. What
    breaks off is deleted."""
    key = key_of(name)
    try:
        with reached():
            return default_storage.save(key, _Streamed(content, name=name))
    except Away:
        raise  # nobody is there to delete it; leftovers are swept
    except BaseException:
        try:
            default_storage.delete(key)
        except Exception:
            # Storages raise what they like, and it is the first error that matters; leftovers are swept.
            log.warning("What there is of %s could not be deleted", key, exc_info=True)
        raise


class _Streamed(File):  # type: ignore[type-arg]
    """A file of what an iterable gives, read once from its beginning."""

    def __init__(self, content: Iterable[bytes], *, name: str) -> None:
        super().__init__(None, name=name)
        self._content, self._rest = iter(content), b""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:  # noqa: ARG002
        yield from self._content

    def seek(self, offset: int, whence: int = 0) -> int:
        """Storages go to the beginning first, and are there."""
        if offset or whence:
            raise io.UnsupportedOperation("A stream cannot go back.")
        return 0

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            piece = next(self._content, None)
            if piece is None:
                break
            self._rest += piece
        if size < 0:
            size = len(self._rest)
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def __bool__(self) -> bool:
        return True


def open_file(key: str) -> "File[bytes]":
    """Raises FileNotFoundError. What comes out of an object store has come over whole by then."""
    with reached():
        file = default_storage.open(key, "rb")
        file.file  # noqa: B018 (an object store's is fetched here, not when it is read)
        return file


def delete(key: str) -> None:
    """Deletes the file; one that is not there is deleted already."""
    with reached():
        default_storage.delete(key)


def stored() -> Iterator[tuple[str, datetime]]:
    """Every stored file, also those that no report has, with the time it was written (aware)."""
    bucket = getattr(default_storage, "bucket", None)
    if bucket is not None:
        with reached():
            found = [(item.key, item.last_modified) for item in bucket.objects.filter(Prefix=f"{_FOLDER}/")]
        yield from found
        return
    for folder in (_FOLDER, f"{_FOLDER}/{PARTS}"):
        try:
            _, names = default_storage.listdir(folder)
        except FileNotFoundError:  # nothing has been stored yet
            continue
        for name in names:
            key = f"{folder}/{name}"
            try:
                yield key, default_storage.get_modified_time(key)
            except FileNotFoundError:
                continue  # deleted by somebody else meanwhile


def abort_dead_uploads(before: datetime) -> int:
    """Gives up uploads in pieces that began before then: an object store keeps, and bills, the pieces of one that was
    cut off until somebody says so. Returns how many; none in a folder, which knows no such thing."""
    bucket = getattr(default_storage, "bucket", None)
    if bucket is None:
        return 0
    with reached():
        uploads = bucket.multipart_uploads.filter(Prefix=f"{_FOLDER}/")
        dead = [upload for upload in uploads if upload.initiated < before]
        for upload in dead:
            with suppress(bucket.meta.client.exceptions.NoSuchUpload):  # another sweep was quicker
                upload.abort()
    return len(dead)


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
