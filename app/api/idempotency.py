"""``Idempotency-Key``: a write that a client sends again is carried out once, and answered with the same response."""

import asyncio
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.api.access import check_scope, read_path, read_token
from app.api.body_limit import lift_limit
from app.api.fingerprints import FingerprintedBody
from app.bootstrap import Services
from app.domain.errors import InvalidIdempotencyKeyError, SluiceError
from app.domain.idempotency import Hold, KeyedRequest, StoredResponse
from app.domain.identity import Access, Identity
from app.domain.identity import Scope as KeyScope
from app.services.tenants.idempotency import Idempotency, recall

_HEADER = b"idempotency-key"
_ACCEPTED = re.compile(rb"[\x21-\x7e]{1,255}")
_METHODS = {"POST", "PUT", "PATCH", "DELETE"}
_PREFIX = "/api/v1/"
_STORED_HEADERS = ("content-type", "location")
_NOT_STORED = {401, 403, 408, 413, 429}
_RENEW_SECONDS = 20.0
# Its responses contain secrets, so they are stored encrypted with the API key of the request.
_ENCRYPTED = ("/api/v1/api-keys", "/api/v1/webhooks", "/api/v1/organizations")

_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Makes it safe to send the request again. A key is 1 to 255 visible ASCII characters, such as a UUID; use a "
        "new one for each operation. For 24 hours, the same request with the same key receives the first response "
        "again, with `Idempotent-Replayed: true`, and nothing is carried out twice. Requests are the same if "
        "method, path, query and body are equal, whatever boundary a form has; where the response contains a "
        "secret, the API key must be the same, too. Keys belong to the organization; an API key without the scope that "
        "the first request required receives 403, and one with another restriction to agents or documents 422. "
        "Responses with status 401, 403, 408, 413, 429 or 5xx are not stored: the next request with the key is carried "
        "out. So is one that arrives at least 60 seconds after the server was killed while it carried out the first."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "5f0c2a9e-6f0e-4c57-9a53-0d6d8a3f1b7e",
}
log = structlog.get_logger()


class IdempotencyMiddleware:
    """ASGI middleware for writes with an ``Idempotency-Key``. It runs behind authentication and uses its identity."""

    def __init__(self, app: ASGIApp, renew_seconds: float = _RENEW_SECONDS) -> None:
        self._app = app
        self._renew_seconds = renew_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the request out, or replay its stored response."""
        if scope["type"] != "http" or scope["method"] not in _METHODS:
            await self._app(scope, receive, send)
            return
        keys = [value for name, value in scope["headers"] if name == _HEADER]
        if not keys or not read_path(scope).startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        await self._serve(keys, scope, receive, send)

    async def _serve(self, keys: list[bytes], scope: Scope, receive: Receive, send: Send) -> None:
        services: Services = scope["app"].state.services
        identity: Identity = scope["state"]["identity"]
        headers = Headers(scope=scope)
        body, limit = FingerprintedBody(receive, headers.get("content-type", "")), services.intake.uploads.max_bytes
        secret = read_token(headers) if read_path(scope).startswith(_ENCRYPTED) else None
        try:
            target = _hash_target(scope, secret, identity.access)
            request = KeyedRequest(identity.organization_id, _read_key(keys), target)
            taken = await services.tenants.idempotency.take(request)
            if not isinstance(taken, Hold):
                lift_limit(scope)  # at most as much is read as the first request had
                check_scope(identity, taken.answer.scope)
                stored = recall(taken, await body.finish(taken.fingerprint.size), secret)
                await _replay(stored)(scope, receive, send)
                return
        except SluiceError as error:
            lift_limit(scope)
            await body.finish(limit)  # a client that is still sending does not read a response before it has sent all
            await problems.respond_to(Request(scope), error)(scope, receive, send)
            return
        completion = _Completion(services.tenants.idempotency, taken, body, limit, secret)
        exchange = _Exchange(completion, scope, send, self._renew_seconds)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            await asyncio.shield(exchange.close())


@dataclass(frozen=True, slots=True)
class _Completion:
    """The end of a request that is carried out: its response is stored, or its key is freed."""

    idempotency: Idempotency
    hold: Hold
    body: FingerprintedBody
    limit: int
    secret: str | None

    async def store(self, response: StoredResponse) -> None:
        """Store the response, or free the key if the body was incomplete.

        The work is done, so a failure to store is logged and the client receives its response.
        """
        fingerprint = await self.body.finish(self.limit)
        if fingerprint is None:
            await self.free()
            return
        with self._log_failure():
            if not await self.idempotency.store(self.hold, fingerprint, response, self.secret):
                log.warning("idempotency_key_lost", key=self.hold.request.key)

    async def free(self) -> None:
        """Free the key, so that the next request with it is carried out."""
        with self._log_failure():
            await self.idempotency.free(self.hold)

    @contextmanager
    def _log_failure(self) -> Iterator[None]:
        try:
            yield
        except SluiceError as error:
            log.warning("idempotency_key_not_updated", key=self.hold.request.key, error=error.message)


class _Exchange:
    """A request that is carried out. Its response is stored before it is sent."""

    def __init__(self, completion: _Completion, scope: Scope, send: Send, renew_seconds: float) -> None:
        self._completion = completion
        self._scope = scope
        self._send = send
        self._renew_seconds = renew_seconds
        self._renewed_at = time.monotonic()
        self._messages: list[Message] = []
        self._complete = False

    async def receive(self) -> Message:
        """The next message of the request.

        Raises:
            IdempotencyInProgressError: the body arrived so slowly that another request has taken over the key.
        """
        message = await self._completion.body.receive()
        if time.monotonic() - self._renewed_at >= self._renew_seconds:
            await self._completion.idempotency.renew(self._completion.hold)
            self._renewed_at = time.monotonic()
        return message

    async def send(self, message: Message) -> None:
        """Buffer the response until it is complete and stored, then send it."""
        self._messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._finish(*self._messages)
            for buffered in self._messages:
                await self._send(buffered)

    async def close(self) -> None:
        """Free the key if the application sent no complete response."""
        if not self._complete:
            await self._completion.free()

    async def _finish(self, start: Message, *rest: Message) -> None:
        self._complete = True
        status: int = start["status"]
        if status < 300 or (400 <= status < 500 and status not in _NOT_STORED):  # noqa: PLR2004 - HTTP's classes
            headers = Headers(raw=start["headers"])
            stored = {name: headers[name] for name in _STORED_HEADERS if name in headers}
            body = b"".join(part.get("body", b"") for part in rest)
            required = self._scope["state"].get("required_scope", KeyScope.WRITE)
            await self._completion.store(StoredResponse(status, stored, body, required))
        else:
            await self._completion.free()


def _read_key(keys: list[bytes]) -> str:
    if len(keys) != 1 or not _ACCEPTED.fullmatch(keys[0]):
        raise InvalidIdempotencyKeyError
    return keys[0].decode()


def _hash_target(scope: Scope, secret: str | None, access: Access) -> bytes:
    parts = [scope["method"].encode(), scope["path"].encode(), scope["query_string"], (secret or "").encode()]
    if access.is_restricted:
        parts.append(_name_restriction(access))
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _name_restriction(access: Access) -> bytes:
    """Which keys receive each other's responses: those of the same agents; of a document filter, only the key itself.

    A question belongs to the key that asked it.
    """
    agents = "*" if access.agent_ids is None else ",".join(map(str, sorted(access.agent_ids)))
    return f"{agents} {access.key_id if access.document_filter is not None else '*'}".encode()


def _replay(stored: StoredResponse) -> Response:
    return Response(stored.body, stored.status, headers={**stored.headers, "Idempotent-Replayed": "true"})


def install(app: FastAPI) -> None:
    """Add the middleware to ``app``, and the header to the OpenAPI description of every write."""
    app.add_middleware(IdempotencyMiddleware)
    build = app.openapi

    def openapi() -> dict[str, Any]:
        known = app.openapi_schema
        document = build()
        if document is not known:
            _describe(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _describe(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith(_PREFIX) and method.upper() in _METHODS:
                operation.setdefault("parameters", []).append(_PARAMETER)
