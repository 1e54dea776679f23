"""Changes, replays, sweeps and deliveries at the same time: nothing is lost, and no transaction waits for another."""

import asyncio
import random

import structlog.testing

from app.domain.errors import ConflictError, TransactionConflictError
from app.domain.webhooks import DeliveryStatus
from tests.web_server import answer
from tests.webhooks.receiver import receive
from tests.webhooks.world import ORGANIZATION, World

EVENTS = 120


async def test_everything_at_once_delivers_each_event_and_deadlocks_nowhere(world: World) -> None:
    choices = random.Random(7)  # noqa: S311 - a reproducible test
    flaky = [answer(status="500 Oops") if choices.random() < 0.3 else answer(b"ok") for _ in range(EVENTS)]
    with receive(*flaky) as first, receive() as second, structlog.testing.capture_logs() as logs:
        webhooks = [(await world.register(receiver.url()))[0] for receiver in (first, second)]
        changing = asyncio.create_task(_change(world, webhooks[0].id, choices))
        for _ in range(EVENTS // 10):
            await world.emit(*["document.completed"] * 10, document_id=choices.randrange(1, 5))
            await world.run()
            await world.let_pass(1000)
        await changing
        await world.webhooks.update(ORGANIZATION, webhooks[0].id, enabled=True)
        for status in (DeliveryStatus.HELD, DeliveryStatus.FAILED):
            await world.deliveries.replay_all(ORGANIZATION, webhooks[0].id, world.filter(status=status))
        for _ in range(12):
            await world.run()
            await world.let_pass(90_000)
    for webhook, receiver in zip(webhooks, (first, second), strict=True):
        deliveries = await world.list(webhook.id)
        assert {delivery.status for delivery in deliveries} == {"delivered"}
        assert {delivery.message_id for delivery in deliveries} <= set(receiver.events)
    assert len(await world.list(webhooks[1].id)) == EVENTS
    assert len(second.messages) == EVENTS
    assert [entry for entry in logs if "deadlock" in str(entry) or entry["log_level"] == "error"] == []


async def _change(world: World, webhook: int, choices: random.Random) -> None:
    """Disable, enable, replay and sweep for as long as a few hundred such calls take."""
    for _ in range(60):
        try:
            if choices.random() < 0.3:
                await world.webhooks.update(ORGANIZATION, webhook, enabled=choices.random() < 0.7)
            else:
                await world.deliveries.replay_all(ORGANIZATION, webhook, world.filter(status=DeliveryStatus.HELD))
            await world.sending.sweep()
        except ConflictError:
            pass
        except TransactionConflictError as error:
            raise AssertionError(error.__cause__) from error
        await asyncio.sleep(0)
