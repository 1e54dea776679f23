"""An index can be searched before it becomes active, so that it can be compared with the active one."""

from app.domain.tasks import TaskName
from app.domain.vectors import Account
from app.services.search.search import Search
from tests.indexes.world import ORGANIZATION, World


async def test_an_index_that_is_being_built_is_searched_on_request_while_others_search_the_active_one(
    world: World,
) -> None:
    await world.indexes("old").ensure()
    await world.publish("a barge", "a lock")
    building = await world.begin("new")
    search = Search(world.database, world.indexing, world.vectors)
    account = Account(ORGANIZATION, world.agent)
    assert not await search.find(account, "a barge", mode="vector", top_k=5, index=building), "it has no vectors yet"
    await world.reembedding.advance()
    await world.run_tasks(TaskName.REEMBED_DOCUMENT)
    world.models["new"].texts.clear()
    hits = await search.find(account, "a barge", mode="vector", top_k=5, index=building)
    assert hits[0].text == "a barge"
    assert world.models["new"].texts == ["a barge"], "the question's vector is of the same model"
    assert (await world.vectors.get_active()).id != building.id
