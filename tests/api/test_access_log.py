"""The access log: one line per request, without secrets, and the request id in every line that a request causes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from app.api import problems
from app.api.access import AuthenticationMiddleware
from app.api.access_log import AccessLogMiddleware
from app.api.application import create_app
from app.api.request_ids import RequestIdMiddleware
from app.domain.errors import UnauthorizedError
from app.domain.identity import Identity
from app.settings import load_settings

KEY = "sk_sluice_abcdef-and-the-rest"
SECRET = "a-secret-in-a-path"
IDENTITY = Identity(1, frozenset(), "sk_sluice_abcdef")
Logs = list[Any]

log = structlog.get_logger("tests.access_log")


async def _authenticate(secret: str) -> Identity:
    if secret != KEY:
        raise UnauthorizedError
    return IDENTITY


async def _count(_identity: Identity, _agent_id: int) -> list[object]:
    """No limit of requests exists."""
    return []


SERVICES = SimpleNamespace(
    tenants=SimpleNamespace(identities=SimpleNamespace(authenticate=_authenticate)),
    billing=SimpleNamespace(rates=SimpleNamespace(count=_count)),
)


def _make_app(streaming: asyncio.Event) -> FastAPI:
    app, router = FastAPI(), APIRouter(prefix="/api/v1")

    @router.get("/agents/{name}")
    async def get(name: str) -> dict[str, str]:
        log.info("handler")
        await asyncio.to_thread(log.info, "thread")
        return {"name": name}

    @router.post("/crash")
    async def crash() -> None:
        raise RuntimeError("broken")

    @router.get("/stream")
    async def stream() -> StreamingResponse:
        async def send() -> AsyncIterator[bytes]:
            yield b"one"
            await streaming.wait()
            yield b"two"

        return StreamingResponse(send())

    @app.get("/livez")
    async def livez() -> None:
        """Answer."""

    app.include_router(router)
    app.add_middleware(AuthenticationMiddleware)
    app.add_middleware(AccessLogMiddleware)
    app.add_middleware(RequestIdMiddleware)
    problems.install(app)
    app.state.services = SERVICES
    return app


def _client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://api", headers={"Authorization": f"Bearer {KEY}"})


def _requests(logs: Logs) -> list[tuple[Any, ...]]:
    fields = ("log_level", "method", "route", "status", "key")
    return [tuple(line[field] for field in fields) for line in logs if line["event"] == "http_request"]


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[Logs]:
    """The log lines, with the context that is bound to them."""
    caplog.set_level(logging.DEBUG)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
        yield captured


async def _ask(requests: list[tuple[str, str, dict[str, str]]]) -> list[httpx.Response]:
    async with _client(_make_app(asyncio.Event())) as client:
        return [await client.request(method, path, headers=headers) for method, path, headers in requests]


async def test_a_line_names_the_route_and_neither_path_nor_query_nor_key(logs: Logs) -> None:
    wrong = {"Authorization": f"Bearer {SECRET}"}
    await _ask(
        [
            ("GET", f"/api/v1/agents/{SECRET}?token={SECRET}", {}),
            ("DELETE", "/api/v1/agents/7", {}),
            ("GET", f"/api/v1/{SECRET}", {}),
            ("GET", "/api/v1/agents/7", wrong),
            ("GET", "/livez", {}),
        ]
    )
    prefix = IDENTITY.key_prefix
    assert _requests(logs) == [
        ("info", "GET", "/api/v1/agents/{name}", 200, prefix),
        ("info", "DELETE", "/api/v1/agents/{name}", 405, prefix),
        ("info", "GET", None, 404, prefix),
        ("info", "GET", "/api/v1/agents/{name}", 401, None),
        ("debug", "GET", "/livez", 200, None),
    ]
    assert SECRET not in str(logs)
    assert KEY not in str(logs)


async def test_a_request_that_is_answered_before_routing_is_logged_with_its_route(logs: Logs) -> None:
    app = create_app(load_settings(_env_file=None))
    app.state.services = SERVICES
    async with _client(app) as client:
        for method, path in (("POST", "/documents/upload"), ("GET", "/documents/7"), ("PUT", "/agents"), ("GET", "/x")):
            await client.request(method, f"/api/v1{path}", headers={"Authorization": "Bearer wrong"})
    assert [line[1:4] for line in _requests(logs)] == [
        ("POST", "/api/v1/documents/upload", 401),
        ("GET", "/api/v1/documents/{document_id}", 401),
        ("PUT", "/api/v1/agents", 401),
        ("GET", None, 401),
    ]


async def test_every_line_of_a_request_carries_its_id(logs: Logs) -> None:
    requests = [("GET", "/api/v1/agents/7", {"X-Request-ID": f"request-{n}"}) for n in range(2)]
    answers = await _ask(requests)
    assert [answer.headers["x-request-id"] for answer in answers] == ["request-0", "request-1"]
    seen = [(line["event"], line["request_id"]) for line in logs if "request_id" in line]
    assert seen == [(event, f"request-{n}") for n in range(2) for event in ("handler", "thread", "http_request")]


async def test_a_crash_is_logged_with_its_request_id(logs: Logs) -> None:
    [answer] = await _ask([("POST", "/api/v1/crash", {"X-Request-ID": "request-1"})])
    assert answer.json()["request_id"] == "request-1"
    assert answer.headers.get_list("x-request-id") == ["request-1"]
    assert answer.json()["code"] == "internal_error"
    assert {line["route"] for line in logs} == {"/api/v1/crash"}
    assert {line["event"]: line["request_id"] for line in logs} == {
        "http_request": "request-1",
        "request_failed": "request-1",
    }
    assert _requests(logs) == [("info", "POST", "/api/v1/crash", 500, IDENTITY.key_prefix)]


async def test_a_stream_is_logged_at_its_end(logs: Logs) -> None:
    streaming, began = asyncio.Event(), asyncio.Event()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if message.get("body") == b"one":
            began.set()

    headers = [(b"authorization", f"Bearer {KEY}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/api/v1/stream", "query_string": b"", "headers": headers}
    serving = asyncio.create_task(_make_app(streaming)(scope, receive, send))
    await began.wait()
    assert _requests(logs) == []
    streaming.set()
    await serving
    assert [line[2:4] for line in _requests(logs)] == [("/api/v1/stream", 200)]


@pytest.mark.parametrize("access_log", [True, False])
async def test_the_setting_turns_it_off(logs: Logs, *, access_log: bool) -> None:
    app = create_app(load_settings(access_log=access_log, _env_file=None))
    app.state.services = SERVICES

    async with _client(app) as client:
        await client.get("/api/v1/agents/7")
        await client.get("/version")
    prefix = IDENTITY.key_prefix
    lines = [("info", "GET", "/api/v1/agents/{agent_id}", 403, prefix), ("debug", "GET", "/version", 200, None)]
    assert _requests(logs) == (lines if access_log else [])
