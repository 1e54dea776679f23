"""Callback URLs of a server that is gone: what waits for it ends, and its row is locked in the order of all rows."""

import asyncio

from app.db.webhooks.webhooks import lock_webhooks
from tests.web_server import answer
from tests.webhooks.receiver import receive
from tests.webhooks.world import ORGANIZATION, World

DAY = 86_400


async def test_callbacks_that_wait_for_a_server_that_is_gone_are_held_after_days_and_can_be_replayed(
    world: World,
) -> None:
    with receive(default=answer(status="500 Oops")) as receiver:
        await world.emit(*["task.succeeded"] * 40, callback_url=receiver.url("/done"))
        await world.run()
        await world.let_pass(6 * DAY)
        await world.emit("task.succeeded", callback_url=receiver.url("/new"))
        await world.run()
        log = await world.list("callbacks")
        assert {delivery.status for delivery in log[8:40]} == {"held"}
        assert log[40].status == "pending"
        receiver.default = answer(b"ok")
        assert await world.deliveries.replay_all(ORGANIZATION, "callbacks", world.filter(status="held")) == 32
        for _ in range(12):
            await world.let_pass(DAY)
            await world.run()
        assert {delivery.status for delivery in await world.list("callbacks")} == {"delivered"}


async def test_the_sequencer_locks_webhooks_and_servers_of_callbacks_in_the_order_of_ids(world: World) -> None:
    with receive() as receiver:
        await world.emit("task.succeeded", callback_url=receiver.url("/first"))
        [called] = await world.fetch("SELECT id FROM webhooks")
        webhook, _ = await world.register(receiver.url())
        assert called.id < webhook.id
        async with world.database.transaction() as connection:
            await lock_webhooks(connection, [called.id])
            emitting = asyncio.create_task(world.emit("task.succeeded", callback_url=receiver.url("/second")))
            while not await world.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):
                assert not emitting.done()
            await lock_webhooks(connection, [called.id, webhook.id])
        await emitting
        await world.run()
        assert sorted(message.path for message in receiver.messages) == ["/", "/first", "/second"]
