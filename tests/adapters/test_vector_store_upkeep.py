"""The contract of every vector store: large writes, deletions, lists and failures."""

import asyncio

import pytest

from app.domain.errors import ProviderBusyError, ProviderCredentialsError, ProviderDownError, SluiceError, StartupError
from app.domain.vectors import VectorBatch, VectorKey
from tests.adapters.troubles import Trouble
from tests.adapters.vector_stores import (
    Case,
    RemoteCase,
    list_keys,
    make_batch,
    make_beside,
    make_random,
    make_unit,
)

AHEAD = make_unit(1, 0, 0, 0, 0, 0, 0, 0)
OWNER, OTHER = 7, 8


async def test_a_deletion_removes_one_edition_and_is_done_when_it_returns(case: Case) -> None:
    index = await case.make_index()
    for document_id, edition in [(1, 1), (1, 2), (2, 1)]:
        await case.write(index, make_batch(OWNER, document_id, make_random(30, 8, seed=edition), edition))
    for _ in range(2):
        await case.store.delete(index, OWNER, 1, 1)
        found = await case.store.query(index, OWNER, AHEAD, limit=100)
        assert {(match.key.document_id, match.key.edition) for match in found} == {(1, 2), (2, 1)}
        assert len(await list_keys(case.store, index, OWNER)) == 60
        assert await case.store.compare(index, OWNER, AHEAD, [VectorKey(1, 1, 0)]) == {}
    await case.write(index, make_batch(OWNER, 1, [AHEAD]))
    assert len(await list_keys(case.store, index, OWNER)) == 61


async def test_an_edition_of_thousands_is_deleted_whole(case: Case) -> None:
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, make_random(2_500, 8, seed=1)))
    await case.write(index, make_batch(OWNER, 2, [AHEAD]))
    await case.store.delete(index, OWNER, 1, 1)
    assert await list_keys(case.store, index, OWNER) == [VectorKey(2, 1, 0)]


async def test_every_key_of_an_agent_is_listed_once_and_no_other(case: Case) -> None:
    sizes = {1: 1_500, 2: 1_000, 3: 1}
    index = await case.make_index()
    vectors = make_random(max(sizes.values()), 8, seed=2)
    for document_id, size in sizes.items():
        await case.write(index, make_batch(OWNER, document_id, vectors[:size]))
    await case.write(index, make_batch(OTHER, 4, vectors[:300]))
    assert await list_keys(case.store, index, OWNER) == [
        VectorKey(document_id, 1, ordinal) for document_id, size in sizes.items() for ordinal in range(size)
    ]
    assert len(await list_keys(case.store, index, OTHER)) == 300


async def test_every_agent_is_listed(case: Case) -> None:
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 1, make_random(2_500, 8, seed=3)))
    for agent_id in range(100, 350):
        await case.write(index, make_batch(agent_id, agent_id, [AHEAD]))
    assert sorted(await case.store.list_agents(index)) == [OWNER, *range(100, 350)]
    await case.store.delete(index, 100, 100, 1)
    assert sorted(await case.store.list_agents(index)) == [OWNER, *range(101, 350)]


async def test_a_dropped_index_is_empty_and_others_stay(case: Case) -> None:
    dropped, kept = await case.make_index(), await case.make_index()
    for index in (dropped, kept):
        for agent_id in (OWNER, OTHER):
            await case.write(index, make_batch(agent_id, agent_id, make_random(600, 8, seed=4)))
    while not await case.store.drop(dropped):
        pass
    assert await case.store.list_agents(dropped) == []
    assert await case.store.query(dropped, OWNER, AHEAD, limit=10) == []
    assert await list_keys(case.store, dropped, OWNER) == []
    assert sorted(await case.store.list_agents(kept)) == [OWNER, OTHER]
    assert len(await list_keys(case.store, kept, OWNER)) == 600


async def test_a_large_batch_is_split_and_all_of_it_arrives(case: Case) -> None:
    batch = make_batch(OWNER, 1, dict(enumerate(make_random(1_500, 1_536, seed=5), start=100)), edition=3)
    pieces = case.store.split(batch)
    assert [key for piece in pieces for key in piece.keys] == batch.keys
    assert {(piece.agent_id, piece.document_id, piece.edition) for piece in pieces} == {(OWNER, 1, 3)}
    index = await case.make_index()
    await case.write(index, batch)
    assert await list_keys(case.store, index, OWNER) == batch.keys
    (found,) = await case.store.query(index, OWNER, batch.vectors[1_599], limit=1)
    assert found.key == VectorKey(1, 3, 1_599)
    assert found.similarity == pytest.approx(1, abs=case.tolerance)


async def test_a_batch_of_nothing_writes_nothing(case: Case) -> None:
    index = await case.make_index()
    await case.write(index, VectorBatch(OWNER, 1, 1, {}))
    assert await case.store.list_agents(index) == []


async def test_many_may_be_the_first_to_write_to_an_index(case: Case) -> None:
    index = await case.make_index()
    batches = [make_batch(1 + number % 3, 10 + number, make_random(50, 8, seed=number)) for number in range(12)]
    await asyncio.gather(*(case.write(index, batch) for batch in batches))
    for agent_id in (1, 2, 3):
        expected = [key for batch in batches if batch.agent_id == agent_id for key in batch.keys]
        assert await list_keys(case.store, index, agent_id) == expected


async def test_a_check_passes_and_changes_nothing(case: Case) -> None:
    index = await case.make_index()
    await case.store.check(index)
    await case.write(index, make_batch(OWNER, 1, [AHEAD, make_beside(0.5)]))
    await case.store.check(index)
    assert await case.store.list_agents(index) == [OWNER]
    assert len(await list_keys(case.store, index, OWNER)) == 2


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble.AWAY, ProviderDownError),
        (Trouble.BROKEN, ProviderDownError),
        (Trouble.BUSY, ProviderBusyError),
        (Trouble.LOCKED, ProviderCredentialsError),
    ],
)
async def test_a_service_in_trouble_is_named_so_and_serves_again_when_it_is_well(
    remote: RemoteCase, trouble: Trouble, error: type[SluiceError]
) -> None:
    index, store = await remote.make_index(), remote.store
    batch = make_batch(OWNER, 1, [AHEAD])
    await remote.write(index, batch)
    for _ in range(2):
        with remote.service.suffer(trouble):
            for request in (
                lambda: store.upsert(index, batch),
                lambda: store.query(index, OWNER, AHEAD, limit=1),
                lambda: store.compare(index, OWNER, AHEAD, batch.keys),
                lambda: store.delete(index, OWNER, 1, 1),
                lambda: store.list_agents(index),
                lambda: list_keys(store, index, OWNER),
                lambda: store.drop(index),
            ):
                with pytest.raises(error) as raised:
                    await request()
                assert type(raised.value) is error
        await remote.write(index, batch)
        assert [match.key for match in await store.query(index, OWNER, AHEAD, limit=1)] == batch.keys


@pytest.mark.parametrize("trouble", [Trouble.AWAY, Trouble.BROKEN, Trouble.BUSY, Trouble.LOCKED])
async def test_a_check_tells_of_the_trouble(remote: RemoteCase, trouble: Trouble) -> None:
    index = await remote.make_index()
    with remote.service.suffer(trouble), pytest.raises(SluiceError) as raised:
        await remote.store.check(index)
    # A rejected key needs an operator; the other failures are temporary.
    assert isinstance(raised.value, StartupError) == (trouble is Trouble.LOCKED)
    await remote.store.check(index)
