"""A file storage that cannot be reached for a while is no bug of ours: its errors become one that is tried again."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

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
