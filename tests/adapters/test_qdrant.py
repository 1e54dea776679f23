"""The layout of vectors in Qdrant, and the connections of the store."""

import asyncio
import gc
import json
import multiprocessing
import warnings
from dataclasses import replace

import pytest

from app.adapters.qdrant.points import name_point, read_point
from app.domain.vectors import VectorBatch, VectorKey
from tests.adapters.qdrant_server import QdrantServer
from tests.adapters.qdrant_stores import AHEAD, INDEX, OWNER, make_store, send_request
from tests.adapters.vector_stores import closing, list_keys, make_batch, make_random, make_unit, use


@pytest.mark.parametrize(
    "key",
    [VectorKey(0, 0, 0), VectorKey(1, 2, 3), VectorKey(2**63 - 1, 2**31 - 1, 2**31 - 1), VectorKey(5, 0, 2**32 - 1)],
)
def test_the_name_of_a_point_is_its_key(key: VectorKey) -> None:
    assert read_point(name_point(key)) == key


async def test_an_index_is_a_collection_whose_agents_are_tenants(qdrant: QdrantServer) -> None:
    await use(store := make_store(qdrant.url), store.upsert(INDEX, make_batch(OWNER, 12, [AHEAD], edition=2)))
    (name,) = qdrant.collections
    layout = qdrant.collections[name]
    assert name == "sluice-3"
    assert layout.asked["vectors"] == {"size": 4, "distance": "Cosine"}
    assert layout.asked["hnsw_config"] == {"m": 0, "payload_m": 16}
    assert layout.indexed["agent_id"] == {"type": "keyword", "is_tenant": True}
    assert {field: how["type"] for field, how in layout.indexed.items()} == {
        "agent_id": "keyword",
        "document_id": "integer",
        "edition": "keyword",
    }


async def test_an_index_may_be_in_a_collection_of_another_name(qdrant: QdrantServer) -> None:
    index = replace(INDEX, place={"collection": "elsewhere"})

    store = make_store(qdrant.url)
    async with closing(store):
        await store.upsert(index, make_batch(OWNER, 1, [AHEAD]))
        assert await store.query(INDEX, OWNER, AHEAD, limit=1) == []
        assert len(await store.query(index, OWNER, AHEAD, limit=1)) == 1
        await store.upsert(replace(INDEX, place={"prefix": "before"}), make_batch(OWNER, 1, [AHEAD]))
    assert list(qdrant.collections) == ["elsewhere", "before-3"]


async def test_a_search_is_one_request_without_a_warning(qdrant: QdrantServer) -> None:
    await use(store := make_store(qdrant.url), store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    qdrant.requests.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await use(store := make_store(qdrant.url), store.query(INDEX, OWNER, AHEAD, limit=1))
    assert qdrant.requests == ["POST /collections/sluice-3/points/query"]


async def test_writers_that_have_met_the_collection_do_not_ask_for_it_again(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)
    async with closing(store):
        for edition in range(3):
            await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD], edition))
    assert qdrant.requests.count("GET /collections/sluice-3") == 2
    assert qdrant.requests[-2:] == ["PUT /collections/sluice-3/points?wait=true"] * 2


async def test_there_is_nothing_to_wait_for_after_a_request_that_waited(qdrant: QdrantServer) -> None:
    store, batch = make_store(qdrant.url), make_batch(OWNER, 1, [AHEAD])
    async with closing(store):
        await store.upsert(INDEX, batch)
        asked = len(qdrant.requests)
        await store.settle(INDEX, batch)
        assert len(qdrant.requests) == asked
        await store.delete(INDEX, OWNER, 1, 1)
        assert qdrant.requests[asked] == "POST /collections/sluice-3/points/delete?wait=true"


async def test_several_processes_may_make_a_collection_at_once(qdrant: QdrantServer) -> None:
    stores = [make_store(qdrant.url) for _ in range(8)]
    await asyncio.gather(
        *(store.upsert(INDEX, make_batch(OWNER, number, [AHEAD])) for number, store in enumerate(stores))
    )
    assert len(await list_keys(stores[0], INDEX, OWNER)) == 8
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_collection_that_was_made_without_its_indexes_gets_them(qdrant: QdrantServer) -> None:
    send_request(qdrant, "PUT", "/collections/sluice-3", {"vectors": {"size": 4, "distance": "Cosine"}})
    await use(store := make_store(qdrant.url), store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    assert set(qdrant.collections["sluice-3"].indexed) == {"agent_id", "document_id", "edition"}


async def test_a_collection_that_was_removed_meanwhile_is_made_again(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)
    async with closing(store):
        await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD]))
        await asyncio.to_thread(send_request, qdrant, "DELETE", "/collections/sluice-3")
        await store.upsert(INDEX, make_batch(OWNER, 2, [AHEAD]))
        assert await list_keys(store, INDEX, OWNER) == [VectorKey(2, 1, 0)]


async def test_a_collection_that_was_dropped_may_be_made_again_for_other_vectors(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)
    async with closing(store):
        await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD]))
        assert await store.drop(INDEX)
        await store.upsert(INDEX, make_batch(OWNER, 1, [make_unit(1, 0)]))
        assert len(await store.query(INDEX, OWNER, make_unit(1, 0), limit=1)) == 1


async def test_very_many_documents_are_shared_among_requests(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)
    async with closing(store):
        for document_id in (1, 5_500, 11_000):
            await store.upsert(INDEX, make_batch(OWNER, document_id, make_random(4, 4, seed=document_id)))
        everything = await store.query(INDEX, OWNER, AHEAD, limit=12)
        qdrant.requests.clear()
        assert await store.query(INDEX, OWNER, AHEAD, limit=7, document_ids=range(12_000)) == everything[:7]
    assert qdrant.requests == ["POST /collections/sluice-3/points/query"] * 3


@pytest.mark.parametrize("length", [1, 384, 3_072])
def test_a_piece_is_far_below_what_a_server_takes(length: int) -> None:
    longest = -1.1754943508222875e-38
    batch = VectorBatch(OWNER, 1, 1, dict.fromkeys(range(1_200), [longest] * length))
    pieces = make_store("http://127.0.0.1:1").split(batch)
    assert len(json.dumps(list(pieces[0].vectors.values()))) <= 4.5 * 1024 * 1024
    assert max(len(piece.vectors) for piece in pieces) == len(pieces[0].vectors) <= 1_000


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of sockets that are left open
def test_a_store_goes_on_where_a_loop_ended_without_its_being_closed(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)
    # Event loops that end are what this test is about.
    asyncio.run(store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD])))
    for _ in range(3):
        assert len(asyncio.run(store.query(INDEX, OWNER, AHEAD, limit=1))) == 1
    assert len(store._connection._clients) == 1, "those of loops that have ended are let go"
    del store
    gc.collect()


async def test_a_store_that_was_used_before_a_fork_serves_both_processes(qdrant: QdrantServer) -> None:
    store = make_store(qdrant.url)

    def write() -> None:  # in the child, which has its own event loop
        asyncio.run(use(store, store.upsert(INDEX, make_batch(OWNER, 2, [AHEAD]))))

    async with closing(store):
        await store.upsert(INDEX, make_batch(OWNER, 1, [AHEAD]))
        child = multiprocessing.get_context("fork").Process(target=write)
        child.start()
        await asyncio.to_thread(child.join, 30)
        assert child.exitcode == 0
        assert len(await list_keys(store, INDEX, OWNER)) == 2
