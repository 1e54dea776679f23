"""Callback URLs: one delivery for the end of a job, signed with the organization's secret."""

from tests.web_server import answer
from tests.webhooks.receiver import receive
from tests.webhooks.world import ORGANIZATION, World


async def test_the_end_of_a_job_is_sent_once_to_its_callback_url(world: World) -> None:
    with receive() as receiver:
        for name in ("task.succeeded", "task.failed", "task.cancelled"):
            await world.emit(name, callback_url=receiver.url(f"/done?job={name}"), document_id=7)
        await world.emit("document.completed", callback_url=receiver.url("/no"), document_id=7)
        await world.run()
        [current] = await world.webhooks.list_callback_secrets(ORGANIZATION)
        assert [message.path.partition("=")[2] for message in receiver.messages] == [
            "task.succeeded",
            "task.failed",
            "task.cancelled",
        ]
        for message in receiver.messages:
            assert message.verify(current.secret)["id"] == message.id
    log = await world.list("callbacks")
    assert [delivery.status for delivery in log] == ["delivered"] * 3
    assert log[0].url == receiver.url("/done?job=task.succeeded")
    listing = await world.webhooks.list(ORGANIZATION, limit=10, after=None)
    assert listing.items == []


async def test_an_organization_without_webhooks_pays_for_callbacks_only(world: World) -> None:
    with receive() as receiver:
        await world.emit("task.succeeded", callback_url=receiver.url("/a"))
        await world.run()
        assert len(receiver.messages) == 1
    [row] = await world.fetch("SELECT events_until FROM organizations WHERE id = 1")
    assert row.events_until is None


async def test_a_callback_is_sent_in_addition_to_a_webhook_and_410_ends_only_its_own_delivery(world: World) -> None:
    with receive(answer(status="410 Gone")) as called, receive() as receiver:
        webhook, _ = await world.register(receiver.url())
        for path in ("/gone", "/there"):
            await world.emit("task.succeeded", callback_url=called.url(path), document_id=7)
        await world.run()
        assert [message.path for message in called.messages] == ["/gone", "/there"]
        assert len(receiver.messages) == 2
    assert [delivery.status for delivery in await world.list("callbacks")] == ["failed", "delivered"]
    assert (await world.get(webhook)).enabled


async def test_a_failed_callback_is_retried_and_can_be_replayed(world: World) -> None:
    with receive(*[answer(status="500 Oops")] * 2) as receiver:
        await world.emit("task.failed", callback_url=receiver.url("/done"))
        await world.run()
        await world.let_pass(10)
        await world.run()
        [waiting] = await world.list("callbacks")
        assert (waiting.status, waiting.attempts) == ("pending", 2)
        await world.let_pass(400)
        await world.run()
        [delivered] = await world.list("callbacks")
        assert (delivered.status, delivered.attempts) == ("delivered", 3)
        assert await world.deliveries.replay_all(ORGANIZATION, "callbacks", world.filter()) == 1
        await world.run()
        assert len({message.id for message in receiver.messages}) == 1
        assert len(receiver.messages) == 4


async def test_a_callback_to_an_internal_host_is_not_sent_whatever_the_task_says(world: World) -> None:
    for url in ("http://10.0.0.1/", "ftp://example.com/", "nonsense"):
        await world.emit("task.succeeded", callback_url=url)
    await world.run()
    [refused] = await world.list("callbacks")
    assert (refused.url, refused.status, refused.log[0]["status"]) == ("http://10.0.0.1/", "pending", None)
