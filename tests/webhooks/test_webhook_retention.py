"""What of deliveries goes: names when their document is deleted, and everything after the retention time."""

import json

from app.db.webhooks.deliveries import forget_deliveries
from app.db.webhooks.erasure import erase_agent_deliveries, erase_deliveries
from tests.web_server import answer
from tests.webhooks.receiver import receive
from tests.webhooks.world import ORGANIZATION, World

DAY = 86_400.0
NAMES = {"filename": "secret plans.pdf", "metadata": {"for": "Ada"}, "error": {"code": "x", "message": "plans"}}


async def test_the_log_of_a_deleted_document_has_no_names_left(world: World) -> None:
    with receive() as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.emit("document.completed", document_id=7, data={"document_id": 7, **NAMES})
        await world.emit("document.completed", document_id=8, data={"document_id": 8, **NAMES})
        await world.run()
    for _ in range(2):
        async with world.database.statement() as connection:
            await erase_deliveries(connection, [7])
    erased, kept = [json.loads(delivery.body) for delivery in await world.list(webhook.id)]
    message = {"code": "x", "message": "The document is deleted."}
    assert erased["data"] == {"document_id": 7, "filename": None, "metadata": None, "error": message}
    assert (erased["id"], erased["type"], erased["position"]) == ("evt_1", "document.completed", 1)
    assert kept["data"] == {"document_id": 8, **NAMES}


async def test_the_log_of_a_deleted_agent_has_no_names_left(world: World) -> None:
    with receive() as receiver:
        webhook, _ = await world.register(receiver.url())
        for agent in (7, 7, 7, 8):
            await world.emit("task.succeeded", agent_id=agent, data=NAMES)
        await world.run()
    async with world.database.statement() as connection:
        assert [await erase_agent_deliveries(connection, 7, 2) for _ in range(3)] == [2, 1, 0]
    names = [json.loads(delivery.body)["data"]["filename"] for delivery in await world.list(webhook.id)]
    assert names == [None, None, None, "secret plans.pdf"]


async def test_old_deliveries_are_forgotten_a_batch_at_a_time_but_not_pending_ones(world: World) -> None:
    with receive(default=answer(status="500 Oops")) as failing, receive() as receiver:
        webhook, _ = await world.register(receiver.url())
        broken, _ = await world.register(failing.url())
        await world.emit(*["task.succeeded"] * 5)
        await world.run()
        await world.let_pass(3 * DAY)
        await world.emit("task.succeeded")
        await world.run()
    async with world.database.statement() as connection:
        assert await forget_deliveries(connection, ORGANIZATION + 1, 2, 10) == 0
        counts = [await forget_deliveries(connection, ORGANIZATION, 2, 2) for _ in range(4)]
    assert sum(counts) == 5
    assert [delivery.position for delivery in await world.list(webhook.id)] == [6]
    assert len(await world.list(broken.id)) == 6
