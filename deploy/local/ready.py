"""Whether a program really answers, as opposed to having been started."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import psycopg

from deploy.local.supervisor import Supervised

#: Asked with the time (seconds since 1970) at which the program was started.
Check = Callable[[float], Awaitable[bool]]


def http(url: str) -> Check:
    """It answers a GET of ``url`` with 200."""

    async def check(started_at: float) -> bool:  # noqa: ARG001
        return await status_of(url) == 200  # noqa: PLR2004

    return check


def sign_of_life(database_url: str, kind: str, name: str = "") -> Check:
    """It has written, since it was started, the row by which processes of ``kind`` (``name``: worker's node) say that
    they live.
    """

    async def check(started_at: float) -> bool:
        try:
            async with await psycopg.AsyncConnection.connect(database_url, connect_timeout=2) as connection:
                rows = await connection.execute(
                    "SELECT 1 FROM jobs_worker WHERE kind = %s AND name LIKE %s AND seen_at >= to_timestamp(%s)",
                    (kind, f"{name}@%" if name else "%", started_at),
                )
                return await rows.fetchone() is not None
        except psycopg.Error:
            return False

    return check


async def status_of(url: str, patience: float = 4.0) -> int | None:
    """The status of a GET of ``url`` (http only), None where there is no answer within ``patience`` seconds."""
    place = urlsplit(url)
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            try:
                writer.write(f"GET {place.path or '/'} HTTP/1.0\r\nHost: {place.netloc}\r\n\r\n".encode())
                await writer.drain()
                head = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    words = head.split()
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


async def not_ready(checks: Mapping[Supervised, Check]) -> list[str]:
    """Names of the programs that do not answer yet."""
    running = [supervised for supervised in checks if supervised.started_at]
    answers = await asyncio.gather(*(checks[supervised](supervised.started_at) for supervised in running))
    ready = {supervised.name for supervised, answer in zip(running, answers, strict=True) if answer}
    return [supervised.name for supervised in checks if supervised.name not in ready]
