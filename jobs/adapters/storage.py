"""Files that jobs make, in Django's default storage: a local folder or an S3 bucket.

A storage that cannot be reached for a while is no bug of ours: every function raises ``Away`` then, which is tried
again.
"""

import errno
import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Final

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from jobs.task import Transient

log = logging.getLogger(__name__)

#: What a folder says that lies on another machine.
_NETWORK: Final = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENETDOWN,
        errno.ENETUNREACH,
    }
)
_TOO_MANY_REQUESTS: Final = 429
#: What an object store answers with 400 where our words did not reach it whole.
_CUT_SHORT: Final = frozenset({"RequestTimeout", "IncompleteBody"})


#: What a disk says, here or under the storage, that has no room.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
#: Bytes that are handed on at once.
_BLOCK: Final = 256 * 1024


class NoRoom(Transient):
    """A disk is full, which is no bug of ours."""


@contextmanager
def room() -> Iterator[None]:
    """Turns a full disk, that of this machine included, into NoRoom."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        log.error("There is no room on the disk: %s", error)  # noqa: TRY400 (a full disk is no bug)
        raise NoRoom(_("There is no room to store the file at the moment. We will try again.")) from error


class Away(Transient):
    """The storage cannot be reached, or says that something is wrong with itself."""


@contextmanager
def reached() -> Iterator[None]:
    """Turns what a storage raises while it is away into Away. What it refuses rises as it is."""
    try:
        yield
    except Exception as error:
        if not _is_away(error):
            raise
        log.warning("The file storage is away: %s", error)
        raise Away(_("The file storage does not answer at the moment. We will try again.")) from error


def _is_away(error: Exception) -> bool:
    if isinstance(error, OSError) and error.errno is not None:  # the object store's client has some without
        return error.errno in _NETWORK
    # Large, and loaded already where an object store is what has failed.
    from boto3.exceptions import RetriesExceededError  # noqa: PLC0415
    from botocore import exceptions  # noqa: PLC0415

    if isinstance(error, exceptions.ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        return status >= 500 or status == _TOO_MANY_REQUESTS or code in _CUT_SHORT  # noqa: PLR2004 (HTTP's own)
    return isinstance(
        error,
        exceptions.ConnectionError
        | exceptions.HTTPClientError
        | exceptions.IncompleteReadError
        | exceptions.FlexibleChecksumError
        | RetriesExceededError,
    )


def save(key: str, content: Iterable[bytes]) -> str:
    """Stores ``content`` as it comes, in constant memory; returns its key. A key in use is never written over. What
    breaks off is deleted."""
    try:
        with reached():
            return default_storage.save(key, _Streamed(content, name=key))
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


def size(key: str) -> int:
    """Bytes of a stored file. Raises FileNotFoundError."""
    with reached():
        return default_storage.size(key)


def part(key: str, first: int, length: int) -> Iterator[bytes]:
    """``length`` bytes of a stored file from ``first`` (0 for its beginning) on, as they come: no more of it is
    fetched. Raises FileNotFoundError."""
    bucket = getattr(default_storage, "bucket", None)
    if bucket is None:
        file = default_storage.open(key, "rb")
        file.seek(first)
        return _blocks(file, length)
    with reached():
        try:
            found = bucket.Object(key).get(Range=f"bytes={first}-{first + length - 1}")
        except bucket.meta.client.exceptions.NoSuchKey:
            raise FileNotFoundError(key) from None
    blocks: Iterator[bytes] = found["Body"].iter_chunks(_BLOCK)
    return blocks


def _blocks(file: "File[bytes]", left: int) -> Iterator[bytes]:
    with file:
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block


def delete(key: str) -> None:
    """Deletes the file; one that is not there is deleted already."""
    with reached():
        default_storage.delete(key)


def stored(folder: str) -> Iterator[tuple[str, datetime]]:
    """Every file in ``folder`` and below, with the time it was written (aware)."""
    bucket = getattr(default_storage, "bucket", None)
    if bucket is not None:
        with reached():
            found = [(item.key, item.last_modified) for item in bucket.objects.filter(Prefix=f"{folder}/")]
        yield from found
        return
    try:
        folders, names = default_storage.listdir(folder)
    except FileNotFoundError:  # nothing has been stored yet
        return
    for name in names:
        with suppress(FileNotFoundError):  # deleted by somebody else meanwhile
            yield f"{folder}/{name}", default_storage.get_modified_time(f"{folder}/{name}")
    for name in folders:
        yield from stored(f"{folder}/{name}")


def abort_dead_uploads(folder: str, before: datetime) -> int:
    """Gives up uploads in pieces that began before then: an object store keeps, and bills, the pieces of one that was
    cut off until somebody says so. Returns how many; none in a folder, which knows no such thing."""
    bucket = getattr(default_storage, "bucket", None)
    if bucket is None:
        return 0
    with reached():
        uploads = bucket.multipart_uploads.filter(Prefix=f"{folder}/")
        dead = [upload for upload in uploads if upload.initiated < before]
        for upload in dead:
            with suppress(bucket.meta.client.exceptions.NoSuchUpload):  # another sweep was quicker
                upload.abort()
    return len(dead)


def link(key: str, *, file_name: str, content_type: str, seconds: int) -> str | None:
    """An address at which the storage itself hands out the file for ``seconds``; None where it cannot (a folder)."""
    if not getattr(default_storage, "querystring_auth", False):
        return None
    parameters = {
        "ResponseContentDisposition": content_disposition_header(as_attachment=True, filename=file_name),
        "ResponseContentType": content_type,
    }
    found: str = default_storage.url(key, parameters=parameters, expire=seconds)  # type: ignore[call-arg]
    return found
