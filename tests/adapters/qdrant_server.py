"""A Qdrant on loopback: its REST protocol over the in-memory engine of Qdrant's client. It fails on demand."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import TypeAdapter, ValidationError
from qdrant_client import QdrantClient, models

from tests.adapters.json_listener import Answer, JsonListener, Request
from tests.adapters.troubles import BUSY_SECONDS, Trouble

_LARGEST_BODY = 32 * 1024 * 1024
_POINTS: TypeAdapter[Any] = TypeAdapter(models.PointInsertOperations)
_SELECTOR: TypeAdapter[Any] = TypeAdapter(models.PointsSelector)
Body = dict[str, Any]
_DONE = {"operation_id": 0, "status": "completed"}


class _AnswerError(Exception):
    """An error response."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Layout:
    """The request that created a collection, and the indexes of its payload by field."""

    asked: Body
    indexed: Body = field(default_factory=dict)


class _Engine:
    """The data of the server. It runs one request at a time."""

    def __init__(self) -> None:
        self._local = QdrantClient(":memory:")
        self.layouts: dict[str, Layout] = {}
        self._lock = threading.Lock()
        named = r"/collections/([^/]+)"
        self._routes: list[tuple[str, str, Callable[[str, Body], Any]]] = [
            ("GET", named, self._describe),
            ("PUT", named, self._create),
            ("DELETE", named, self._drop),
            ("PUT", f"{named}/index", self._index),
            ("PUT", f"{named}/points", self._upsert),
            ("POST", f"{named}/points/query", self._query),
            ("POST", f"{named}/points/scroll", self._scroll),
            ("POST", f"{named}/points/count", self._count),
            ("POST", f"{named}/points/delete", self._delete),
        ]

    def answer(self, method: str, path: str, body: Body) -> Any:
        """Run one request; returns the result."""
        for wanted, pattern, run in self._routes:
            if wanted == method and (found := re.fullmatch(pattern, path)):
                name = found[1]
                with self._lock:
                    if run not in {self._create, self._drop} and name not in self.layouts:
                        reason = f"Not found: Collection `{name}` doesn't exist!"
                        raise _AnswerError(HTTPStatus.NOT_FOUND, reason)
                    return run(name, body)
        raise _AnswerError(HTTPStatus.NOT_FOUND, "")

    def _describe(self, name: str, _: Body) -> Any:
        fields = {
            field: {"data_type": how["type"], "params": how, "points": 0}
            for field, how in self.layouts[name].indexed.items()
        }
        return _dump(self._local.get_collection(name)) | {"payload_schema": fields}

    def _create(self, name: str, body: Body) -> Any:
        if name in self.layouts:
            raise _AnswerError(HTTPStatus.CONFLICT, f"Wrong input: Collection `{name}` already exists!")
        asked = models.CreateCollection.model_validate(body)
        self._local.create_collection(name, vectors_config=asked.vectors)
        self.layouts[name] = Layout(body)
        return True

    def _drop(self, name: str, _: Body) -> Any:
        self.layouts.pop(name, None)
        return self._local.delete_collection(name)

    def _index(self, name: str, body: Body) -> Any:
        asked = models.CreateFieldIndex.model_validate(body)
        how = _dump(asked.field_schema)
        self.layouts[name].indexed[asked.field_name] = how if isinstance(how, dict) else {"type": how}
        return _DONE

    def _upsert(self, name: str, body: Body) -> Any:
        asked = _POINTS.validate_python(body)
        points = asked.points if isinstance(asked, models.PointsList) else asked.batch
        lengths = (
            [len(point["vector"]) for point in body["points"]]
            if "points" in body
            else map(len, body["batch"]["vectors"])
        )
        expected = self.layouts[name].asked["vectors"]["size"]
        for wrong in (length for length in lengths if length != expected):
            reason = f"Wrong input: Vector dimension error: expected dim: {expected}, got {wrong}"
            raise _AnswerError(HTTPStatus.BAD_REQUEST, reason)
        return _dump(self._local.upsert(name, points))

    def _query(self, name: str, body: Body) -> Any:
        asked = models.QueryRequest.model_validate(body)
        self._refuse_slow(name, asked.filter)
        return _dump(
            self._local.query_points(
                name,
                asked.query,
                query_filter=asked.filter,
                limit=asked.limit or 10,
                with_payload=bool(asked.with_payload),
            )
        )

    def _scroll(self, name: str, body: Body) -> Any:
        asked = models.ScrollRequest.model_validate(body)
        self._refuse_slow(name, asked.filter)
        payload = True if asked.with_payload is None else asked.with_payload
        points, following = self._local.scroll(
            name, asked.filter, asked.limit or 10, offset=asked.offset, with_payload=payload
        )
        return {"points": [_dump(point) for point in points], "next_page_offset": following}

    def _count(self, name: str, body: Body) -> Any:
        asked = models.CountRequest.model_validate(body)
        self._refuse_slow(name, asked.filter)
        return _dump(self._local.count(name, asked.filter))

    def _delete(self, name: str, body: Body) -> Any:
        asked = _SELECTOR.validate_python(body)
        if isinstance(asked, models.FilterSelector):
            self._refuse_slow(name, asked.filter)
        return _dump(self._local.delete(name, asked))

    def _refuse_slow(self, name: str, asked: models.Filter | None) -> None:
        """Reject a filter by fields without an index, as servers in strict mode do."""
        wanted = set(re.findall(r'"key":"([^"]+)"', asked.model_dump_json())) if asked else set()
        for slow in sorted(wanted - self.layouts[name].indexed.keys()):
            reason = f'Bad request: Index required but not found for "{slow}" of one of the following types: [keyword]'
            raise _AnswerError(HTTPStatus.BAD_REQUEST, reason)


def _dump(model: Any) -> Any:
    return model.model_dump(mode="json", exclude_none=True) if hasattr(model, "model_dump") else model


class QdrantServer:
    """The server. It keeps its address and data while it is stopped.

    Attributes:
        api_key: The only valid key.
        requests: Method and target of every request that reached it.
        deaf_to: The end of paths whose requests it confirms without running them.
    """

    def __init__(self, api_key: str = "a-key-made-for-tests") -> None:
        self.api_key = api_key
        self.requests: list[str] = []
        self.deaf_to: str | None = None
        self._engine = _Engine()
        self._trouble: Trouble | None = None
        self._listener = JsonListener(self._answer)

    @property
    def url(self) -> str:
        """The address."""
        return self._listener.url

    @property
    def collections(self) -> dict[str, Layout]:
        """The collections, by name."""
        return self._engine.layouts

    @contextmanager
    def suffer(self, trouble: Trouble) -> Iterator[None]:
        """Fail in this way within the block."""
        if trouble is Trouble.AWAY:
            self.close()
        self._trouble = trouble
        try:
            yield
        finally:
            self._trouble = None
            if trouble is Trouble.AWAY:
                self._listener.start()

    def close(self) -> None:
        """Stop the server."""
        self._listener.stop()

    def _answer(self, request: Request) -> Answer:
        self.requests.append(f"{request.method} {request.target}")
        try:
            self._refuse(request)
            deaf = self.deaf_to is not None and request.path.endswith(self.deaf_to)
            result = _DONE if deaf else self._engine.answer(request.method, request.path, request.read())
        except _AnswerError as error:
            busy = error.status == HTTPStatus.TOO_MANY_REQUESTS
            headers = {"retry-after": str(BUSY_SECONDS)} if busy else {}
            return Answer(error.status, {"status": {"error": str(error)}, "time": 0.0}, headers)
        except (ValidationError, ValueError) as error:
            reason = f"Format error in JSON body: {error}"
            return Answer(HTTPStatus.BAD_REQUEST, {"status": {"error": reason}, "time": 0.0})
        return Answer(HTTPStatus.OK, {"result": result, "status": "ok", "time": 0.001})

    def _refuse(self, request: Request) -> None:
        if self._trouble:
            raise _AnswerError(self._trouble.status, self._trouble)
        if request.headers.get("api-key") != self.api_key:
            raise _AnswerError(HTTPStatus.UNAUTHORIZED, "Invalid API key or JWT")
        if len(request.body) > _LARGEST_BODY:
            raise _AnswerError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "JSON payload is larger than allowed")


@contextmanager
def run_qdrant() -> Iterator[QdrantServer]:
    """Run an empty server for a block. Other processes can also use it."""
    server = QdrantServer()
    try:
        yield server
    finally:
        server.close()
