"""Which events become deliveries, in which order they are sent, and how a receiver that is down delays no other."""

import asyncio

import pytest

from tests.web_server import answer, stall
from tests.webhooks.receiver import receive
from tests.webhooks.world import ORGANIZATION, World

DAY = 86_400.0


async def test_a_webhook_gets_the_events_of_its_types_and_agents_and_no_others(world: World) -> None:
    with receive() as receiver:
        everything, _ = await world.register(receiver.url("/all"))
        tasks, _ = await world.register(receiver.url("/tasks"), "task.*", agent_ids=None)
        exact, _ = await world.register(receiver.url("/exact"), "document.completed", "document.deleted")
        await world.register(receiver.url("/off"), enabled=False)
        first = await world.emit("task.succeeded", "document.completed", "document.completed_later", "tasks.other")
        await world.run()
        paths: dict[str, list[str]] = {"/all": [], "/tasks": [], "/exact": []}
        for message in receiver.messages:
            paths[message.path].append(message.event["type"])
    assert sorted(paths["/all"]) == ["document.completed", "document.completed_later", "task.succeeded", "tasks.other"]
    assert (paths["/tasks"], paths["/exact"]) == (["task.succeeded"], ["document.completed"])
    [sent] = await world.list(exact.id)
    assert (sent.message_id, sent.position) == (f"evt_{first + 1}", 2)
    assert len(await world.list(everything.id)) == 4
    assert len(await world.list(tasks.id)) == 1


async def test_an_event_of_another_organization_or_of_another_agent_is_not_sent(world: World) -> None:
    await world.fetch("INSERT INTO organizations (name, events_until) VALUES ('Other', 'infinity')")
    agent = await world.make_agent()
    with receive() as receiver:
        webhook, _ = await world.register(receiver.url(), agent_ids=[agent])
        await world.emit("task.succeeded", organization_id=2)
        await world.emit("task.succeeded", agent_id=None)
        await world.emit("task.succeeded", agent_id=agent + 1)
        await world.emit("task.succeeded", agent_id=agent)
        await world.run()
        assert len(receiver.messages) == 1
    assert len(await world.list(webhook.id)) == 1


async def test_events_of_one_document_arrive_in_order_and_one_after_the_other(world: World) -> None:
    with receive() as receiver:
        await world.register(receiver.url())
        for number in range(12):
            await world.emit("document.completed", document_id=7, data={"number": number})
        await world.emit("document.completed", document_id=8, data={"number": 100})
        queued = await world.fetch(
            "SELECT position FROM webhook_deliveries WHERE task_id IS NOT NULL ORDER BY position"
        )
        assert [row.position for row in queued] == [1, 13]
        await world.run()
        numbers = [message.event["data"]["number"] for message in receiver.messages]
    assert [number for number in numbers if number < 100] == list(range(12))


async def test_the_next_event_of_a_document_waits_for_the_first_attempt_only(world: World) -> None:
    with receive(answer(status="500 Oops")) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.emit("document.completed", document_id=7)
        await world.emit("document.replaced", document_id=7)
        await world.run()
        await world.let_pass(20)
        await world.run()
        assert {delivery.status for delivery in await world.list(webhook.id)} == {"delivered"}
        positions = [message.event["position"] for message in receiver.messages]
    assert positions[0] == 1
    assert sorted(positions) == [1, 1, 2]


async def test_a_receiver_that_is_down_for_a_day_gets_every_event_and_has_few_tasks(world: World) -> None:
    with receive(default=answer(status="503 Down")) as down, receive() as up:
        failing, secret = await world.register(down.url())
        healthy, _ = await world.register(up.url())
        for _ in range(10):
            await world.emit(*["document.completed"] * 10)
        await world.run()
        assert len(set(up.events)) == 100
        most = 0
        for _ in range(24):
            await world.let_pass(DAY / 24)
            await world.run()
            [row] = await world.fetch("SELECT count(*) AS n FROM tasks WHERE completed_at IS NULL")
            most = max(most, row.n)
        assert most <= 40
        assert len(down.messages) < 150
        assert (await world.get(failing)).enabled
        down.default = answer(b"back")
        down.messages.clear()
        for _ in range(3):
            await world.let_pass(DAY)
            await world.run()
        for message in down.messages:
            assert message.verify(secret)["id"] == message.id
        assert len(set(down.events)) == 100
    for webhook in (failing, healthy):
        assert {delivery.status for delivery in await world.list(webhook.id)} == {"delivered"}


async def test_a_receiver_that_stalls_holds_no_slot_and_delays_no_other(world: World) -> None:
    with receive(default=stall) as slow, receive() as up:
        stalling, _ = await world.register(slow.url())
        healthy, _ = await world.register(up.url())
        await world.emit(*["document.completed"] * 40)
        running = asyncio.create_task(world.run())
        for _ in range(200):
            if len(up.messages) == 40:
                break
            await asyncio.sleep(0.05)
        assert len(up.messages) == 40
        assert len(await world.list(healthy.id, status="delivered")) > 0
        await running
    assert (await world.get(stalling)).failures > 0


async def test_positions_and_deliveries_are_written_together_and_once(world: World) -> None:
    with receive() as receiver:
        webhook, _ = await world.register(receiver.url())
        event = await world.emit("task.succeeded")
        with pytest.raises(ZeroDivisionError):
            await world.emit("task.failed", breaks=True)
        assert len(await world.list(webhook.id)) == 1
        await world.sequencer.advance()
        await world.run()
        assert sorted((message.id, message.event["position"]) for message in receiver.messages) == [
            (f"evt_{event}", 1),
            (f"evt_{event + 1}", 2),
        ]


async def test_a_cancelled_delivery_is_failed_and_can_be_replayed(world: World) -> None:
    with receive(answer(status="500 Oops")) as receiver:
        webhook, _ = await world.register(receiver.url())
        await world.emit("task.succeeded")
        await world.run()
        await world.cancel_tasks()
        await world.let_pass(60)
        [delivery] = await world.list(webhook.id)
        assert delivery.status == "failed"
        assert await world.deliveries.count(ORGANIZATION, webhook.id, world.filter(event="task.succeeded")) == 1
        assert await world.deliveries.replay_all(ORGANIZATION, webhook.id, world.filter(status=delivery.status)) == 1
        await world.let_pass(60)
        await world.run()
        assert [message.id for message in receiver.messages] == [delivery.message_id] * 2
    [delivery] = await world.list(webhook.id)
    assert (delivery.status, delivery.attempts, len(delivery.log)) == ("delivered", 1, 2)
