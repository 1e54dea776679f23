"""Every write request that succeeds, or that is refused because its key may not do it, gets an entry in the audit log.

The entry is written before the response is sent. So a client that has received a success finds it in the log, whatever
the route, and a route needs no code for that. A request has no entry if its process dies, or the database becomes
unavailable, between the change and the entry; its client then receives no success either.

The entry of an upload is written within a second after the response instead: a statement more would make each upload a
sixth slower.
"""

from http import HTTPStatus

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import problems
from app.api.access import read_id
from app.api.access_log import find_route_template
from app.api.audit_targets import find_fields, find_targets
from app.bootstrap import Services
from app.domain.audit import NewAuditEntry
from app.domain.errors import SluiceError
from app.domain.identity import Identity
from app.domain.identity import Scope as KeyScope

_METHODS = {"POST", "PUT", "PATCH", "DELETE"}
_WRITTEN_SOON = {"upload_document"}


class AuditMiddleware:
    """ASGI middleware that writes the entries. It runs directly before routing, so that replays have no entry."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and hold back its response until its entry is written."""
        if scope["type"] != "http" or scope["method"] not in _METHODS or "identity" not in scope["state"]:
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        await self._app(scope, exchange.receive if exchange.keeps_body else receive, exchange.send)


class _Exchange:
    """A write request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body = bytearray()
        self._start: Message | None = None
        self._replaced = False
        self.keeps_body = any(name == b"content-type" and b"json" in value for name, value in scope["headers"])
        """Whether the request has a body whose fields the entry names."""

    async def receive(self) -> Message:
        """The next message of the request."""
        message = await self._receive()
        self._body += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the response, the first one after the entry is written."""
        if message["type"] == "http.response.start" and self._is_recorded(message["status"]):
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            whole = b"" if message.get("more_body") else message.get("body", b"")
            try:
                await self._record(start, whole)
            except SluiceError as error:
                self._replaced = True
                await problems.respond_to(Request(self._scope), error)(self._scope, self._receive, self._send)
                return
            await self._send(start)
        if not self._replaced:
            await self._send(message)

    def _is_recorded(self, status: int) -> bool:
        """Whether the request is a write, and succeeded or was refused to its key."""
        state = self._scope["state"]
        if state.get("required_scope") is KeyScope.READ and not state.get("is_write"):
            return False
        # A redirect has run no route.
        return status < HTTPStatus.MULTIPLE_CHOICES or status == HTTPStatus.FORBIDDEN

    async def _record(self, start: Message, body: bytes) -> None:
        services: Services = self._scope["app"].state.services
        audit = services.operations.audit
        entry = self._make_entry(start, body, records_address=audit.records_addresses)
        await (audit.add_soon if entry.action in _WRITTEN_SOON else audit.add)(entry)

    def _make_entry(self, start: Message, body: bytes, *, records_address: bool) -> NewAuditEntry:
        scope = self._scope
        identity: Identity = scope["state"]["identity"]
        path = find_route_template(scope)
        client = scope.get("client")
        return NewAuditEntry(
            organization_id=_find_organization(scope, identity, start["status"]),
            key_id=identity.key_id,
            actor=identity.key_prefix,
            action=getattr(scope.get("route"), "name", None) or scope["method"],
            method=scope["method"],
            path=path,
            targets=find_targets(path or "", scope.get("path_params", {}), Headers(raw=start["headers"]), body),
            fields=find_fields(scope, bytes(self._body)),
            status=start["status"],
            request_id=scope["state"]["request_id"],
            client_address=client[0] if client and records_address else None,
        )


def _find_organization(scope: Scope, identity: Identity, status: int) -> int:
    """The organization whose log has the entry: the one that an operator changed, or else that of the key.

    A refused request has changed nothing, and the organization that it named does not see whose key it was.
    """
    named = scope.get("path_params", {}).get("organization_id")
    changed = None if named is None or status >= HTTPStatus.MULTIPLE_CHOICES else read_id(str(named))
    return identity.organization_id if changed is None else changed


def install(app: FastAPI) -> None:
    """Add the middleware to ``app``."""
    app.add_middleware(AuditMiddleware)
