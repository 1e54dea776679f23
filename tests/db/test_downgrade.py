"""A database with data goes back to the schema of the former version, and forward again."""

import sqlalchemy as sa
from alembic import command
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.schema import _config, find_differences, migrate
from app.db.tenants.identities import get_default_organization
from app.db.tenants.organizations import ensure_internal_agent
from app.domain.tasks import NewTask, Queue, TaskName
from app.ledger.submit import submit, submit_once

_BEFORE = "20261130_05"
_ROWS = (
    "INSERT INTO agents (organization_id, name, slug) SELECT id, 'a', 'a' FROM organizations",
    """
    INSERT INTO documents (organization_id, agent_id, filename, media_type, status, counted_bytes)
    SELECT organization_id, id, 'a.txt', 'text/plain', 'completed', 7 FROM agents WHERE NOT internal
    """,
    "INSERT INTO events (organization_id, type) SELECT id, 'report.usage' FROM organizations",
    "INSERT INTO usage_records (organization_id, agent_id, kind) SELECT organization_id, id, 'search' FROM agents",
    "INSERT INTO audit_entries (organization_id, actor, action) SELECT id, 'sk', 'create_agent' FROM organizations",
    "INSERT INTO webhooks (organization_id, url) SELECT id, 'https://example.com/' FROM organizations",
    """
    INSERT INTO webhook_deliveries (organization_id, webhook_id, message_id, event, body)
    SELECT organization_id, id, 'evt_1', 'report.usage', '{}' FROM webhooks
    """,
    "INSERT INTO customer_profiles (organization_id, agent_id, name) SELECT organization_id, id, 'A' FROM agents",
    "INSERT INTO agent_rows (task_id, line) SELECT id, 1 FROM tasks",
)


async def add_task(connection: AsyncConnection) -> int:
    """Submit a task of the organization itself; returns its agent."""
    organization_id = await get_default_organization(connection)
    agent_id = await ensure_internal_agent(connection, organization_id)
    task = NewTask(organization_id, agent_id, TaskName.SUM_USAGE, Queue.DEFAULT)
    assert await submit_once(connection, task, "usage:2026-11-30T10")
    return agent_id


async def test_a_database_with_data_goes_back_and_forward_again(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        former = await add_task(connection)
        for statement in _ROWS:
            await connection.execute(sa.text(statement))
        agent_id = await connection.scalar(sa.text("SELECT id FROM agents WHERE NOT internal"))
        await submit(connection, NewTask(1, agent_id, TaskName.PROCESS_DOCUMENT, Queue.HIGH))
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), _BEFORE))
        visible = (await connection.execute(sa.text("SELECT id FROM agents WHERE deleted_at IS NULL"))).scalars().all()
        assert visible == [agent_id]
        names = (await connection.execute(sa.text("SELECT name FROM tasks"))).scalars().all()
        assert names == [TaskName.PROCESS_DOCUMENT]
    await migrate(engine)
    assert await find_differences(engine) == []
    async with engine.begin() as connection:
        assert await add_task(connection) != former
        assert await connection.scalar(sa.text("SELECT count(*) FROM documents")) == 1
