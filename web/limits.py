"""How often something may be tried: counted in the database, so that every web process counts together."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

#: Lapsed counts that one try clears away: more than it can add, so that the table stays as small as its live part.
_SWEPT = 5


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``tries`` in ``window``, counted from the first one."""

    name: str
    tries: int
    window: timedelta


def take(limit: Limit, subject: str, *, now: datetime) -> timedelta | None:
    """Counts one try by or at ``subject`` (an account, an address). None where it is allowed, else how long to wait.

    The subject is kept only as a hash: people type passwords into the wrong field.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM web_tries WHERE key IN (
                SELECT key FROM web_tries WHERE until <= %(now)s LIMIT %(swept)s FOR UPDATE SKIP LOCKED)
            """,
            {"now": now, "swept": _SWEPT},
        )
        cursor.execute(
            """
            INSERT INTO web_tries AS kept (key, count, until) VALUES (%(key)s, 1, %(until)s)
            ON CONFLICT (key) DO UPDATE
                SET count = CASE WHEN kept.until <= %(now)s THEN 1 ELSE kept.count + 1 END,
                    until = CASE WHEN kept.until <= %(now)s THEN excluded.until ELSE kept.until END
            RETURNING count, until
            """,
            {"key": _key(limit, subject), "now": now, "until": now + limit.window},
        )
        count, until = cursor.fetchone()
    return until - now if count > limit.tries else None


def forget(limit: Limit, subject: str) -> None:
    """Starts counting afresh: the try succeeded."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM web_tries WHERE key = %s", (_key(limit, subject),))


def _key(limit: Limit, subject: str) -> str:
    return f"{limit.name}:{hashlib.sha256(subject.encode()).hexdigest()[:40]}"
