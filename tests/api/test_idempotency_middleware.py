"""The idempotency middleware on a small application: slow requests, ignored bodies, and the OpenAPI description."""

from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import text
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.api import problems
from app.api.access import AuthenticationMiddleware
from app.api.application import create_app
from app.api.idempotency import IdempotencyMiddleware
from app.api.request_ids import RequestIdMiddleware
from app.db.engine import Database, create_engine
from app.domain.errors import IdempotencyInProgressError, UnauthorizedError
from app.domain.idempotency import Fingerprint, Hold, KeyedRequest, StoredResponse
from app.domain.identity import Identity, Scope
from app.services.tenants.idempotency import Idempotency
from app.settings import Settings
from tests.api.checks import check_problem

HEADERS = {"Authorization": "Bearer secret", "Idempotency-Key": "one"}
LIMIT = 100


class SmallApi:
    """An application that counts the requests that it carries out, and renews their keys at every chunk."""

    def __init__(self, database: Database) -> None:
        self.carried_out = 0
        self.look_ups = 0
        self._database = database
        app = self.app = FastAPI()
        app.add_middleware(IdempotencyMiddleware, renew_seconds=0)
        app.add_middleware(AuthenticationMiddleware)
        app.add_middleware(RequestIdMiddleware)
        app.add_api_route("/api/v1/read", self._read, methods=["POST"])
        app.add_api_route("/api/v1/ignore", self._ignore, methods=["POST"])
        problems.install(app)
        self.idempotency = Idempotency(database)
        app.state.services = SimpleNamespace(
            tenants=SimpleNamespace(identities=self, idempotency=self.idempotency),
            intake=SimpleNamespace(uploads=SimpleNamespace(max_bytes=LIMIT)),
        )
        self.client = httpx.AsyncClient(
            base_url="http://api/api/v1", transport=httpx.ASGITransport(app), headers=HEADERS
        )

    async def authenticate(self, secret: str) -> Identity:
        """Accept the one key, and count the look-ups."""
        self.look_ups += 1
        if secret != "secret":
            raise UnauthorizedError
        return Identity(1, frozenset({Scope.WRITE}), "secr")

    async def _read(self, request: Request) -> dict[str, int]:
        size = sum([len(chunk) async for chunk in request.stream()])
        await request.is_disconnected()
        self.carried_out += 1
        return {"size": size, "number": self.carried_out}

    async def _ignore(self) -> dict[str, int]:
        self.carried_out += 1
        return {"number": self.carried_out}

    async def age(self, seconds: int) -> None:
        """Set the last renewal of every key to so many seconds ago."""
        statement = "UPDATE idempotency_keys SET renewed_at = now() - make_interval(secs => :seconds)"
        async with self._database.statement() as connection:
            await connection.execute(text(statement), {"seconds": seconds})

    async def get_age(self) -> float:
        """Seconds since the one key was renewed."""
        query = "SELECT extract(epoch FROM now() - renewed_at) FROM idempotency_keys"
        async with self._database.statement() as connection:
            return float((await connection.execute(text(query))).scalar_one())


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[SmallApi]:
    database = Database(create_engine(settings.database_url or "", pool_size=4))
    made = SmallApi(database)
    async with made.client:
        yield made
    await database.close()


async def test_a_slow_request_keeps_its_key(api: SmallApi) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"he"
        await api.age(59)
        yield b"ro"
        assert await api.get_age() < 30
        yield b"n"

    first = await api.client.post("/read", content=body())
    assert first.json() == {"size": 5, "number": 1}
    again = await api.client.post("/read", content=b"heron")
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")


async def test_a_request_that_was_taken_over_is_not_carried_out(api: SmallApi) -> None:
    answers = []

    async def body() -> AsyncIterator[bytes]:
        yield b"he"
        await api.age(61)
        answers.append(await api.client.post("/read", content=b"heron"))
        yield b"ron"

    check_problem(await api.client.post("/read", content=body()), 409, "idempotency_in_progress")
    answers.append(await api.client.post("/read", content=b"heron"))
    assert [answer.json() for answer in answers] == [{"size": 5, "number": 1}] * 2
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [None, "true"]


@pytest.mark.parametrize(("more", "kept"), [(False, True), (True, False)])
async def test_an_answer_is_kept_for_a_client_that_left_once_it_had_sent_everything(
    api: SmallApi, *, more: bool, kept: bool
) -> None:
    events: list[Message] = [{"type": "http.request", "body": b"heron", "more_body": more}]

    async def receive() -> Message:
        return events.pop() if events else {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        """Discard the response."""

    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/read", "query_string": b"", "headers": headers}
    with suppress(ClientDisconnect):
        await api.app(scope, receive, send)
    again = await api.client.post("/read", content=b"heron")
    assert again.json() == {"size": 5, "number": 1}
    assert ("idempotent-replayed" in again.headers) == kept


async def test_a_body_that_is_ignored_counts_all_the_same(api: SmallApi) -> None:
    first = await api.client.post("/ignore?a=1", content=b"heron")
    assert first.json() == {"number": 1}
    for path, content, status in (
        ("/ignore?a=1", b"heron", 200),
        ("/ignore?a=1", b"egret", 422),
        ("/ignore?a=2", b"heron", 422),
    ):
        assert (await api.client.post(path, content=content)).status_code == status
    assert api.carried_out == 1


async def test_a_body_over_the_limit_is_not_kept(api: SmallApi) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"a" * LIMIT
        yield b"a"
        yield b"a"

    assert [(await api.client.post("/ignore", content=body())).json()["number"] for _ in range(2)] == [1, 2]
    kept = {**HEADERS, "Idempotency-Key": "two"}
    answers = [await api.client.post("/read", content=body(), headers=kept) for _ in range(2)]
    assert [answer.json()["number"] for answer in answers] == [3, 3], (
        "a body that was read completely is recognised again"
    )


async def test_a_request_with_an_idempotency_key_looks_its_api_key_up_once(api: SmallApi) -> None:
    for _ in range(2):  # carried out, then replayed
        assert (await api.client.post("/ignore", content=b"heron")).json() == {"number": 1}
    assert api.look_ups == 2
    assert (await api.client.post("/ignore", content=b"egret")).status_code == 422
    assert api.look_ups == 3


@pytest.mark.parametrize("key", ["one", "not a key", ""])
async def test_a_wrong_api_key_is_the_answer_whatever_the_idempotency_key_is(api: SmallApi, key: str) -> None:
    await api.client.post("/ignore", content=b"heron")
    headers = {"Authorization": "Bearer wrong", "Idempotency-Key": key}
    for path in ("/ignore", "/nowhere"):
        check_problem(await api.client.post(path, content=b"egret", headers=headers), 401, "unauthorized")
    assert api.carried_out == 1


async def test_a_request_that_was_taken_over_cannot_end_the_other(api: SmallApi) -> None:
    request = KeyedRequest(1, "one", b"target")
    first = await api.idempotency.take(request)
    await api.age(61)
    second = await api.idempotency.take(request)
    assert isinstance(first, Hold)
    assert isinstance(second, Hold)
    body, answers = Fingerprint(b"body", 4), [StoredResponse(200, {}, word) for word in (b"first", b"second")]
    assert not await api.idempotency.store(first, body, answers[0])
    await api.idempotency.free(first)
    with pytest.raises(IdempotencyInProgressError):
        await api.idempotency.renew(first)
    assert await api.idempotency.store(second, body, answers[1])
    known = await api.idempotency.take(request)
    assert not isinstance(known, Hold)
    assert known.answer == answers[1]


def test_every_write_tells_of_the_header_and_no_read_does() -> None:
    app = create_app()
    document: dict[str, Any] = app.openapi()
    assert app.openapi() is document
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = [one for one in operation.get("parameters", []) if one["name"] == "Idempotency-Key"]
            if method == "get" or not path.startswith("/api/v1/"):
                assert named == [], path
                continue
            [parameter] = named
            assert (parameter["in"], parameter["required"]) == ("header", False)
            assert parameter["example"]
            assert "idempotency_in_progress" in operation["responses"]["409"]["description"]
            assert operation["responses"]["422"]["description"].count("idempotency_key_reused") == 1
