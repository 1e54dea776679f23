"""All HTTP connections of this process: counted by client, checked every second, and logged when some are closed."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, Protocol

import structlog

from app.api.server.limits import ClientAddresses, ConnectionLimits

STATE_KEY = "connections"
"""The key of the connections in the state that the application's lifespan returns to the server."""

_TICK = 1.0
_LOG_SECONDS = 10.0
_NEAR = 0.8
_NEAR_SECONDS = 60.0

log = structlog.get_logger()


class Reason(StrEnum):
    """Why a connection was closed or refused, as the log names it."""

    HEADERS_SLOW = "headers_slow"
    HEADERS_LARGE = "headers_large"
    BODY_SLOW = "body_slow"
    BODY_UNWANTED = "body_unwanted"
    RESPONSE_UNREAD = "response_unread"
    CLIENT_LIMIT = "client_limit"
    TOTAL_LIMIT = "total_limit"
    EVICTED = "evicted"


class Connection(Protocol):
    """One connection."""

    client: tuple[str, int] | None

    def check(self, now: float) -> None:
        """Close the connection if its client is too slow."""

    def evict(self) -> None:
        """Close the connection, which waits for its client."""


class Connections:
    """The open connections, and a clock for their times.

    The clock advances by at most two ticks at a time, so that time in which the event loop of this process did not run
    does not count against clients.
    """

    def __init__(self, limits: ConnectionLimits, addresses: ClientAddresses, tick: float = _TICK) -> None:
        self.limits = limits
        self._tick_seconds = tick
        self.now = 0.0
        """Seconds, advanced at every tick."""
        self._addresses = addresses
        self._open: dict[Connection, str | None] = {}
        self._clients: Counter[str] = Counter()
        self._waiting: dict[Connection, None] = {}
        self._closed: Counter[Reason] = Counter()
        self._logged = self._warned = float("-inf")
        self._ticking = False
        self.is_draining = False
        """Whether the server stops: running responses are sent, and no stream goes on."""
        self._streams: set[asyncio.Task[Any]] = set()

    @contextmanager
    def stream(self, task: asyncio.Task[Any] | None) -> Iterator[bool]:
        """Within the block, the task sends a stream; it is cancelled when the server stops.

        False if the server stops already.
        """
        if task is not None:
            self._streams.add(task)
        try:
            yield not self.is_draining
        finally:
            self._streams -= {task}

    def drain(self) -> None:
        """Note that the server stops, and cancel the streams, which would go on."""
        if not self.is_draining:
            self.is_draining = True
            for task in tuple(self._streams):
                task.cancel()

    def open(self, connection: Connection) -> Reason | None:
        """Add a connection; returns why it must be refused, if it must."""
        client = self._addresses.find_client(connection.client[0] if connection.client else None)
        if client and self._clients[client] >= self.limits.per_client:
            return Reason.CLIENT_LIMIT
        if len(self._open) >= self.limits.total and not self._evict():
            return Reason.TOTAL_LIMIT
        self._open[connection] = client
        if client:
            self._clients[client] += 1
        self._waiting[connection] = None
        self._start()
        return None

    def close(self, connection: Connection) -> None:
        """Remove a connection. Nothing happens if it is not there."""
        client = self._open.pop(connection, None)
        self._waiting.pop(connection, None)
        if client:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def wait_for_client(self, connection: Connection) -> None:
        """Note that the connection has no request that runs: it may be closed for a new one."""
        if connection in self._open:
            self._waiting[connection] = None

    def begin_request(self, connection: Connection) -> None:
        """Note that a request of the connection runs."""
        self._waiting.pop(connection, None)

    def count(self, reason: Reason) -> None:
        """Count a connection that was closed or refused; a line at most every 10 seconds contains the numbers."""
        self._closed[reason] += 1
        self._start()

    def _evict(self) -> bool:
        """Close the connection that has waited longest for its client; False if there is none."""
        oldest = next(iter(self._waiting), None)
        if oldest is None:
            return False
        self.close(oldest)
        oldest.evict()
        self.count(Reason.EVICTED)
        return True

    def _start(self) -> None:
        if not self._ticking:
            self._ticking = True
            loop = asyncio.get_running_loop()
            loop.call_later(self._tick_seconds, self._tick, loop, loop.time())

    def _tick(self, loop: asyncio.AbstractEventLoop, last: float) -> None:
        began = loop.time()
        self.now += min(began - last, 2 * self._tick_seconds)
        for connection in tuple(self._open):
            connection.check(self.now)
        self._log()
        self._ticking = bool(self._open or self._closed)
        if self._ticking:
            loop.call_later(self._tick_seconds, self._tick, loop, began)

    def _log(self) -> None:
        if self._closed and self.now - self._logged >= _LOG_SECONDS:
            self._logged = self.now
            log.warning(
                "http_connections_closed", open=len(self._open), **{k.value: n for k, n in self._closed.items()}
            )
            self._closed.clear()
        if len(self._open) >= self.limits.total * _NEAR and self.now - self._warned >= _NEAR_SECONDS:
            self._warned = self.now
            log.warning("http_connections_near_limit", open=len(self._open), limit=self.limits.total)
