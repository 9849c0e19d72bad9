"""The network between the workers and the file store, made to fail: a proxy in this process."""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from deploy.local.machine import free_port
from tests.chaos.reports.plan import Blow

_PIECE: Final = 1 << 16
#: Bytes in a second while the network is slow, in each direction of each connection.
_SLOW: Final = 1_000_000
#: Bytes of an answer that still come through before it is cut off.
_CUT_AFTER: Final = 20_000
_METHODS: Final = (b"GET /", b"PUT /", b"POST /", b"HEAD /", b"DELETE /")
_ERRORS: Final = {
    Blow.ERROR_500: (b"500 Internal Server Error", b"InternalError"),
    Blow.ERROR_503: (b"503 Service Unavailable", b"SlowDown"),
}


@dataclass(slots=True, eq=False)
class _Conversation:
    """One connection of a worker. ``asks``: the request under way; ``from_store``: bytes since it began."""

    client: asyncio.StreamWriter
    store: asyncio.StreamWriter
    asks: tuple[str, str] = ("", "")
    from_store: int = -1

    def break_off(self) -> None:
        for writer in (self.client, self.store):
            with suppress(OSError):  # it has ended since
                wire: socket.socket = writer.get_extra_info("socket")
                # Not waiting for what is unsent: the other side is told by a RST.
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Wire:
    """Forwards what comes to ``url`` to the store, and does to it what ``faults`` say.

    Attributes:
        met: how many requests and connections each fault has hit.
        stored: keys that the store said it has taken, in order.
        pace: seconds that every request takes longer.
    """

    def __init__(self, store: str, *, pace: float = 0.0) -> None:
        self._store = urlsplit(store)
        self._port = free_port(avoid=set())
        self.url = f"http://127.0.0.1:{self._port}"
        self.pace = pace
        self.faults: tuple[Blow, ...] = ()
        self.met: Counter[Blow] = Counter()
        self.stored: list[str] = []
        self._open: set[_Conversation] = set()
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._over = asyncio.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        ready = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="wire", daemon=True)
        thread.start()
        ready.wait()
        try:
            yield
        finally:
            self._soon(self._over.set)
            thread.join()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.start_server(self._converse, "127.0.0.1", self._port)
        ready.set()
        await self._over.wait()

    def _soon(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    def begin(self, fault: Blow) -> None:
        self.faults = (*self.faults, fault)
        if fault is Blow.RESET:
            self._soon(self._reset_all)
        elif fault is Blow.SILENCE:
            self._soon(self._speaks.clear)

    def end(self, fault: Blow) -> None:
        left = list(self.faults)
        left.remove(fault)
        self.faults = tuple(left)
        if Blow.SILENCE not in left:
            self._soon(self._speaks.set)

    def _reset_all(self) -> None:
        for talk in tuple(self._open):
            self._break(talk, Blow.RESET)

    def _break(self, talk: _Conversation, fault: Blow) -> None:
        self.met[fault] += 1
        talk.break_off()

    # --- one connection ----------------------------------------------------------------------------------------------

    async def _converse(self, client_reads: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            store_reads, store = await asyncio.open_connection(self._store.hostname, self._store.port)
        except OSError:
            client.transport.abort()
            return
        talk = _Conversation(client, store)
        self._open.add(talk)
        if Blow.RESET in self.faults:
            self._break(talk, Blow.RESET)
        pumps = [
            asyncio.ensure_future(self._to_store(talk, client_reads)),
            asyncio.ensure_future(self._to_client(talk, store_reads)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            return  # all is over
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._open.discard(talk)
            for writer in (client, store):
                writer.close()

    async def _to_store(self, talk: _Conversation, reads: asyncio.StreamReader) -> None:
        while piece := await reads.read(_PIECE):
            # A client says nothing new before it has heard everything about the last.
            if talk.from_store and piece.startswith(_METHODS):
                talk.asks, talk.from_store = _request(piece), 0
                await asyncio.sleep(self.pace)
                for fault in _ERRORS:
                    if fault in self.faults:
                        await self._refuse(talk, reads, fault)
                        return
            await self._hold_up(talk, len(piece))
            talk.store.write(piece)
            await talk.store.drain()

    async def _to_client(self, talk: _Conversation, reads: asyncio.StreamReader) -> None:
        while piece := await reads.read(_PIECE):
            await self._hold_up(talk, len(piece))
            first = not talk.from_store
            talk.from_store += len(piece)
            method, key = talk.asks
            if Blow.CUT in self.faults and (method == "PUT" or talk.from_store > _CUT_AFTER):
                self._break(talk, Blow.CUT)
                return
            if piece.startswith(b"HTTP/1.1 100"):
                talk.from_store = 0
            elif first and method in {"PUT", "POST"} and piece.startswith(b"HTTP/1.1 200"):
                self.stored.append(key)
            talk.client.write(piece)
            await talk.client.drain()

    async def _hold_up(self, talk: _Conversation, size: int) -> None:
        if Blow.SLOW in self.faults:
            self.met[Blow.SLOW] += 1
            await asyncio.sleep(size / _SLOW)
        if not self._speaks.is_set():
            self.met[Blow.SILENCE] += 1
            await self._speaks.wait()

    async def _refuse(self, talk: _Conversation, reads: asyncio.StreamReader, fault: Blow) -> None:
        self.met[fault] += 1
        status, code = _ERRORS[fault]
        body = b"<?xml version='1.0'?><Error><Code>" + code + b"</Code><Message>chaos</Message></Error>"
        head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n"
        talk.client.write(head % (status, len(body)) + body)
        await talk.client.drain()
        talk.client.write_eof()
        # Whoever is still sending hears of it only when he is done.
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                while await reads.read(_PIECE):
                    pass


def _request(head: bytes) -> tuple[str, str]:
    """Method and key of the object (without its bucket) that a request names; no key where it is about a piece of an
    upload."""
    method, target = head.split(b"\r\n", 1)[0].decode().split(" ")[:2]
    place = urlsplit(target)
    key = "" if "partNumber" in place.query or place.query == "uploads" else place.path
    return method, unquote(key).lstrip("/").partition("/")[2]
