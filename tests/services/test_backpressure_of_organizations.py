"""Another organization's agent is not found, also while it is busy: a refusal would reveal it."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.errors import BacklogFullError
from app.services.intake.backpressure import Backpressure

_ADD = text("""
    WITH agent AS (INSERT INTO agents (organization_id, name, slug) VALUES (1, 'Busy', 'busy') RETURNING id)
    INSERT INTO tasks (id, organization_id, agent_id, name, queue)
    SELECT gen_random_uuid(), 1, agent.id, 'process_document', 'low_priority' FROM agent RETURNING agent_id
""")


async def test_only_the_organization_of_an_agent_is_told_that_it_is_busy(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        agent: int = (await connection.execute(_ADD)).scalar_one()
        other = (
            await connection.execute(text("INSERT INTO organizations (name) VALUES ('B') RETURNING id"))
        ).scalar_one()
    backpressure = Backpressure(Database(engine), max_waiting=1)
    with pytest.raises(BacklogFullError):
        await backpressure.check_of(1, agent)
    await backpressure.check_of(other, agent)
    with pytest.raises(BacklogFullError):
        await backpressure.check_of(1, agent)
