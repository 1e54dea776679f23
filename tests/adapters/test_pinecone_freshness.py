"""Pinecone's queries find neither writes nor deletions at once; the store waits for them."""

import time
from dataclasses import replace

import pytest

from app.domain.errors import (
    ProviderDownError,
)
from app.domain.vectors import VectorKey
from tests.adapters.pinecone_engine import Lag
from tests.adapters.pinecone_server import PineconeServer
from tests.adapters.pinecone_stores import (
    AHEAD,
    ASIDE,
    INDEX,
    OWNER,
    find,
    make_store,
    write,
)
from tests.adapters.vector_stores import closing, list_keys, make_batch, make_random


@pytest.mark.parametrize("tells_log", [True, False])
@pytest.mark.parametrize("remembers", [True, False])
async def test_a_batch_is_settled_once_queries_see_it(
    pinecone: PineconeServer, tells_log: bool, remembers: bool
) -> None:
    pinecone.create_index("sluice", 4, lag=Lag(queries=5))
    pinecone.tells_log = tells_log
    store, batch = make_store(pinecone), make_batch(OWNER, 1, [AHEAD, ASIDE, AHEAD])
    async with closing(store):
        await store.upsert(INDEX, batch)
        assert await find(store) == [], "queries lag in this test"
        settling = store if remembers else make_store(pinecone)
        await settling.settle(INDEX, batch)
        await settling.close()
        assert sorted(await find(store)) == [0, 1, 2]


async def test_a_batch_in_pieces_is_settled_once_the_last_of_them_is_seen(pinecone: PineconeServer) -> None:
    index = pinecone.create_index("sluice", 4)
    store, batch = make_store(pinecone), make_batch(OWNER, 1, make_random(2_500, 4, seed=1))
    pieces = store.split(batch)
    assert len(pieces) == 3
    async with closing(store):
        for piece in pieces:
            await store.upsert(INDEX, piece)
        for number, pending in enumerate(index.get("sluice-3-7").queried.pending):
            pending.reads = 2 * number
        await store.settle(INDEX, batch)
        found = await store.query(INDEX, OWNER, AHEAD, limit=10_000)
        assert len(found) == 2_500


async def test_what_was_written_again_is_settled_once_it_is_seen_as_it_is_now(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4, lag=Lag(queries=3))
    store = make_store(pinecone)
    async with closing(store):
        await write(store, make_batch(OWNER, 1, [AHEAD]))
        await write(store, make_batch(OWNER, 1, [ASIDE]))
        (match,) = await store.query(INDEX, OWNER, ASIDE, limit=1)
        assert match.similarity == pytest.approx(1)


async def test_a_lag_of_time_is_waited_for(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4, lag=Lag(seconds=0.4))
    store = make_store(pinecone)
    async with closing(store):
        started = time.monotonic()
        await write(store, make_batch(OWNER, 1, [AHEAD]))
        assert time.monotonic() - started >= 0.4
        assert await find(store) == [0]


@pytest.mark.parametrize("tells_log", [True, False])
async def test_patience_ends(pinecone: PineconeServer, tells_log: bool) -> None:
    pinecone.create_index("sluice", 4, lag=Lag(queries=1_000_000))
    pinecone.tells_log = tells_log
    store, batch = make_store(pinecone, patience=0.2), make_batch(OWNER, 1, [AHEAD])
    async with closing(store):
        with pytest.raises(ProviderDownError, match="still does not find all vectors of document 1"):
            await write(store, batch)
        pinecone.get_index("sluice").get("sluice-3-7").queried.pending.clear()  # queries never find these
        await store.upsert(INDEX, batch)
        if tells_log:
            with pytest.raises(ProviderDownError, match="still finds deleted vectors of document 1"):
                await store.delete(INDEX, OWNER, 1, 1)


@pytest.mark.parametrize("tells_log", [True, False])
@pytest.mark.parametrize("lag", [Lag(queries=4), Lag(lookups=4), Lag(queries=2, lookups=3, seconds=0.1)])
async def test_what_is_deleted_is_gone_for_all_readers(pinecone: PineconeServer, tells_log: bool, lag: Lag) -> None:
    index = pinecone.create_index("sluice", 4)
    pinecone.tells_log = tells_log
    store = make_store(pinecone)
    async with closing(store):
        await write(store, make_batch(OWNER, 1, make_random(30, 4, seed=1)))
        await write(store, make_batch(OWNER, 2, [AHEAD]))
        index.get("sluice-3-7")._lag = lag
        await store.delete(INDEX, OWNER, 1, 1)
        found = await store.query(INDEX, OWNER, AHEAD, limit=100)
        assert [match.key for match in found] == [VectorKey(2, 1, 0)]
        assert await list_keys(store, INDEX, OWNER) == [VectorKey(2, 1, 0)]
        assert await store.compare(INDEX, OWNER, AHEAD, [VectorKey(1, 1, ordinal) for ordinal in range(30)]) == {}


async def test_what_was_written_just_before_it_is_deleted_does_not_appear_afterwards(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4, lag=Lag(queries=3, lookups=3))
    store = make_store(pinecone)
    async with closing(store):
        await store.upsert(INDEX, make_batch(OWNER, 1, make_random(10, 4, seed=1)))
        assert await find(store) == [], "it is not to be seen yet"
        await store.delete(INDEX, OWNER, 1, 1)
        for _ in range(8):
            assert await find(store) == []
            listed = await list_keys(store, INDEX, OWNER)
        assert listed == []


async def test_an_index_is_dropped_once_none_of_its_namespaces_is_listed(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4, lag=Lag(lookups=3))
    store = make_store(pinecone)
    async with closing(store):
        await write(store, make_batch(OWNER, 1, [AHEAD]))
        calls = 1
        while not await store.drop(INDEX):
            calls += 1
        assert calls > 2
        assert await store.list_agents(INDEX) == []
        assert await find(store) == []


async def test_a_drop_leaves_every_other_namespace(pinecone: PineconeServer) -> None:
    index = pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    others = ["", "__default__", "3-7", "sluice-1-3-7", "sluice-30-7", "sluice-3-seven", "sluice-3-", "Sluice-3-7"]
    async with closing(store):
        for namespace in others:
            index.get(namespace).write(dict.fromkeys(["a record of another program"]))
        for agent_id in range(1, 45):
            await store.upsert(INDEX, make_batch(agent_id, agent_id, [AHEAD]))
        await write(store, make_batch(OWNER, 1, [AHEAD]), replace(INDEX, id=33))
        calls = 1
        while not await store.drop(INDEX):
            calls += 1
        assert calls == 4, "some namespaces a call, so that none takes long"
        assert sorted(index.namespaces) == sorted([*others, "sluice-33-7"])
