"""``Idempotency-Key``: a write that is sent again is not done again."""

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
from app.api.access import read_path, read_token
from app.api.fingerprints import FingerprintedBody
from app.bootstrap import Services
from app.domain.errors import InvalidIdempotencyKeyError, SluiceError, UnauthorizedError
from app.domain.idempotency import Hold, KeyedRequest, StoredResponse
from app.services.tenants.idempotency import Idempotency, recall

_HEADER = b"idempotency-key"
_ACCEPTED = re.compile(rb"[\x21-\x7e]{1,255}")
_METHODS = {"POST", "PUT", "PATCH", "DELETE"}
_PREFIX = "/api/v1/"
_KEPT_HEADERS = ("content-type", "location")
_NOT_KEPT = {401, 403, 408, 413, 429}
_RENEW_SECONDS = 20.0
# What these answer is shown once and stored nowhere: it is kept readable for nobody but the API key that asked.
_SECRET = ("/api/v1/api-keys", "/api/v1/organizations", "/api/v1/webhooks")

_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Makes it safe to send the request again: 1 to 255 visible ASCII characters of your choice, a UUID for "
        "instance, for each thing to be done. For 24 hours the same request under the same key is answered as it was "
        "the first time, with `Idempotent-Replayed: true`, and nothing is done again. The same request means the same "
        "method, path, query and body, whatever boundary a form has, and where the answer holds a secret the same API "
        "key, too. Keys belong to the organization. An answer of 401, 403, 408, 413, 429 or 5xx is not kept: the next "
        "request with the key is carried out. So is one that comes 60 seconds after the server was killed in the "
        "middle of the first."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "5f0c2a9e-6f0e-4c57-9a53-0d6d8a3f1b7e",
}
_IN_PROGRESS = "`idempotency_in_progress`: the request with this `Idempotency-Key` still runs; see `Retry-After`."
_REFUSED = "`idempotency_key_reused`: the key stands for another request. `invalid_idempotency_key`: it is malformed."

log = structlog.get_logger()


class IdempotencyKeys:
    """ASGI middleware. What carries no key passes straight on."""

    def __init__(self, app: ASGIApp, renew_seconds: float = _RENEW_SECONDS) -> None:
        self._app = app
        self._renew_seconds = renew_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry the request out, or give the answer that it was given before."""
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
        headers = Headers(scope=scope)
        body, limit = FingerprintedBody(receive, headers.get("content-type", "")), services.intake.uploads.max_bytes
        token = read_token(headers)
        secret = token if read_path(scope).startswith(_SECRET) else None
        try:
            identity = await services.tenants.identities.authenticate(token)
            request = KeyedRequest(identity.organization_id, _read_key(keys), _hash_target(scope, secret))
            taken = await services.tenants.idempotency.take(request)
            if not isinstance(taken, Hold):
                answer = recall(taken, await body.finish(taken.fingerprint.size), secret)
                await _replay(answer)(scope, receive, send)
                return
        except UnauthorizedError:
            await self._app(scope, receive, send)  # it says so in its own words
            return
        except SluiceError as error:
            await body.finish(limit)  # a client that is still sending gets to see its answer
            await problems.respond_to(Request(scope), error)(scope, receive, send)
            return
        ending = _Ending(services.tenants.idempotency, taken, body, limit, secret)
        exchange = _Exchange(ending, send, self._renew_seconds)
        try:
            await self._app(scope, exchange.receive, exchange.send)
        finally:
            await asyncio.shield(exchange.close())


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a request that is carried out ends: with an answer that is kept, or with its key free again."""

    idempotency: Idempotency
    hold: Hold
    body: FingerprintedBody
    limit: int
    secret: str | None

    async def keep(self, answer: StoredResponse) -> None:
        """Store the answer, or free the key when the body broke off. What was done is done: no failure changes that."""
        fingerprint = await self.body.finish(self.limit)
        if fingerprint is None:
            await self.free()
            return
        with self._failure_logged():
            if not await self.idempotency.store(self.hold, fingerprint, answer, self.secret):
                log.warning("idempotency_key_lost", key=self.hold.request.key)

    async def free(self) -> None:
        """Let the next request with the key be carried out."""
        with self._failure_logged():
            await self.idempotency.free(self.hold)

    @contextmanager
    def _failure_logged(self) -> Iterator[None]:
        try:
            yield
        except SluiceError as error:
            log.warning("idempotency_key_not_ended", key=self.hold.request.key, error=error.message)


class _Exchange:
    """A request that is carried out, and its answer: first stored, then given."""

    def __init__(self, ending: _Ending, send: Send, renew_seconds: float) -> None:
        self._ending = ending
        self._send = send
        self._renew_seconds = renew_seconds
        self._renewed_at = time.monotonic()
        self._messages: list[Message] = []
        self._ended = False

    async def receive(self) -> Message:
        """The next of the request.

        Raises:
            IdempotencyInProgressError: when it came so slowly that another request has taken over.
        """
        message = await self._ending.body.receive()
        if time.monotonic() - self._renewed_at >= self._renew_seconds:
            await self._ending.idempotency.renew(self._ending.hold)
            self._renewed_at = time.monotonic()
        return message

    async def send(self, message: Message) -> None:
        """Hold the answer back until it is whole and stored."""
        self._messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await self._end(*self._messages)
            for held in self._messages:
                await self._send(held)

    async def close(self) -> None:
        """Free the key if no answer came."""
        if not self._ended:
            await self._ending.free()

    async def _end(self, start: Message, *rest: Message) -> None:
        self._ended = True
        status: int = start["status"]
        if status < 300 or (400 <= status < 500 and status not in _NOT_KEPT):  # noqa: PLR2004 - HTTP's classes
            headers = Headers(raw=start["headers"])
            kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
            await self._ending.keep(StoredResponse(status, kept, b"".join(part.get("body", b"") for part in rest)))
        else:
            await self._ending.free()


def _read_key(keys: list[bytes]) -> str:
    if len(keys) != 1 or not _ACCEPTED.fullmatch(keys[0]):
        raise InvalidIdempotencyKeyError
    return keys[0].decode()


def _hash_target(scope: Scope, secret: str | None) -> bytes:
    parts = [scope["method"].encode(), scope["path"].encode(), scope["query_string"], (secret or "").encode()]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def _replay(answer: StoredResponse) -> Response:
    return Response(answer.body, answer.status, headers={**answer.headers, "Idempotent-Replayed": "true"})


def install(app: FastAPI) -> None:
    """Have every write of ``app`` heed the header, and its description say so."""
    app.add_middleware(IdempotencyKeys)
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
                for status, words in (("409", _IN_PROGRESS), ("422", _REFUSED)):
                    response = operation["responses"].setdefault(status, problems.describe(""))
                    response["description"] = f"{response['description']} {words}".strip()
