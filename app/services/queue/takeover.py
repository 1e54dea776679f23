"""Which task decides the status of a document."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents import set_indexing_task
from app.domain.tasks import INDEXING, Task


async def take_over(connection: AsyncConnection, tasks: Sequence[Task]) -> None:
    """Let tasks that run again decide the status of their documents, where that is their work."""
    for task in tasks:
        if task.document_id is not None and task.name in INDEXING:
            await set_indexing_task(connection, task.document_id, task.id)
