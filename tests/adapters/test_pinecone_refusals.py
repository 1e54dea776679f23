"""Errors of Pinecone, and indexes of Pinecone that cannot be used."""

import logging
import traceback
from collections.abc import Coroutine
from typing import Any

import pytest

from app.adapters.pinecone.store import PineconeStore
from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderRequestError,
    SluiceError,
    StartupError,
    VectorLengthError,
)
from app.domain.vectors import VectorKey
from tests.adapters.json_listener import Answer
from tests.adapters.pinecone_server import PineconeServer
from tests.adapters.pinecone_stores import (
    AHEAD,
    INDEX,
    OWNER,
    find,
    make_store,
    write,
)
from tests.adapters.vector_stores import list_keys, make_batch, make_beside, use
from tests.deadlines import within


@pytest.mark.parametrize("with_host", [True, False])
@pytest.mark.parametrize(
    ("dimension", "metric", "told"),
    [(5, "cosine", "has the dimension 5; 4 is needed"), (4, "dotproduct", "has the metric dotproduct; cosine")],
)
async def test_an_index_for_other_vectors_is_refused_in_one_line(
    pinecone: PineconeServer, with_host: bool, dimension: int, metric: str, told: str
) -> None:
    pinecone.create_index("sluice", dimension, metric=metric)
    store = make_store(pinecone, host=pinecone.get_host("sluice") if with_host else None)
    with pytest.raises(StartupError, match=told) as raised:
        await use(store, store.check(INDEX))
    assert "\n" not in raised.value.message
    assert "'sluice'" in raised.value.message


@pytest.mark.parametrize(
    ("kind", "error", "told"),
    [
        ({"deployment": "pod"}, StartupError, "is pod-based"),
        ({"vectors": "embedding"}, StartupError, "has a schema of documents"),
        ({"ready": False}, ProviderDownError, r"is not ready \(Initializing\)"),
    ],
)
async def test_an_index_of_another_kind_is_refused_in_one_line(
    pinecone: PineconeServer, kind: dict[str, Any], error: type[SluiceError], told: str
) -> None:
    pinecone.create_index("sluice", 4, **kind)
    store = make_store(pinecone)
    with pytest.raises(error, match=told) as raised:
        await use(store, store.check(INDEX))
    assert "\n" not in raised.value.message


async def test_a_missing_index_is_named_with_what_to_make(pinecone: PineconeServer) -> None:
    store = make_store(pinecone, "nowhere")
    with pytest.raises(StartupError) as raised:
        await use(store, store.check(INDEX))
    for part in ("'nowhere'", "PINECONE_INDEX", "metric cosine", "dimension 4"):
        assert part in raised.value.message
    assert "\n" not in raised.value.message
    with pytest.raises(ProviderCredentialsError):
        await use(store, write(store, make_batch(OWNER, 1, [AHEAD])))


@pytest.mark.parametrize("host", ["nothost", "http://127.0.0.1:1/x y", " "])
async def test_a_host_that_cannot_be_one_is_refused_in_one_line(pinecone: PineconeServer, host: str) -> None:
    store = make_store(pinecone, host=host)
    with pytest.raises(SluiceError) as raised:
        await use(store, store.check(INDEX))
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("status", "message", "headers", "error", "retry_after"),
    [
        (400, "No such thing", {}, ProviderRequestError, None),
        (400, "Vector dimension 3 does not match the dimension of the index 4", {}, VectorLengthError, None),
        (401, "Invalid API key", {}, ProviderCredentialsError, None),
        (402, "Pay first", {}, ProviderCredentialsError, None),
        (403, "Quota exceeded", {}, ProviderCredentialsError, None),
        (404, "", {}, ProviderCredentialsError, None),
        (408, "Slow", {}, ProviderDownError, None),
        (413, "Too large", {}, ProviderRequestError, None),
        (429, "Too many requests", {"retry-after": "11"}, ProviderBusyError, 11),
        (429, "Too many requests", {"retry-after": "inf"}, ProviderBusyError, 86_400),
        (429, "Too many requests", {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, ProviderBusyError, None),
        (429, "Too many requests", {}, ProviderBusyError, None),
        (429, "You've reached your write unit limit for the current month", {}, ProviderCredentialsError, None),
        (500, "Oh", {}, ProviderDownError, None),
        (503, "<html>gateway</html>", {}, ProviderDownError, None),
    ],
)
async def test_a_refusal_is_named_after_one_try(
    pinecone: PineconeServer,
    status: int,
    message: str,
    headers: dict[str, str],
    error: type[SluiceError],
    retry_after: float | None,
) -> None:
    pinecone.create_index("sluice", 4)
    body = {"code": 3, "message": message, "details": []}
    for path in ("/vectors/upsert", "/query", "/vectors/fetch", "/vectors/list", "/namespaces", "/indexes/sluice"):
        pinecone.ordered[path] = [Answer(status, body, headers)] * 4

    async def refuse(request: Coroutine[Any, Any, Any], path: str) -> None:
        pinecone.requests.clear()
        with pytest.raises(error) as raised:
            await request
        assert raised.value.retry_after == retry_after
        assert pinecone.count(path) == 1, "tries again are the ledger's business"

    store = make_store(pinecone, host=pinecone.get_host("sluice"))
    await refuse(store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])), "/vectors/upsert")
    await refuse(store.query(INDEX, OWNER, AHEAD, limit=1), "/query")
    await refuse(store.compare(INDEX, OWNER, AHEAD, [VectorKey(1, 1, 0)]), "/vectors/fetch")
    await refuse(list_keys(store, INDEX, OWNER), "/vectors/list")
    await refuse(store.list_agents(INDEX), "/namespaces")
    await store.close()
    asking = make_store(pinecone)
    if error is not VectorLengthError:
        await refuse(asking.list_agents(INDEX), "/indexes/sluice")
    await asking.close()


async def test_an_answer_in_another_form_is_a_failure_of_the_service(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    pinecone.ordered["/query"] = [Answer(200, {"matches": "none"}), Answer(200, ["what?"])]
    for _ in range(2):
        with pytest.raises(ProviderDownError):
            await use(store, find(store))


async def test_an_answer_is_not_waited_for_longer_than_the_limit(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone, host=pinecone.get_host("sluice"), time_limit=0.3)
    with within(5), pinecone.stall(), pytest.raises(ProviderDownError):
        await use(store, find(store))


async def test_the_key_is_never_shown(pinecone: PineconeServer, caplog: pytest.LogCaptureFixture) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    caplog.set_level(logging.DEBUG)
    told = {"code": 3, "message": f"What is this:\n{pinecone.api_key}?", "details": []}
    pinecone.ordered["/vectors/upsert"] = [Answer(status, told) for status in (400, 401, 500)]

    for _ in range(3):
        with pytest.raises(SluiceError) as raised:
            await use(store, write(store, make_batch(OWNER, 1, [AHEAD])))
        shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value)
        assert pinecone.api_key not in shown
        assert raised.value.__cause__ is None
        assert "What is this: ***?" in raised.value.message
    await use(store, write(store, make_batch(OWNER, 1, [AHEAD])))
    assert pinecone.api_key not in caplog.text
    assert pinecone.api_key not in repr(store)


@pytest.mark.parametrize("key", ["", " ", "a key", "a-key\n", "schlüssel"])
def test_what_cannot_be_a_key_stops_the_start_without_being_shown(key: str) -> None:
    with pytest.raises(StartupError, match="PINECONE_API_KEY") as raised:
        PineconeStore(api_key=key, index_name="sluice", host=None, time_limit=1)
    assert not key.strip() or key not in raised.value.message


async def test_a_batch_of_another_length_is_refused_before_it_is_sent(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    with pytest.raises(VectorLengthError):
        await use(store, store.upsert(INDEX, make_batch(OWNER, 1, [make_beside(1, 5)])))
    assert pinecone.requests == []
