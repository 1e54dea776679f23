"""A process that searched an index notices within the next search that another one has become active."""

import pytest

from app.domain.errors import RetryLaterError
from app.domain.vectors import Account
from app.services.search.search import Search
from app.services.search.several_agents import SeveralAgents
from tests.indexes.world import ORGANIZATION, World


async def search(world: World) -> Search:
    """A search service that has searched the first index, which has one document."""
    await world.indexes("old").ensure()
    await world.publish("a barge", "a lock")
    service = Search(world.database, world.indexing, world.vectors)
    assert await find(service, world, "a barge") == ["a barge", "a lock"]
    return service


async def find(service: Search, world: World, query: str) -> list[str]:
    """The texts that a search by meaning finds."""
    found = await service.find(Account(ORGANIZATION, world.agent), query, mode="vector", top_k=5)
    return [hit.text for hit in found]


async def test_a_document_of_after_the_swap_is_found_by_the_next_search(world: World) -> None:
    service = await search(world)
    await world.rebuild("new")
    await world.publish("a crane", name="b.txt")
    assert (await find(service, world, "a crane"))[0] == "a crane"
    world.models["old"].texts.clear()
    assert (await find(service, world, "a lock"))[0] == "a lock"
    assert not world.models["old"].texts, "the process assumes the new index from then on"


async def test_a_search_over_several_agents_uses_the_new_index_for_all(world: World) -> None:
    service = await search(world)
    await world.rebuild("new")
    await world.publish("a crane", name="b.txt")
    accounts = [Account(ORGANIZATION, world.agent)]
    agents = SeveralAgents(world.database, service)
    ranking = await agents.rank(accounts, "a crane", top_k=5, mode="hybrid", where=None)
    assert ranking.hits[0].hit.text == "a crane"


async def test_the_model_of_the_former_index_may_be_gone(world: World) -> None:
    service = await search(world)
    await world.rebuild("new")
    world.lacks.add("old")
    assert (await find(service, world, "a lock"))[0] == "a lock"


async def test_an_error_that_no_swap_explains_is_raised(world: World) -> None:
    service = await search(world)
    world.lacks.add("old")
    with pytest.raises(RetryLaterError):
        await find(service, world, "a lock")


async def test_a_search_takes_no_statement_to_learn_the_active_index(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await search(world)

    async def fail() -> None:
        raise AssertionError

    monkeypatch.setattr(world.vectors, "get_active", fail)
    assert await find(service, world, "a lock")
