"""A server on loopback with OpenAI's protocol. It enforces limits, fails on demand and records its requests.

Within a test, ``with run_openai() as server`` serves in threads, also to other processes. ``openai_process`` runs it in
its own process.
"""

import json
import math
import random
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.adapters.openai_protocol import Protocol, ProtocolError, Reply, read_texts

KEY = "sk-a-key-made-for-tests"


@dataclass(frozen=True)
class Terms:
    """How the server answers."""

    keys: tuple[str, ...] = (KEY,)  # the valid keys; empty: no key is needed
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    minute: float = 60.0  # the length in seconds of the minute that these limits refer to
    share_of_429: float = 0.0  # of the requests within the limits
    share_of_500: float = 0.0
    retry_after: float = 1.0  # seconds stated with such a 429
    seed: int = 0
    delay: float = 0.0  # seconds until it answers
    down: bool = False  # close connections without an answer


@dataclass(frozen=True)
class Asked:
    """A request: its time (``time.time``), its content, and its result."""

    at: float
    path: str
    texts: tuple[str, ...]
    tokens: int
    status: int
    within_limits: bool


class Ledger:
    """The requests, and the texts that were charged for."""

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.paid: Counter[str] = Counter()

    @property
    def over_limit(self) -> int:
        """The number of requests that exceeded a limit."""
        return sum(not asked.within_limits for asked in self.requests)

    @property
    def paid_twice(self) -> dict[str, int]:
        """The texts that were embedded more than once, with their counts."""
        return {text: times for text, times in self.paid.items() if times > 1}

    def count_busiest(self, seconds: float) -> int:
        """The largest number of requests within any such time span."""
        times = sorted(asked.at for asked in self.requests)
        first = most = 0
        for last, at in enumerate(times):
            while times[first] <= at - seconds:
                first += 1
            most = max(most, last - first + 1)
        return most


class OpenAIServer(Ledger):
    """The server. ``terms`` and ``clock`` may be replaced at any time. ``answers`` are sent first, to any requests."""

    def __init__(self, terms: Terms | None = None, *, port: int = 0, protocol: Protocol | None = None) -> None:
        super().__init__()
        self.terms = terms or Terms()
        self.protocol = protocol or Protocol()
        self.answers: deque[Reply] = deque()
        self._random = random.Random(self.terms.seed)  # noqa: S311 - its failures are to come again the same
        self._lock = threading.Lock()
        self.clock: Callable[[], float] = time.time
        self._accepted: deque[tuple[float, int]] = deque()
        self._port = port
        self.start()

    @property
    def url(self) -> str:
        """The base URL to give to clients."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Listen, again at the same port after a stop."""
        self._closing = threading.Event()
        self._server = _Listener(self, self._port)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop: connections are closed, and new ones are refused."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()
        self._thread.join()

    def adjust(self, **terms: Any) -> None:
        """Change some of the terms. This resets the limits, and the random numbers if a seed is given."""
        with self._lock:
            self.terms = replace(self.terms, **terms)
            self._accepted.clear()
            if "seed" in terms:
                self._random.seed(terms["seed"])

    def reply(self, path: str, key: str | None, body: bytes) -> Reply | None:
        """Answer one request; None to close the connection."""
        at, terms = self.clock(), self.terms
        if terms.down:
            return None
        given = _parse(body)
        tokens = self.protocol.count(path, given)
        within = True
        try:
            if terms.keys and key not in terms.keys:
                raise ProtocolError(401, f"Incorrect API key provided: {key}.", code="invalid_api_key")  # noqa: TRY301
            with self._lock:
                canned = self.answers.popleft() if self.answers else None
                within = self._admit(at, tokens)
                failure = self._draw_failure()
            if not within:
                raise self._refuse(at)
            self._closing.wait(terms.delay)
            answer = canned or failure or self.protocol.answer(path, given)
        except ProtocolError as error:
            answer = error.reply
        self._note(Asked(at, path, tuple(read_texts(given)), tokens, answer.status, within), answer)
        return replace(answer, headers={**self._describe_limits(), **answer.headers})

    def _admit(self, at: float, tokens: int) -> bool:
        while self._accepted and self._accepted[0][0] <= at - self.terms.minute:
            self._accepted.popleft()
        most, most_tokens = self.terms.requests_per_minute, self.terms.tokens_per_minute
        spent = sum(tokens for _, tokens in self._accepted)
        if most is not None and len(self._accepted) >= most:
            return False
        if most_tokens is not None and spent and spent + tokens > most_tokens:
            return False
        self._accepted.append((at, tokens))
        return True

    def _draw_failure(self) -> Reply | None:
        drawn = self._random.random()
        if drawn < self.terms.share_of_429:
            return _limit_error(self.terms.retry_after).reply
        if drawn < self.terms.share_of_429 + self.terms.share_of_500:
            return ProtocolError(500, "The server had an error while processing.", kind="server_error").reply
        return None

    def _refuse(self, at: float) -> ProtocolError:
        with self._lock:
            oldest = self._accepted[0][0] if self._accepted else at
        return _limit_error(max(oldest + self.terms.minute - self.clock(), 0.001))

    def _note(self, asked: Asked, answer: Reply) -> None:
        with self._lock:
            self.requests.append(asked)
            self.paid.update(answer.paid)

    def _describe_limits(self) -> dict[str, str]:
        headers = {"x-request-id": f"req_{len(self.requests):08d}"}
        if self.terms.requests_per_minute is not None:
            left = max(self.terms.requests_per_minute - len(self._accepted), 0)
            headers["x-ratelimit-limit-requests"] = str(self.terms.requests_per_minute)
            headers["x-ratelimit-remaining-requests"] = str(left)
        return headers


def _limit_error(seconds: float) -> ProtocolError:
    return ProtocolError(
        429,
        f"Rate limit reached. Please try again in {seconds:.3f}s.",
        kind="requests",
        code="rate_limit_exceeded",
        headers={"retry-after": str(math.ceil(seconds)), "retry-after-ms": str(math.ceil(seconds * 1000))},
    )


def _parse(body: bytes) -> dict[str, Any]:
    """Parse a body; empty if that is impossible, which the protocol answers with an error."""
    with suppress(ValueError):
        given = json.loads(body)
        return given if isinstance(given, dict) else {}
    return {}


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, server: OpenAIServer, port: int) -> None:
        self.openai = server
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """Ignore clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        key = self.headers.get("authorization", "").removeprefix("Bearer ") or None
        reply = self.server.openai.reply(self.path, key, body)
        if reply is None:
            self.close_connection = True
            return
        if isinstance(reply.body, Iterator):
            self._send_pieces(reply)
            return
        sent = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in ({"content-type": "application/json"} | dict(reply.headers)).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def _send_pieces(self, reply: Reply) -> None:
        """Send a body in pieces. An iterator that raises breaks the connection off."""
        self.send_response(reply.status)
        for name, value in dict(reply.headers).items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for piece in reply.body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Write no access log."""


@contextmanager
def run_openai(protocol: Protocol | None = None, **terms: Any) -> Iterator[OpenAIServer]:
    """Run a server for a block, with these ``Terms`` and without a proxy in front of it."""
    server = OpenAIServer(Terms(**terms), protocol=protocol)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NO_PROXY", "127.0.0.1")
            yield server
    finally:
        server.stop()
