"""No client receives a success whose entry could not be written, and the address of a client is recorded on request."""

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.audit import AuditMiddleware
from app.domain.audit import NewAuditEntry
from app.domain.errors import DatabaseUnavailableError
from app.domain.identity import Identity


class Log:
    """Stands in for the service of the audit log."""

    def __init__(self, error: Exception | None = None, *, records_addresses: bool = False) -> None:
        self.entries: list[NewAuditEntry] = []
        self.error = error
        self.records_addresses = records_addresses

    async def add(self, entry: NewAuditEntry) -> None:
        """Keep the entry, or fail."""
        if self.error:
            raise self.error
        self.entries.append(entry)


class Caller:
    """Stands in for authentication."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the caller and the request's id."""
        scope["state"] = {"identity": Identity(1, frozenset(), "sk_sluice_abc", 7), "request_id": "abc"}
        await self._app(scope, receive, send)


def open_client(log: Log, response: Response) -> TestClient:
    async def answer(_request: Request) -> Response:
        return response

    app = Starlette(routes=[Route("/things", answer, methods=["POST"], name="create_thing")])
    app.add_middleware(AuditMiddleware)
    app.add_middleware(Caller)
    app.state.services = type("Services", (), {"operations": type("Operations", (), {"audit": log})})
    return TestClient(app)


def test_without_its_entry_a_success_becomes_503() -> None:
    log = Log(DatabaseUnavailableError(retry_after=1))
    response = open_client(log, JSONResponse({"id": 5})).post("/things")
    assert (response.status_code, response.json()["code"]) == (503, "database_unavailable")
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429, 500, 503])
def test_a_write_that_failed_for_another_reason_has_no_entry(status: int) -> None:
    log = Log()
    assert open_client(log, JSONResponse({}, status)).post("/things").status_code == status
    assert log.entries == []


@pytest.mark.parametrize(("records", "address"), [(False, None), (True, "testclient")])
def test_the_client_address_is_recorded_only_if_the_setting_says_so(records: bool, address: str | None) -> None:
    log = Log(records_addresses=records)
    assert open_client(log, JSONResponse({"id": 5})).post("/things").json() == {"id": 5}
    [entry] = log.entries
    assert (entry.client_address, entry.targets) == (address, ["thing:5"])


@pytest.mark.parametrize("body", [b"", b"[1, 2]", b"{", b'{"id": {"deep": 1}}', b'{"id": "not an id"}'])
def test_a_response_without_ids_names_none(body: bytes) -> None:
    log = Log()
    response: Any = Response(body, media_type="application/json")
    assert open_client(log, response).post("/things").content == body
    assert log.entries[0].targets == []
