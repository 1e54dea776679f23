"""A connection pooler for tests, which does what PgBouncer does.

It answers the start of a connection itself, with a process id of its own, and refuses parameters that it cannot pass
on. With ``pool_mode=transaction``, many clients share one session of Postgres: a client keeps it until the server
reports that no transaction is open. With ``pool_mode=session``, each client has a session.
"""

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import parse_qs, urlsplit

_PROTOCOL = 196608
_PARAMETERS = {"user", "database", "client_encoding", "datestyle", "timezone", "application_name"}
"""The parameters of a connection's start that PgBouncer accepts by default."""


class _Session:
    """The one session of the server. The client that holds the lock receives its answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.parameters = b""
        self._lock = asyncio.Lock()
        self._client: asyncio.StreamWriter | None = None

    async def start(self, user: str, database: str) -> None:
        fields = f"user\0{user}\0database\0{database}\0\0".encode()
        self._writer.write(struct.pack("!ii", len(fields) + 8, _PROTOCOL) + fields)
        while (message := await _read(self._reader))[:1] != b"Z":
            if message[:1] == b"S":
                self.parameters += message

    async def send(self, message: bytes, client: asyncio.StreamWriter) -> None:
        if self._client is not client:
            await self._lock.acquire()
            self._client = client
        self._writer.write(message)

    async def answer(self) -> None:
        """Pass on the server's messages; a session outside a transaction becomes free."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while message := await _read(self._reader):
                if self._client:
                    self._client.write(message)
                if message[:1] == b"Z" and message[-1:] == b"I" and self._client:
                    self._client = None
                    self._lock.release()

    def close(self) -> None:
        self._writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def _serve(session: _Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length, code = struct.unpack("!ii", await reader.readexactly(8))
    while code != _PROTOCOL:
        writer.write(b"N")  # neither TLS nor GSSAPI
        length, code = struct.unpack("!ii", await reader.readexactly(8))
    names = (await reader.readexactly(length - 8)).decode().split("\0")[:-2:2]
    if refused := {name.lower() for name in names} - _PARAMETERS:
        fields = f"SFATAL\0C08P01\0Munsupported startup parameter: {refused}\0\0".encode()
        writer.write(b"E" + struct.pack("!i", len(fields) + 4) + fields)
        writer.close()
        return
    authenticated, ready = b"R" + struct.pack("!ii", 8, 0), b"Z" + struct.pack("!i", 5) + b"I"
    writer.write(authenticated + session.parameters + b"K" + struct.pack("!iii", 12, 1, 1) + ready)
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while (message := await _read(reader))[:1] != b"X":
            await session.send(message, writer)
    writer.close()


@contextmanager
def run_pooler(database_url: str, mode: Literal["transaction", "session"] = "transaction") -> Iterator[str]:
    """A pooler in front of the embedded Postgres; yields the address of the same database through it."""
    parts = urlsplit(database_url)
    socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
    user, database = parts.username or "", parts.path.lstrip("/")
    loop, ports = asyncio.new_event_loop(), list[int]()
    started, stopped = threading.Event(), asyncio.Event()

    async def open_session() -> tuple[_Session, asyncio.Task[None]]:
        session = _Session(*await asyncio.open_unix_connection(socket))
        await session.start(user, database)
        return session, loop.create_task(session.answer())

    async def run() -> None:
        shared = await open_session() if mode == "transaction" else None

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            session, _ = shared or await open_session()
            await _serve(session, reader, writer)
            if session is not (shared and shared[0]):
                session.close()

        server = await asyncio.start_server(serve, "127.0.0.1")
        ports.append(server.sockets[0].getsockname()[1])
        started.set()
        await stopped.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert started.wait(30)
    yield f"postgresql://{user}@127.0.0.1:{ports[0]}/{database}"
    loop.call_soon_threadsafe(stopped.set)
    thread.join()
