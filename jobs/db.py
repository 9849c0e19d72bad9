"""The kernel's own way to the database: prepared statements, and what a lost connection looks like.

Claiming and concluding happen for every job, so their SQL is prepared once per connection by the server instead of
being parsed and planned each time. Behind a pooler that hands out a connection per transaction this needs one that
knows prepared statements (PgBouncer 1.21 or newer).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections

T = TypeVar("T")

#: SQLSTATE classes and codes that mean "the server went away", as against "the server refused this statement":
#: connection exceptions, and shutdown, crash and start-up of the server.
_GONE: Final = ("08", "57P01", "57P02", "57P03", "57P05")


def fetch(sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
    """Runs one prepared statement and returns its rows (empty for a statement without any).

    It joins the caller's transaction. JSON columns come back as text. Raises Django's database errors.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    connection.validate_no_broken_transaction()
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, parameters, prepare=True)
        # Not ``cursor.description``, which makes an object of every column.
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def connection_was_lost(error: BaseException) -> bool:
    """True where ``error`` says that the server or the connection to it went away, so the statement may be tried again
    on a new connection (it may also have been carried out: only the answer is missing)."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    cause = error.__cause__
    state = getattr(cause, "sqlstate", None)
    return state is None or state.startswith(_GONE)


def outlasting_outages(work: Callable[[bool], T], *, patience: float, pause: float = 0.2) -> T:
    """Runs ``work(again)`` and, while the database is away, runs it again for up to ``patience`` seconds.

    ``again`` is true from the second run on: the first one may have been carried out although its answer was lost.
    Raises the last error once patience is over, and every other error at once.
    """
    deadline = time.monotonic() + patience
    # A dead connection is found and replaced below, so asking first whether it lives would only cost a round trip.
    connections[DEFAULT_DB_ALIAS].health_check_done = True  # type: ignore[attr-defined]
    again = False
    while True:
        try:
            return work(again)
        except (OperationalError, InterfaceError) as error:
            connection = connections[DEFAULT_DB_ALIAS]
            if not connection_was_lost(error) or connection.in_atomic_block or time.monotonic() > deadline:
                raise
            connection.close()
            again = True
            time.sleep(pause)
            pause = min(pause * 2, 2.0)
