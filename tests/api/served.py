"""A small application behind the limited protocol, in the event loop of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Self

import uvicorn
from starlette.types import Receive, Scope, Send

from app.api.server.connections import STATE_KEY, Connections
from app.api.server.limits import ClientAddresses, ConnectionLimits
from tests.deadlines import deadline

LIMITS = replace(ConnectionLimits(), header_time=0.3, body_window=0.3, body_rate=10_000, discard_time=0.3)


class Application:
    """Reads a body and responds with its size. A path selects another behaviour."""

    def __init__(self, connections: Connections) -> None:
        self.sizes: list[int | None] = []
        """The sizes of the bodies; None for one whose client disconnected."""
        self.headers: list[list[bytes]] = []
        """The names of the headers of each request, as they are after its body."""
        self.release = asyncio.Event()
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        if scope["type"] == "lifespan":
            await receive()
            scope["state"][STATE_KEY] = self._connections
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"] == "/wait":  # before the body is read
            await self.release.wait()
        size = None if scope["path"] == "/early" else await self._read(receive)
        self.headers.append([name for name, _ in scope["headers"]])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await self.release.wait()
        body = b"x" * 8_000_000 if scope["path"] == "/large" else f"size={size}".encode()
        await send({"type": "http.response.body", "body": body})

    async def _read(self, receive: Receive) -> int | None:
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.sizes.append(None)
                return None
            size += len(message["body"])
            if not message["more_body"]:
                self.sizes.append(size)
                return size


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> Self:
        """Send bytes."""
        self.writer.write(data)
        await self.writer.drain()
        return self

    async def read_all(self) -> bytes:
        """What the server sends until it closes the connection."""
        async with asyncio.timeout(deadline(20)):
            return await self.reader.read()

    async def read_until(self, end: bytes) -> bytes:
        """What the server sends up to ``end``."""
        async with asyncio.timeout(deadline(20)):
            return await self.reader.readuntil(end)


class Served:
    """A running server."""

    def __init__(self, app: Application, connections: Connections, port: int) -> None:
        self.app = app
        self.connections = connections
        self._port = port
        self._clients: list[Client] = []

    async def connect(self) -> Client:
        """Open a connection."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self._port))
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            client.writer.close()


@asynccontextmanager
async def serve(trusted: str = "", **limits: Any) -> AsyncIterator[Served]:
    """Run a server with these limits for the block."""
    connections = Connections(replace(LIMITS, **limits), ClientAddresses(trusted), tick=0.05)
    app = Application(connections)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, http="app.api.server.protocol:LimitedProtocol", log_config=None, access_log=False, ws="none"
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve([listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.01)
        served = Served(app, connections, listener.getsockname()[1])
        try:
            yield served
        finally:
            app.release.set()
            served.close()
            server.should_exit = True
            await running
