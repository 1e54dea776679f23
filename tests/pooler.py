"""A connection pooler for tests: many clients share one session of Postgres, each for a transaction.

It does what PgBouncer does with ``pool_mode=transaction``: it answers the start of a connection itself, with a process
id of its own, and a client keeps the session until the server reports that no transaction is open.
"""

import asyncio
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import parse_qs, urlsplit

_SSL_REQUEST, _PROTOCOL = 80877103, 196608


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
        while message := await _read(self._reader):
            if self._client:
                self._client.write(message)
            if message[:1] == b"Z" and message[-1:] == b"I":
                self._client = None
                self._lock.release()


async def _read(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def _serve(session: _Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    length, code = struct.unpack("!ii", await reader.readexactly(8))
    while code != _PROTOCOL:
        writer.write(b"N")  # neither TLS nor GSSAPI
        length, code = struct.unpack("!ii", await reader.readexactly(8))
    await reader.readexactly(length - 8)
    authenticated, ready = b"R" + struct.pack("!ii", 8, 0), b"Z" + struct.pack("!i", 5) + b"I"
    writer.write(authenticated + session.parameters + b"K" + struct.pack("!iii", 12, 1, 1) + ready)
    with suppress(asyncio.IncompleteReadError):
        while (message := await _read(reader))[:1] != b"X":
            await session.send(message, writer)
    writer.close()


@contextmanager
def run_pooler(database_url: str) -> Iterator[str]:
    """A pooler in front of the embedded Postgres; yields the address of the same database through it."""
    parts = urlsplit(database_url)
    socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
    user, database = parts.username or "", parts.path.lstrip("/")
    loop, ports = asyncio.new_event_loop(), list[int]()
    started = threading.Event()

    async def run() -> None:
        session = _Session(*await asyncio.open_unix_connection(socket))
        await session.start(user, database)
        answering = loop.create_task(session.answer())
        server = await asyncio.start_server(lambda reader, writer: _serve(session, reader, writer), "127.0.0.1")
        ports.append(server.sockets[0].getsockname()[1])
        started.set()
        with suppress(asyncio.IncompleteReadError):
            await answering

    def serve() -> None:
        with suppress(RuntimeError):  # stopped
            loop.run_until_complete(run())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(30)
    yield f"postgresql://{user}@127.0.0.1:{ports[0]}/{database}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
