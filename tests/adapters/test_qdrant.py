"""What the store in Qdrant does of its own: how it lays vectors out, and what it makes of answers."""

import asyncio
import json
import multiprocessing
import warnings
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from app.adapters.qdrant import QdrantStore
from app.adapters.qdrant_points import name_point, read_point
from app.domain.errors import (
    ProviderBusyError,
    ProviderDownError,
    ProviderRefusedError,
    ProviderRejectedError,
    SluiceError,
    StartupError,
)
from app.domain.vectors import EmbeddingSpec, VectorBatch, VectorIndex, VectorKey
from tests.adapters.qdrant_server import QdrantServer, run_qdrant
from tests.adapters.s3_servers import run_answering
from tests.adapters.troubles import BUSY_SECONDS, Trouble
from tests.adapters.vector_stores import list_keys, make_batch, make_random, make_unit
from tests.web_server import answer, serve, stall

INDEX = VectorIndex(3, "qdrant", EmbeddingSpec("local", "made-for-tests"))
AHEAD = make_unit(1, 0, 0, 0)
OWNER = 7


@pytest.fixture
def server() -> Iterator[QdrantServer]:
    with run_qdrant() as running:
        yield running


def make_store(url: str, api_key: str | None = "a-key-made-for-tests", time_limit: float = 30) -> QdrantStore:
    return QdrantStore(url=url, api_key=api_key, collection="sluice", time_limit=time_limit)


def ask(server: QdrantServer, method: str, path: str, body: object = None) -> None:
    """What another program does."""
    headers = {"api-key": server.api_key}
    httpx.request(method, server.url + path, json=body, headers=headers, trust_env=False).raise_for_status()


@pytest.mark.parametrize(
    "key",
    [VectorKey(0, 0, 0), VectorKey(1, 2, 3), VectorKey(2**63 - 1, 2**31 - 1, 2**31 - 1), VectorKey(5, 0, 2**32 - 1)],
)
def test_the_name_of_a_point_is_its_key(key: VectorKey) -> None:
    assert read_point(name_point(key)) == key


def test_an_index_is_a_collection_whose_agents_are_tenants(server: QdrantServer) -> None:
    asyncio.run(make_store(server.url).upsert(INDEX, make_batch(OWNER, 12, [AHEAD], edition=2)))
    (name,) = server.collections
    layout = server.collections[name]
    assert name == "sluice-3"
    assert layout.asked["vectors"] == {"size": 4, "distance": "Cosine"}
    assert layout.asked["hnsw_config"] == {"m": 0, "payload_m": 16}
    assert layout.indexed["agent_id"] == {"type": "keyword", "is_tenant": True}
    assert {field: how["type"] for field, how in layout.indexed.items()} == {
        "agent_id": "keyword",
        "document_id": "integer",
        "edition": "keyword",
    }


def test_an_index_may_be_in_a_collection_of_another_name(server: QdrantServer) -> None:
    index = replace(INDEX, place={"collection": "elsewhere"})

    async def body() -> None:
        store = make_store(server.url)
        await store.upsert(index, make_batch(OWNER, 1, [AHEAD]))
        assert await store.query(INDEX, OWNER, AHEAD, limit=1) == []
        assert len(await store.query(index, OWNER, AHEAD, limit=1)) == 1

    asyncio.run(body())
    assert list(server.collections) == ["elsewhere"]


def test_a_search_is_one_request_without_a_warning(server: QdrantServer) -> None:
    asyncio.run(make_store(server.url).upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    server.requests.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(make_store(server.url).query(INDEX, OWNER, AHEAD, limit=1))
    assert server.requests == ["POST /collections/sluice-3/points/query"]


def test_writers_that_have_met_the_collection_do_not_ask_for_it_again(server: QdrantServer) -> None:
    async def body() -> None:
        store = make_store(server.url)
        for edition in range(3):
            await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD], edition))

    asyncio.run(body())
    assert server.requests.count("GET /collections/sluice-3") == 2
    assert server.requests[-2:] == ["PUT /collections/sluice-3/points?wait=true"] * 2


def test_there_is_nothing_to_wait_for_after_a_request_that_waited(server: QdrantServer) -> None:
    async def body() -> None:
        store, batch = make_store(server.url), make_batch(OWNER, 1, [AHEAD])
        await store.upsert(INDEX, batch)
        asked = len(server.requests)
        await store.settle(INDEX, batch)
        assert len(server.requests) == asked
        await store.delete(INDEX, OWNER, 1, 1)
        assert server.requests[asked] == "POST /collections/sluice-3/points/delete?wait=true"

    asyncio.run(body())


def test_several_processes_may_make_a_collection_at_once(server: QdrantServer) -> None:
    async def body() -> None:
        stores = [make_store(server.url) for _ in range(8)]
        await asyncio.gather(
            *(store.upsert(INDEX, make_batch(OWNER, number, [AHEAD])) for number, store in enumerate(stores))
        )
        assert len(await list_keys(stores[0], INDEX, OWNER)) == 8

    asyncio.run(body())


def test_a_collection_that_was_made_without_its_indexes_gets_them(server: QdrantServer) -> None:
    ask(server, "PUT", "/collections/sluice-3", {"vectors": {"size": 4, "distance": "Cosine"}})
    asyncio.run(make_store(server.url).upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    assert set(server.collections["sluice-3"].indexed) == {"agent_id", "document_id", "edition"}


def test_a_collection_that_was_removed_meanwhile_is_made_again(server: QdrantServer) -> None:
    async def body() -> None:
        store = make_store(server.url)
        await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD]))
        await asyncio.to_thread(ask, server, "DELETE", "/collections/sluice-3")
        await store.upsert(INDEX, make_batch(OWNER, 2, [AHEAD]))
        assert await list_keys(store, INDEX, OWNER) == [VectorKey(2, 1, 0)]

    asyncio.run(body())


def test_very_many_documents_are_shared_among_requests(server: QdrantServer) -> None:
    async def body() -> None:
        store = make_store(server.url)
        for document_id in (1, 5_500, 11_000):
            await store.upsert(INDEX, make_batch(OWNER, document_id, make_random(4, 4, seed=document_id)))
        everything = await store.query(INDEX, OWNER, AHEAD, limit=12)
        server.requests.clear()
        assert await store.query(INDEX, OWNER, AHEAD, limit=7, document_ids=range(12_000)) == everything[:7]

    asyncio.run(body())
    assert server.requests == ["POST /collections/sluice-3/points/query"] * 3


@pytest.mark.parametrize("length", [1, 384, 3_072])
def test_a_piece_is_far_below_what_a_server_takes(length: int) -> None:
    longest = -1.1754943508222875e-38
    batch = VectorBatch(OWNER, 1, 1, dict.fromkeys(range(1_200), [longest] * length))
    pieces = make_store("http://127.0.0.1:1").split(batch)
    assert len(json.dumps(list(pieces[0].vectors.values()))) <= 4.5 * 1024 * 1024
    assert max(len(piece.vectors) for piece in pieces) == len(pieces[0].vectors) <= 1_000


def test_a_deletion_that_left_something_is_not_taken_for_one(server: QdrantServer) -> None:
    async def body() -> None:
        store = make_store(server.url)
        await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD]))
        server.deaf_to = "/points/delete"
        with pytest.raises(ProviderDownError):
            await store.delete(INDEX, OWNER, 1, 1)

    asyncio.run(body())


def test_a_check_names_what_does_not_fit(server: QdrantServer) -> None:
    store = make_store(server.url)
    asyncio.run(store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    with pytest.raises(StartupError, match=r"sluice-3.* of 4 numbers"):
        asyncio.run(store.check(replace(INDEX, embedding=EmbeddingSpec("local", "other", 5))))
    asyncio.run(store.check(replace(INDEX, embedding=EmbeddingSpec("local", "made-for-tests", 4))))
    ask(server, "PUT", "/collections/foreign", {"vectors": {"size": 4, "distance": "Dot"}})
    with pytest.raises(StartupError, match="foreign"):
        asyncio.run(store.check(replace(INDEX, place={"collection": "foreign"})))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://127.0.0.1:port"])
def test_a_check_names_the_setting_of_an_address_that_is_none(url: str) -> None:
    with pytest.raises(StartupError, match="QDRANT_URL"):
        asyncio.run(make_store(url).check(INDEX))


def test_a_check_names_the_setting_of_a_key_that_is_refused_and_not_the_key(server: QdrantServer) -> None:
    with pytest.raises(StartupError, match="QDRANT_API_KEY") as raised:
        asyncio.run(make_store(server.url, "a-wrong-key").check(INDEX))
    assert "a-wrong-key" not in str(raised.value)
    with pytest.raises(ProviderRefusedError):
        asyncio.run(make_store(server.url, None).query(INDEX, OWNER, AHEAD, limit=1))


def test_a_busy_server_says_how_long(server: QdrantServer) -> None:
    with server.suffer(Trouble.BUSY), pytest.raises(ProviderBusyError) as raised:
        asyncio.run(make_store(server.url).query(INDEX, OWNER, AHEAD, limit=1))
    assert raised.value.retry_after == BUSY_SECONDS


@pytest.mark.parametrize("when", [{}, {"retry_after": "Wed, 25 Nov 2026 07:00:00 GMT"}, {"retry_after": "0"}])
def test_a_busy_server_need_not_say_so_in_seconds(when: dict[str, str]) -> None:
    with serve() as web:
        web.pages["/collections/sluice-3"] = answer(b"{}", "429 Too Many Requests", **when)
        with pytest.raises(ProviderBusyError):
            asyncio.run(make_store(web.url("")).check(INDEX))


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (404, b"default backend - 404", ProviderDownError),
        (404, b'{"detail": "Not Found"}', ProviderDownError),
        (200, b"<html>Sign in</html>", ProviderDownError),
        (200, b'{"result": 3}', ProviderDownError),
        (200, b'{"result": null}', ProviderDownError),
        (308, b"", ProviderDownError),
        (408, b"", ProviderDownError),
        (502, b"<html>Bad gateway</html>", ProviderDownError),
        (507, b'{"status": {"error": "No space left"}}', ProviderDownError),
        (403, b"Forbidden: only global access is allowed", ProviderRefusedError),
        (400, b'{"status": {"error": "Wrong input"}}', ProviderRejectedError),
        (413, b"too large", ProviderRejectedError),
        (422, b'{"status": {"error": "Validation error"}}', ProviderRejectedError),
    ],
)
def test_an_answer_that_is_none_is_named_for_what_it_is(status: int, content: bytes, error: type[SluiceError]) -> None:
    with run_answering(status, content) as url:
        store = make_store(url)

        async def body() -> None:
            for request in (
                store.query(INDEX, OWNER, AHEAD, limit=1),
                store.delete(INDEX, OWNER, 1, 1),
                store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])),
                store.list_agents(INDEX),
            ):
                with pytest.raises(SluiceError) as raised:
                    await request
                assert type(raised.value) is error

        asyncio.run(body())


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_the_limit() -> None:
    with serve() as web:
        web.pages["/collections/sluice-3"] = stall
        with pytest.raises(ProviderDownError, match="too long"):
            asyncio.run(make_store(web.url(""), time_limit=0.2).check(INDEX))


def test_a_store_goes_on_where_a_loop_ended_without_its_being_closed(server: QdrantServer) -> None:
    store = make_store(server.url)
    asyncio.run(store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    for _ in range(3):
        assert len(asyncio.run(store.query(INDEX, OWNER, AHEAD, limit=1))) == 1
    assert len(store._connection._clients) == 1, "those of loops that have ended are let go"


def test_a_store_that_was_used_before_a_fork_serves_both_processes(server: QdrantServer) -> None:
    store = make_store(server.url)

    def write() -> None:
        asyncio.run(store.upsert(INDEX, make_batch(OWNER, 2, [AHEAD])))

    async def body() -> None:
        await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD]))
        child = multiprocessing.get_context("fork").Process(target=write)
        child.start()
        await asyncio.to_thread(child.join, 30)
        assert child.exitcode == 0
        assert len(await list_keys(store, INDEX, OWNER)) == 2
        await store.close()

    asyncio.run(body())
