"""HTTP connections with limits, for uvicorn: ``--http app.api.server.protocol:LimitedProtocol``.

uvicorn itself waits without a limit for the headers and the body of a request, and accepts any number of connections
and any length of headers.
"""

import asyncio
import json
from enum import Enum, auto
from http import HTTPStatus
from secrets import token_hex
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.server.connections import STATE_KEY, Connections, Reason
from app.api.server.joined_writes import JoinedWrites
from app.api.server.limits import ClientAddresses, ConnectionLimits
from app.domain.errors import (
    HeadersTooLargeError,
    RequestTimeoutError,
    ServerBusyError,
    SluiceError,
    TooManyConnectionsError,
)

_ANSWERS: dict[Reason, SluiceError] = {
    Reason.HEADERS_SLOW: RequestTimeoutError("Its headers are incomplete."),
    Reason.BODY_SLOW: RequestTimeoutError("Its body arrives too slowly."),
    Reason.HEADERS_LARGE: HeadersTooLargeError(),
    Reason.CLIENT_LIMIT: TooManyConnectionsError(),
    Reason.TOTAL_LIMIT: ServerBusyError(),
}
_DISCARD_BYTES = 16 * 1024 * 1024
"""Of a body whose request is answered."""


class _Reading(Enum):
    """What the next bytes of the client belong to."""

    NOTHING = auto()  # no request has begun
    HEADERS = auto()
    BODY = auto()


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with the limits of ``ConnectionLimits``."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        connections = app_state.get(STATE_KEY)
        if connections is None:  # another application than Sluice's
            connections = app_state[STATE_KEY] = Connections(ConnectionLimits(), ClientAddresses(""))
        self._connections: Connections = connections
        self.timeout_keep_alive = connections.limits.idle_time  # type: ignore[assignment]  # uvicorn declares an int
        self._reading = _Reading.HEADERS
        self._since = connections.now
        self._received = self._received_before = self._received_of_body = 0
        self._unread_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or refuse it with a response."""
        super().connection_made(transport)
        if reason := self._connections.open(self):
            self._end(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._connections.close(self)
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close the connection once its response is sent; the server stops."""
        self._connections.drain()
        super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Parse the next bytes, unless the connection is about to close."""
        if self.transport.is_closing():
            return
        if self._reading is _Reading.NOTHING:
            self._start_reading(_Reading.HEADERS)
        self._received += len(data)
        super().data_received(data)
        if self._received - self._received_before > self._connections.limits.header_bytes:
            self._check_size()

    def on_message_begin(self) -> None:
        """Begin to read a request, perhaps one that was sent together with the end of the one before it."""
        if self._reading is _Reading.NOTHING:
            self._start_reading(_Reading.HEADERS)
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header. A field after the body (a trailer) is dropped: nothing reads it, and it could be any."""
        if self._reading is not _Reading.BODY:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Pass on a piece of the body."""
        self._received_of_body = self._received
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Begin the request."""
        self._received_of_body = self._received
        self._connections.begin_request(self)
        self._start_reading(_Reading.BODY)
        previous = self.cycle
        super().on_headers_complete()
        if self.cycle is not previous:  # otherwise the connection becomes one for WebSockets
            self.cycle.transport = JoinedWrites(self.transport, self.loop)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """Note that the request has arrived completely."""
        self._start_reading(_Reading.NOTHING)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or discard the rest of this one."""
        self._start_reading(self._reading)
        super().on_response_complete()
        if self.cycle.response_complete:  # otherwise the next of several pipelined requests runs now
            self._connections.wait_for_client(self)

    def pause_writing(self) -> None:
        """Note since when the client does not read."""
        self._unread_since = self._connections.now
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads."""
        self._unread_since = None
        super().resume_writing()

    def check(self, now: float) -> None:
        """Close the connection if its client is too slow."""
        limits, running = self._connections.limits, self.cycle is not None and not self.cycle.response_complete
        if self._unread_since is not None and now - self._unread_since > limits.send_time:
            self._connections.count(Reason.RESPONSE_UNREAD)
            self.transport.abort()
        elif self.transport.is_closing():
            if self._unread_since is None:
                self._unread_since = now  # the transport closes when the client has read the rest
        elif self._reading is _Reading.HEADERS and not running:
            if now - self._since > limits.header_time:
                self._end(Reason.HEADERS_SLOW)
        elif self._reading is _Reading.BODY:
            self._check_body(now, running=running)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to uvicorn's protocol for WebSockets. Sluice has none; its routes refuse them."""
        self._connections.close(self)
        super().handle_websocket_upgrade()

    def evict(self) -> None:
        """Close the connection, which waits for its client."""
        self.transport.close()

    def _check_size(self) -> None:
        if self._reading is _Reading.HEADERS:
            self._end(Reason.HEADERS_LARGE)
        elif self.cycle.response_complete:
            if self._received - self._received_before > _DISCARD_BYTES:
                self._refuse_body()
        elif self._received - self._received_of_body > self._connections.limits.header_bytes:
            self._end(Reason.HEADERS_LARGE)  # extensions of a chunk, or trailers

    def _refuse_body(self) -> None:
        self._connections.count(Reason.BODY_UNWANTED)
        self.transport.close()

    def _check_body(self, now: float, *, running: bool) -> None:
        limits, received = self._connections.limits, self._received - self._received_before
        if not running:
            if now - self._since > limits.discard_time:
                self._refuse_body()
        elif self.flow.read_paused or self.cycle.waiting_for_100_continue:
            self._start_reading(_Reading.BODY)  # the client waits for this server
        elif now - self._since > limits.body_window:
            if received < limits.body_rate * limits.body_window:
                self._end(Reason.BODY_SLOW)
            else:
                self._start_reading(_Reading.BODY)

    def _start_reading(self, reading: _Reading) -> None:
        self._reading = reading
        self._since = self._connections.now
        self._received_before = self._received

    def _end(self, reason: Reason) -> None:
        """Close the connection, with a response unless one has begun or the client has sent nothing to respond to."""
        self._connections.count(reason)
        begun = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        silent = reason is Reason.HEADERS_SLOW and not self._received
        if not begun and not silent:
            self.transport.write(_make_response(reason))
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # the application's response is no longer sent
            self.cycle.message_event.set()
        self.transport.close()


def _make_response(reason: Reason) -> bytes:
    error, request_id = _ANSWERS[reason], token_hex(8)
    problem = {
        "type": "about:blank",
        "title": error.title(),
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "request_id": request_id,
    }
    body = json.dumps(problem).encode()
    head = [
        f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        f"x-request-id: {request_id}",
        *(["retry-after: 5"] if error.retryable else []),
        "connection: close",
    ]
    return "".join(f"{line}\r\n" for line in [*head, ""]).encode() + body
