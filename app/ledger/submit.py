"""Submit: a task enters as PENDING, in the transaction that writes what it is about."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import tasks
from app.domain.tasks import NewTask, Task
from app.ledger.statement import fetch_tasks

_INSERT = insert(tasks).returning(*tasks.c)


async def submit(connection: AsyncConnection, task: NewTask) -> Task:
    """Insert ``task``. The caller commits, then admits."""
    rows = await fetch_tasks(
        connection,
        _INSERT,
        id=task.id,
        organization_id=task.organization_id,
        agent_id=task.agent_id,
        document_id=task.document_id,
        name=task.name.value,
        queue=task.queue.value,
        arguments=dict(task.arguments),
        metadata=dict(task.metadata),
    )
    return rows[0]
