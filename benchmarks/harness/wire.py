"""Counts the statements and round trips of each kind of process, between its driver and Postgres.

A proxy on a Unix socket passes all bytes on and reads the messages of the clients (PostgreSQL's documentation,
"Message Formats"). It changes no timing that is measured: only counts are taken from a run through it.
"""

import asyncio
import re
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

from benchmarks.harness.processes import Kind, list_processes

_SOCKET = ".s.PGSQL.5432"
_ENCRYPTION_REQUESTS = {80877103, 80877104}  # SSLRequest, GSSENCRequest: the answer is a byte, then the start follows
_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK")
_CREDENTIALS = struct.Struct("3i")


@dataclass(slots=True)
class Traffic:
    """What processes of one kind sent: statements by their text, and how often they waited for an answer."""

    statements: Counter[str] = field(default_factory=Counter)
    round_trips: int = 0

    @property
    def statement_count(self) -> int:
        """The number of statements, without BEGIN, COMMIT and ROLLBACK."""
        return sum(number for text, number in self.statements.items() if not text.upper().startswith(_CONTROL))


class MessageReader:
    """Reads the messages of one client. ``server_answered`` is set by the caller when bytes of the server passed."""

    def __init__(self, traffic: Traffic) -> None:
        self.server_answered = True
        self._traffic = traffic
        self._buffer = bytearray()
        self._started = False
        self._statements = dict[bytes, str]()
        self._portals = dict[bytes, str]()

    def feed(self, data: bytes) -> None:
        """Count the messages in these bytes, the next ones of the connection."""
        self._buffer += data
        if not self._started:
            self._read_start()
        while self._started and len(self._buffer) >= 5:
            length = 1 + int.from_bytes(self._buffer[1:5])
            if len(self._buffer) < length:
                return
            self._count(bytes(self._buffer[:1]), bytes(self._buffer[5:length]))
            del self._buffer[:length]

    def _read_start(self) -> None:
        while len(self._buffer) >= 8 and not self._started:
            length, code = struct.unpack("!ii", self._buffer[:8])
            if len(self._buffer) < length:
                return
            del self._buffer[:length]
            self._started = code not in _ENCRYPTION_REQUESTS

    def _count(self, kind: bytes, body: bytes) -> None:
        if self.server_answered and kind != b"X":
            self._traffic.round_trips += 1
            self.server_answered = False
        first, _, rest = body.partition(b"\0")
        if kind == b"Q":
            self._traffic.statements[_shorten(first)] += 1
        elif kind == b"P":
            self._statements[first] = _shorten(rest.partition(b"\0")[0])
        elif kind == b"B":
            self._portals[first] = self._statements.get(rest.partition(b"\0")[0], "?")
        elif kind == b"E":
            self._traffic.statements[self._portals.get(first, "?")] += 1


def _shorten(statement: bytes) -> str:
    """A statement as one line of at most 100 characters."""
    return re.sub(r"\s+", " ", statement.decode(errors="replace")).strip()[:100]


class StatementProxy:
    """Passes connections on to Postgres, and counts what each kind of process sends."""

    def __init__(self, database_url: str) -> None:
        address = urlsplit(database_url)
        self._upstream = Path(parse_qs(address.query)["host"][0]) / _SOCKET
        self._address = address
        self._kinds = dict[int, Kind]()
        self.traffic = defaultdict[Kind, Traffic](Traffic)

    @contextmanager
    def run(self) -> Iterator[str]:
        """Accept connections for the block; yields the URL for the programs to measure."""
        loop = asyncio.new_event_loop()
        with TemporaryDirectory(prefix="sluice-wire-") as folder:
            path = Path(folder) / _SOCKET
            server = loop.run_until_complete(asyncio.start_unix_server(self._serve, path))
            thread = threading.Thread(target=loop.run_forever, name="statement-proxy")
            thread.start()
            try:
                yield self._address._replace(query=f"host={folder}&port=5432").geturl()
            finally:
                loop.call_soon_threadsafe(server.close)
                loop.call_soon_threadsafe(loop.stop)
                thread.join()
                for task in asyncio.all_tasks(loop):
                    task.cancel()
                loop.run_until_complete(asyncio.sleep(0))
                loop.close()

    def reset(self) -> None:
        """Forget what was counted. Open connections are counted on."""
        for traffic in self.traffic.values():
            traffic.statements.clear()
            traffic.round_trips = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = MessageReader(self.traffic[self._find_kind(writer)])
        upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._upstream)

        async def send() -> None:
            while data := await reader.read(1 << 16):
                messages.feed(data)
                upstream_writer.write(data)
                await upstream_writer.drain()

        async def receive() -> None:
            while data := await upstream_reader.read(1 << 16):
                messages.server_answered = True
                writer.write(data)
                await writer.drain()

        ways = [asyncio.ensure_future(send()), asyncio.ensure_future(receive())]
        with suppress(OSError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        upstream_writer.close()
        writer.close()

    def _find_kind(self, writer: asyncio.StreamWriter) -> Kind:
        """The kind of the process that made the connection."""
        connection: socket.socket = writer.get_extra_info("socket")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid = _CREDENTIALS.unpack(credentials)[0]
        return next((process.kind for process in list_processes() if process.pid == pid), Kind.OTHER)
