"""The contract of every vector store: writes, queries and comparisons."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest

from app.domain.errors import VectorLengthError
from app.domain.vectors import Match, Vector, VectorBatch, VectorKey
from tests.adapters.vector_stores import (
    Case,
    dot,
    list_keys,
    make_batch,
    make_beside,
    make_random,
    make_unit,
)

Result = TypeVar("Result")
AHEAD = make_unit(1, 0, 0, 0, 0, 0, 0, 0)
ASIDE = make_unit(0, 1, 0, 0, 0, 0, 0, 0)
NOTHING: Vector = [0.0] * 8
OWNER, OTHER = 7, 8


def keys_of(matches: list[Match]) -> list[tuple[int, int, int]]:
    return [(match.key.document_id, match.key.edition, match.key.ordinal) for match in matches]


async def test_what_is_most_alike_comes_first_with_its_cosine(case: Case) -> None:
    cosines = [0.9, -0.5, 1.0, 0.1, 0.7, -1.0]
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, [make_beside(cosine) for cosine in cosines]))
    found = await case.store.query(index, OWNER, AHEAD, limit=10)
    assert keys_of(found) == [(1, 1, ordinal) for ordinal in (2, 0, 4, 3, 1, 5)]
    assert [match.similarity for match in found] == pytest.approx(sorted(cosines, reverse=True), abs=case.tolerance)
    assert await case.store.query(index, OWNER, AHEAD, limit=3) == found[:3]


async def test_an_agent_finds_its_own_alone(case: Case) -> None:
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, [AHEAD]))
    await case.write(index, make_batch(OTHER, 2, [AHEAD, ASIDE]))
    assert keys_of(await case.store.query(index, OWNER, AHEAD, limit=10)) == [(1, 1, 0)]
    assert keys_of(await case.store.query(index, OWNER, AHEAD, limit=10, document_ids=[1, 2])) == [(1, 1, 0)]
    assert await case.store.compare(index, OWNER, AHEAD, [VectorKey(2, 1, 0)]) == {}
    assert await case.store.query(index, 9, AHEAD, limit=10) == []
    await case.store.delete(index, OWNER, 2, 1)
    assert len(await list_keys(case.store, index, OTHER)) == 2, "one agent does not delete another's"


async def test_indexes_of_different_lengths_stand_side_by_side(case: Case) -> None:
    short, long = await case.make_index(), await case.make_index(16)
    await case.write(short, make_batch(OWNER, 1, [AHEAD]))
    await case.write(long, make_batch(OWNER, 1, [make_beside(0.5, 16), make_beside(0.25, 16)]))
    assert keys_of(await case.store.query(short, OWNER, AHEAD, limit=10)) == [(1, 1, 0)]
    found = await case.store.query(long, OWNER, make_beside(1, 16), limit=10)
    assert [match.similarity for match in found] == pytest.approx([0.5, 0.25], abs=case.tolerance)
    await case.store.delete(short, OWNER, 1, 1)
    assert len(await list_keys(case.store, long, OWNER)) == 2


async def test_what_is_written_again_is_replaced(case: Case) -> None:
    index = await case.make_index()
    for vectors in ([AHEAD, ASIDE], [AHEAD, ASIDE], [ASIDE, AHEAD]):
        await case.write(index, make_batch(OWNER, 1, vectors))
    assert keys_of(await case.store.query(index, OWNER, AHEAD, limit=10)) == [(1, 1, 1), (1, 1, 0)]
    assert await list_keys(case.store, index, OWNER) == [VectorKey(1, 1, 0), VectorKey(1, 1, 1)]


async def test_keys_keep_their_numbers_however_large(case: Case) -> None:
    keys = [VectorKey(2**31 + 5, 2**15, 2**20), VectorKey(2**31 + 5, 2**15, 2**20 + 1)]
    index = await case.make_index()
    await case.write(
        index, VectorBatch(2**31 + 1, keys[0].document_id, keys[0].edition, {key.ordinal: AHEAD for key in keys})
    )
    assert await list_keys(case.store, index, 2**31 + 1) == keys
    assert await case.store.list_agents(index) == [2**31 + 1]
    assert set(await case.store.compare(index, 2**31 + 1, AHEAD, keys)) == set(keys)


async def test_only_some_documents_are_searched_and_editions_left_out(case: Case) -> None:
    index = await case.make_index()
    for document_id, edition, cosine in [(1, 1, 0.9), (1, 2, 0.8), (2, 1, 0.7), (3, 1, 0.6)]:
        await case.write(index, make_batch(OWNER, document_id, [make_beside(cosine)], edition))

    async def find(documents: list[int] | None, without: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
        return keys_of(await case.store.query(index, OWNER, AHEAD, limit=10, document_ids=documents, without=without))

    assert await find([1, 3], []) == [(1, 1, 0), (1, 2, 0), (3, 1, 0)]
    assert await find(None, [(1, 1), (3, 1)]) == [(1, 2, 0), (2, 1, 0)]
    assert await find([1, 2], [(1, 2), (9, 9)]) == [(1, 1, 0), (2, 1, 0)]
    assert await find([], []) == []
    assert await find([9], []) == []


async def test_as_many_as_asked_for_come_back_when_hundreds_of_better_documents_are_left_out(case: Case) -> None:
    better, worse = range(1, 401), range(1001, 1031)
    index = await case.make_index()
    for document_id in better:  # 2,000 vectors, each nearer than any permitted match
        cosines = np.linspace(0.9, 0.99, 5) - document_id / 1e5
        await case.write(index, make_batch(OWNER, document_id, [make_beside(cosine) for cosine in cosines]))
    for document_id in worse:
        await case.write(index, make_batch(OWNER, document_id, [make_beside((2000 - document_id) / 2000)]))
    expected = [(document_id, 1, 0) for document_id in worse[:20]]
    left_out = [(document_id, 1) for document_id in better]
    among = [*range(401, 1000), *worse]
    for documents, without in ((None, left_out), (among, []), ([*better, *worse], left_out)):
        found = await case.store.query(index, OWNER, AHEAD, limit=20, document_ids=documents, without=without)
        assert keys_of(found) == expected


async def test_a_comparison_gives_the_figures_of_a_query_and_leaves_out_what_is_not_there(case: Case) -> None:
    vectors, (asked,) = make_random(40, 8, seed=1), make_random(1, 8, seed=2)
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, vectors))
    found = {m.key: m.similarity for m in await case.store.query(index, OWNER, asked, limit=40)}
    keys = [VectorKey(1, 1, ordinal) for ordinal in range(50)]
    compared = await case.store.compare(index, OWNER, asked, [*keys, VectorKey(2, 1, 0)])
    assert compared == pytest.approx(found, abs=1e-6)
    assert len(compared) == 40
    assert await case.store.compare(index, OWNER, asked, []) == {}


async def test_hundreds_of_keys_are_compared(case: Case) -> None:
    index = await case.make_index()
    vectors = make_random(1_200, 8, seed=3)
    await case.write(index, make_batch(OWNER, 1, vectors))
    compared = await case.store.compare(
        index, OWNER, AHEAD, [VectorKey(1, 1, ordinal) for ordinal in range(0, 2_400, 2)]
    )
    assert compared == pytest.approx(
        {VectorKey(1, 1, ordinal): dot(vectors[ordinal], AHEAD) for ordinal in range(0, 1_200, 2)},
        abs=case.tolerance,
    )


async def test_vectors_of_zeros_are_like_nothing(case: Case) -> None:
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, [NOTHING, make_beside(0.2), NOTHING, make_beside(-0.2)]))
    assert len(await list_keys(case.store, index, OWNER)) == 4
    found = await case.store.query(index, OWNER, AHEAD, limit=10)
    assert keys_of(found)[0] == (1, 1, 1)
    similarities = {match.key.ordinal: match.similarity for match in found}
    assert (similarities[1], similarities[3]) == pytest.approx((0.2, -0.2), abs=case.tolerance)
    assert {similarities.get(0, 0), similarities.get(2, 0)} == {0}
    compared = await case.store.compare(index, OWNER, AHEAD, [VectorKey(1, 1, 0), VectorKey(1, 1, 1)])
    assert compared.get(VectorKey(1, 1, 0), 0) == 0
    assert compared[VectorKey(1, 1, 1)] == pytest.approx(0.2, abs=case.tolerance)


async def test_nothing_is_like_a_question_of_zeros(case: Case) -> None:
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, [AHEAD, NOTHING, ASIDE]))
    found = await case.store.query(index, OWNER, NOTHING, limit=2)
    assert len(found) <= 2
    assert {match.similarity for match in found} <= {0}
    compared = await case.store.compare(index, OWNER, NOTHING, [VectorKey(1, 1, 0), VectorKey(1, 1, 1)])
    assert set(compared.values()) <= {0}


async def test_an_index_that_was_never_written_to_is_empty(case: Case) -> None:
    for index in (await case.make_index(), await case.make_index(8)):
        await case.store.check(index)
        assert await case.store.query(index, OWNER, AHEAD, limit=10) == []
        assert await case.store.query(index, OWNER, AHEAD, limit=10, document_ids=[1], without=[(1, 1)]) == []
        assert await case.store.compare(index, OWNER, AHEAD, [VectorKey(1, 1, 0)]) == {}
        assert await case.store.list_agents(index) == []
        assert await list_keys(case.store, index, OWNER) == []
        await case.store.delete(index, OWNER, 1, 1)
        while not await case.store.drop(index):
            pass


@pytest.mark.parametrize("known", [False, True])
async def test_vectors_of_another_length_are_refused_and_change_nothing(case: Case, known: bool) -> None:
    index = await case.make_index(8 if known else None)
    await case.write(index, make_batch(OWNER, 1, [AHEAD]))
    for wrong in ([AHEAD, make_unit(1, 0, 0)], [make_beside(1, 9)]):
        with pytest.raises(VectorLengthError):
            await case.write(index, make_batch(OWNER, 1, wrong))
    assert keys_of(await case.store.query(index, OWNER, AHEAD, limit=10)) == [(1, 1, 0)]
    await case.write(index, make_batch(OWNER, 1, [ASIDE, AHEAD]))
    assert keys_of(await case.store.query(index, OWNER, AHEAD, limit=10)) == [(1, 1, 1), (1, 1, 0)]


async def test_a_search_agrees_with_arithmetic(case: Case) -> None:
    agents, each, dimensions = 5, 120, 32
    index = await case.make_index()
    vectors = make_random(agents * each, dimensions, seed=4)
    for agent_id in range(1, agents + 1):
        own = vectors[(agent_id - 1) * each : agent_id * each]
        for part in range(3):  # documents, each of one agent
            await case.write(index, make_batch(agent_id, agent_id * 10 + part, own[part::3]))
    for number, asked in enumerate(make_random(30, dimensions, seed=5)):
        agent_id = number % agents + 1
        truth = [dot(vector, asked) for vector in vectors[(agent_id - 1) * each : agent_id * each]]
        found = await case.store.query(index, agent_id, asked, limit=10)
        # Vectors whose similarities a store cannot distinguish may change places.
        assert [match.similarity for match in found] == pytest.approx(
            sorted(truth, reverse=True)[:10], abs=case.tolerance
        )
        for match in found:
            place = match.key.ordinal * 3 + match.key.document_id % 10
            assert match.similarity == pytest.approx(truth[place], abs=case.tolerance)


def test_one_store_serves_one_event_loop_after_another(case: Case) -> None:
    def run(work: Coroutine[Any, Any, Result]) -> Result:
        async def run_and_close() -> Result:
            try:
                return await work
            finally:
                await case.close()

        return asyncio.run(run_and_close())  # a new event loop each time is what this test is about

    index = run(case.make_index())
    run(case.write(index, make_batch(OWNER, 1, [AHEAD])))
    assert keys_of(run(case.store.query(index, OWNER, AHEAD, limit=1))) == [(1, 1, 0)]


async def test_a_store_may_be_closed_twice_and_before_its_first_use(case: Case) -> None:
    await case.store.close()
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, [AHEAD]))
    for _ in range(2):
        await asyncio.gather(*(case.store.close() for _ in range(2)))
        assert len(await case.store.query(index, OWNER, AHEAD, limit=1)) == 1, "it connects again"
