"""A Pinecone on loopback: the control plane and a host for each index, which lag and fail on demand.

Real hosts require TLS. These do not, and the control plane returns their addresses with ``http://``.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.adapters.json_listener import Answer, JsonListener, Request
from tests.adapters.pinecone_engine import AnswerError, Index, Lag
from tests.adapters.pinecone_protocol import (
    LARGEST_BODY,
    LONGEST_URL,
    Asked,
    Told,
    answer_data_plane,
    describe_index,
)
from tests.adapters.troubles import BUSY_SECONDS, Trouble


class PineconeServer:
    """The server. It keeps its addresses and data while it is stopped.

    Attributes:
        api_key: The only valid key.
        requests: Every request that reached it.
        tells_log: Whether answers state positions in the log; those of dedicated indexes do not.
        ordered: Answers for the next requests instead of true ones, by path.
    """

    def __init__(self, api_key: str = "pcsk_a-key-made-for-tests") -> None:
        self.api_key = api_key
        self.requests: list[Request] = []
        self.tells_log = True
        self.ordered: dict[str, list[Answer]] = {}
        self._indexes: dict[str, Index] = {}
        self._lock = threading.Lock()
        self._trouble: Trouble | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self._control = JsonListener(self._answer_control)
        self._hosts: dict[str, JsonListener] = {}

    @property
    def url(self) -> str:
        """The address of the control plane, for PINECONE_CONTROLLER_HOST."""
        return self._control.url

    def create_index(self, name: str, dimension: int, *, lag: Lag | None = None, **kind: Any) -> Index:
        """Create an index. ``kind`` holds fields of ``Index``."""
        index = self._indexes[name] = Index(name, dimension, lag=lag or Lag(), **kind)
        self._hosts[name] = JsonListener(lambda request: self._answer_data(index, request))
        return index

    def get_host(self, name: str) -> str:
        """The address of an index, for PINECONE_HOST."""
        return self._hosts[name].url

    def get_index(self, name: str) -> Index:
        """The data of an index."""
        return self._indexes[name]

    def count(self, path: str) -> int:
        """Count the requests for a path."""
        return sum(request.path == path for request in self.requests)

    @contextmanager
    def suffer(self, trouble: Trouble) -> Iterator[None]:
        """Fail in this way within the block."""
        listeners = [self._control, *self._hosts.values()]
        if trouble is Trouble.AWAY:
            for listener in listeners:
                listener.stop()
        self._trouble = trouble
        try:
            yield
        finally:
            self._trouble = None
            if trouble is Trouble.AWAY:
                for listener in listeners:
                    listener.start()

    @contextmanager
    def stall(self) -> Iterator[None]:
        """Accept requests within the block, and answer them after it."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    def close(self) -> None:
        """Stop the servers."""
        for listener in [self._control, *self._hosts.values()]:
            listener.stop()

    def _answer_control(self, request: Request) -> Answer:
        return self._reply(request, self._describe)

    def _answer_data(self, index: Index, request: Request) -> Answer:
        def reply(asked: Asked) -> Answer:
            try:
                told: Told = answer_data_plane(index, asked)
            except AnswerError as error:
                return Answer(error.status, {"code": error.code, "message": str(error), "details": []})
            return Answer(HTTPStatus.OK, told.body, told.headers if self.tells_log else {})

        return self._reply(request, reply)

    def _describe(self, asked: Asked) -> Answer:
        name = asked.path.removeprefix("/indexes").strip("/")
        described = {index.name: describe_index(index, self.get_host(index.name)) for index in self._indexes.values()}
        if not name:
            return Answer(HTTPStatus.OK, {"indexes": list(described.values())})
        if name not in described:
            reason = {"code": "NOT_FOUND", "message": f"Resource {name} not found"}
            return Answer(HTTPStatus.NOT_FOUND, {"error": reason, "status": 404})
        return Answer(HTTPStatus.OK, described[name])

    def _reply(self, request: Request, reply: Callable[[Asked], Answer]) -> Answer:
        """Send an ordered answer or a general error, else the answer of ``reply``."""
        with self._lock:
            self.requests.append(request)
            ordered = self.ordered.get(request.path)
        self._flowing.wait()
        if self._trouble:
            headers = {"retry-after": str(BUSY_SECONDS)} if self._trouble is Trouble.BUSY else {}
            return Answer(self._trouble.status, {"code": 13, "message": self._trouble, "details": []}, headers)
        if ordered:
            return ordered.pop(0)
        if refusal := self._refuse(request):
            return refusal
        parts = urlsplit(request.target)
        with self._lock:
            return reply(Asked(request.method, parts.path, parse_qs(parts.query), request.read()))

    def _refuse(self, request: Request) -> Answer | None:
        if request.headers.get("api-key") != self.api_key:
            return Answer(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        if "x-pinecone-api-version" not in request.headers:
            return Answer(HTTPStatus.BAD_REQUEST, {"code": 3, "message": "X-Pinecone-Api-Version is missing"})
        if len(request.target) > LONGEST_URL:
            return Answer(HTTPStatus.REQUEST_URI_TOO_LONG, "")
        if len(request.body) > LARGEST_BODY:
            reason = f"message length too large: found {len(request.body)} bytes, the limit is: {LARGEST_BODY} bytes"
            return Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"code": 11, "message": reason, "details": []})
        return None


@contextmanager
def run_pinecone() -> Iterator[PineconeServer]:
    """Run a server without an index for a block. Other processes can also use it."""
    server = PineconeServer()
    try:
        yield server
    finally:
        server.close()
