"""The migration that adds word segments records the chunks that exist, and those that are written later."""

import sqlalchemy as sa
from alembic import command
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.schema import _config, migrate
from app.db.search.word_segments import maintain_word_segments
from app.ledger.upkeep import claim_chore
from tests.db.library import Library


async def test_existing_and_new_chunks_are_recorded_and_found_through_segments(
    engine: AsyncEngine, library: Library
) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "an old gate", "an old lock")
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), "20261129_13"))
    await migrate(engine)
    await library.add_document(agent_id, "a new gate")
    async with engine.connect() as connection:
        recorded = await connection.scalar(sa.text("SELECT sum(cardinality(ordinals)) FROM unsegmented_chunks"))
    assert recorded == 3
    assert await maintain_word_segments(library.database, large=1) == 1
    assert {hit.text for hit in await library.find(agent_id, "gate")} == {"an old gate", "a new gate"}


async def test_upkeep_may_claim_the_chore_of_segments(library: Library) -> None:
    async with library.database.statement() as connection:
        assert await claim_chore(connection, "words", 10)
        assert not await claim_chore(connection, "words", 10)
