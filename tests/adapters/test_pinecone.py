"""Pinecone's limits, namespaces and hosts."""

import asyncio
import multiprocessing
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.pinecone.records import make_records
from app.adapters.pinecone.store import PineconeStore
from app.domain.vectors import EmbeddingSpec, Vector, VectorBatch, VectorKey
from tests.adapters.json_listener import Answer
from tests.adapters.pinecone_engine import Index
from tests.adapters.pinecone_protocol import LARGEST_BODY, LONGEST_URL
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
from tests.adapters.vector_stores import closing, dot, list_keys, make_batch, make_random, make_unit, use


async def test_what_others_keep_in_a_namespace_is_passed_over(pinecone: PineconeServer) -> None:
    index = pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    pinecone.ordered["/query"] = []
    async with closing(store):
        await write(store, make_batch(OWNER, 1, [AHEAD]))
        pinecone.ordered["/query"] = [
            Answer(200, {"matches": [{"id": "foreign", "score": 0.9}, {"id": "1#1#0", "score": 0.8}]})
        ]
        assert await find(store) == [0]
        (record,) = index.get("sluice-3-7").queried.records.values()
        index.get("sluice-3-7").write({"foreign": record})
        assert await list_keys(store, INDEX, OWNER) == [VectorKey(1, 1, 0)]


@pytest.mark.parametrize("dimensions", [1, 8, 384, 1_536, 3_072, 20_000])
async def test_no_piece_is_more_than_a_request_may_be_and_none_is_needlessly_small(
    pinecone: PineconeServer, dimensions: int
) -> None:
    pinecone.create_index("sluice", dimensions)
    store = make_store(pinecone)
    longest: Vector = [-0.123456789] * dimensions
    count = 2_300 if dimensions < 384 else 400
    batch = VectorBatch(2**63 - 1, 2**63 - 1, 2**31 - 1, {2**31 - 1 - number: longest for number in range(count)})
    async with closing(store):
        pieces = store.split(batch)
        assert [key for piece in pieces for key in piece.keys] == batch.keys
        sizes = []
        for piece in pieces[:2]:
            await store.upsert(replace(INDEX, embedding=EmbeddingSpec("local", "x")), piece)
            sizes.append(len(pinecone.requests[-1].body))
        assert max(sizes) <= LARGEST_BODY
        assert max(len(piece.vectors) for piece in pieces) <= 1_000
        assert len(pieces) == 1 or sizes[0] > 0.7 * LARGEST_BODY or len(pieces[0].vectors) == 1_000


@pytest.mark.parametrize("factor", [1, 1e-12, 1e12])
def test_a_vector_keeps_its_direction_whatever_its_length(factor: float) -> None:
    (vector,) = make_random(1, 1_536, seed=3)
    scaled = [number * factor for number in vector]
    (record,) = make_records(make_batch(OWNER, 1, [scaled]))
    assert max(abs(kept - given) for kept, given in zip(record["values"], vector, strict=True)) < 1e-7
    assert dot(record["values"], vector) == pytest.approx(1, abs=1e-7)


async def test_requests_that_name_very_many_keep_to_the_limits(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    large = 2**40
    async with closing(store):
        await write(store, VectorBatch(OWNER, large, 1, dict(enumerate(make_random(2_500, 4, seed=1)))))
        await write(store, make_batch(OWNER, large + 12_345, [AHEAD]))
        pinecone.requests.clear()
        found = await store.query(
            INDEX,
            OWNER,
            AHEAD,
            limit=5,
            document_ids=range(large, large + 12_500),
            without=[(large + number, 1) for number in range(12_000)],
        )
        assert [match.key.document_id for match in found] == [large + 12_345]
        assert len(pinecone.requests) == 3
        await store.compare(INDEX, OWNER, AHEAD, [VectorKey(large, 1, ordinal) for ordinal in range(2_500)])
        assert max(len(request.target) for request in pinecone.requests) < LONGEST_URL
        pinecone.requests.clear()
        await store.delete(INDEX, OWNER, large, 1)
        asked = [len(request.read()["ids"]) for request in pinecone.requests if request.path == "/vectors/delete"]
        assert asked == [1_000, 1_000, 500]
        assert len(pinecone.requests) == 6


async def test_more_matches_than_pinecone_gives_are_not_asked_for(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    async with closing(store):
        await write(store, make_batch(OWNER, 1, [AHEAD]))
        assert len(await store.query(INDEX, OWNER, AHEAD, limit=50_000)) == 1


async def test_a_similarity_is_never_above_one(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    pinecone.ordered["/query"] = [Answer(200, {"matches": [{"id": "1#1#0", "score": 1.00112152}]})]
    (match,) = await use(store, store.query(INDEX, OWNER, AHEAD, limit=1))
    assert match.similarity == 1


async def test_a_vector_of_zeros_is_listed_and_never_found_until_it_is_replaced(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store, nothing = make_store(pinecone), [0.0] * 4
    async with closing(store):
        await write(store, make_batch(OWNER, 1, [nothing, ASIDE, nothing]))
        assert len(await list_keys(store, INDEX, OWNER)) == 3
        for asked in (AHEAD, ASIDE, make_unit(-1, 0, 0, 0)):
            assert await find(store, asked) == [1]
        keys = [VectorKey(1, 1, ordinal) for ordinal in range(3)]
        assert await store.compare(INDEX, OWNER, AHEAD, keys) == dict.fromkeys(keys, 0)
        await write(store, make_batch(OWNER, 1, {2: AHEAD}))
        assert sorted(await find(store)) == [1, 2]
        await store.delete(INDEX, OWNER, 1, 1)
        assert await list_keys(store, INDEX, OWNER) == []


async def test_a_question_of_zeros_is_not_asked(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    assert await use(store, store.query(INDEX, OWNER, [0.0] * 4, limit=5)) == []
    assert await use(store, store.compare(INDEX, OWNER, [0.0] * 4, [VectorKey(1, 1, 0)])) == {}
    assert pinecone.requests == []


async def test_pinecone_is_asked_once_where_an_index_is(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    async with closing(store):
        for document_id in (1, 2):
            await write(store, make_batch(OWNER, document_id, [AHEAD]))
        assert len(await find(store)) == 2
    assert await use(store, find(store)) == [0, 0]
    assert pinecone.count("/indexes/sluice") == 1


async def test_a_host_that_is_given_is_used_without_asking(pinecone: PineconeServer) -> None:
    pinecone.create_index("elsewhere", 4)
    store = make_store(pinecone, host=pinecone.get_host("elsewhere"))
    await use(store, write(store, make_batch(OWNER, 1, [AHEAD])))
    assert not [request for request in pinecone.requests if request.path.startswith("/indexes")]
    assert list(pinecone.get_index("elsewhere").namespaces) == ["sluice-3-7"]


@pytest.mark.parametrize("with_host", [True, False])
async def test_the_place_of_an_index_comes_before_the_settings(pinecone: PineconeServer, with_host: bool) -> None:
    for name in ("sluice", "older"):
        pinecone.create_index(name, 4)
    store = make_store(pinecone, host=pinecone.get_host("sluice"))
    place = {"index": "older"} | ({"host": pinecone.get_host("older")} if with_host else {})
    older = replace(INDEX, place=place)
    async with closing(store):
        await write(store, make_batch(OWNER, 1, [AHEAD]), older)
        await write(store, make_batch(OWNER, 2, [AHEAD]), replace(INDEX, place={"index": "sluice"}))
        assert [key.document_id for key in await list_keys(store, older, OWNER)] == [1]
        assert [key.document_id for key in await list_keys(store, INDEX, OWNER)] == [2]
    assert pinecone.count("/indexes/older") == (not with_host)
    assert pinecone.count("/indexes/sluice") == 0


async def test_a_namespace_that_is_missing_is_empty_however_pinecone_says_so(pinecone: PineconeServer) -> None:
    index = pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    missing = Answer(404, {"code": 5, "message": "Namespace not found", "details": []})
    for path in ("/query", "/vectors/fetch", "/vectors/list"):
        pinecone.ordered[path] = [missing] * 2
    async with closing(store):
        assert await find(store) == []
        assert await store.compare(INDEX, OWNER, AHEAD, [VectorKey(1, 1, 0)]) == {}
        assert await list_keys(store, INDEX, OWNER) == []
        await store.delete(INDEX, OWNER, 1, 1)
        assert index.namespaces == {}


async def test_a_store_that_was_used_serves_a_forked_process_too(pinecone: PineconeServer) -> None:
    pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    answers: Any = multiprocessing.get_context("fork").SimpleQueue()

    async def fork_in_between() -> int | None:
        await write(store, make_batch(OWNER, 1, [AHEAD]))
        child = multiprocessing.get_context("fork").Process(target=_ask_in_child, args=(store, answers))
        child.start()
        assert await asyncio.to_thread(answers.get) == [0]
        await asyncio.to_thread(child.join)
        assert await find(store) == [0]
        return child.exitcode

    assert await use(store, fork_in_between()) == 0


def _ask_in_child(store: PineconeStore, answers: Any) -> None:
    answers.put(asyncio.run(find(store)))  # the child has its own event loop


async def test_the_dimension_is_requested_when_it_is_unknown(pinecone: PineconeServer) -> None:
    index: Index = pinecone.create_index("sluice", 4)
    store = make_store(pinecone)
    unknown = replace(INDEX, embedding=EmbeddingSpec("local", "made-for-tests"))
    async with closing(store):
        await write(store, make_batch(OWNER, 1, [AHEAD]), unknown)
        await store.delete(unknown, OWNER, 1, 1)
        assert index.get("sluice-3-7").all_ids() == set()
