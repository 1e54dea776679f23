"""Webhooks while nothing happens."""

from sqlalchemy.ext.asyncio import AsyncEngine

from tests.round_trips import record_sent
from tests.webhooks.world import World


async def test_a_supervisor_looks_for_forgotten_deliveries_rarely(engine: AsyncEngine, world: World) -> None:
    with record_sent(engine) as sent:
        for _ in range(10):
            await world.sending.sweep_if_due()
    assert sum("chores" in statement for statement in sent) == 1, sent
