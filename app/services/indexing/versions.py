"""Versions: new content for a document that is there, swapped in when it is whole."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents import find_replaced, merge_metadata, set_indexing_task
from app.domain.records import Content, Document
from app.domain.tasks import NewTask, Task, TaskName
from app.ledger.cancel import cancel
from app.ledger.read import list_active_tasks, lock_document_tasks
from app.ledger.submit import submit


async def replace_content(
    connection: AsyncConnection, task: NewTask, content: Content, metadata: Mapping[str, Any]
) -> Task | None:
    """Submit ``task`` to give its agent's document of the same bytes, or else of the same name, new content.

    Search finds the old content until the task has put the new in its place. What else was at work on the document is
    cancelled. None, and nothing submitted, when there is no such document. Within a transaction.
    """
    document = await hold_replaced(connection, task.organization_id, task.agent_id, content.sha256, content.filename)
    if document is None:
        return None
    await cancel_work(connection, document)
    await merge_metadata(connection, document.id, metadata)
    submitted = await submit(
        connection,
        replace(task, document_id=document.id, arguments={**task.arguments, "content": content.as_json()}),
    )
    await set_indexing_task(connection, document.id, submitted.id)
    return submitted


async def hold_replaced(
    connection: AsyncConnection, organization_id: int, agent_id: int, sha256: bytes, filename: str
) -> Document | None:
    """The agent's document with these bytes, else the latest of this name; held until the transaction ends.

    The tasks at work on it are held first: one that ends holds its own row, then its document's.
    """
    whose = (connection, organization_id, agent_id, sha256, filename)
    if seen := await find_replaced(*whose, lock=False):
        await lock_document_tasks(connection, seen.id)
    return await find_replaced(*whose, lock=True)


async def cancel_work(connection: AsyncConnection, document: Document) -> list[Task]:
    """Cancel whatever is at work on a document or waits for it; returns those tasks as they stand then."""
    active = await list_active_tasks(connection, document_id=document.id)
    cancelled = [await cancel(connection, task.id, document.organization_id) for task in active]
    return [task for task in cancelled if task]


def read_content(task: Task) -> Content | None:
    """The content that a task is to put in place of a document's."""
    given = task.arguments.get("content")
    return Content.from_json(given) if given else None


def page_key(task_id: UUID, attempt: int) -> str:
    """Where the page that an attempt of a task reads is stored."""
    return f"{task_id.hex[-2:]}/{task_id.hex}-page-{attempt}"


def list_blobs(tasks: Sequence[Task]) -> set[str]:
    """The blobs that tasks hold for documents, whether they came to put them in place or not."""
    given = {content.blob_key for task in tasks if (content := read_content(task))}
    pages = [task for task in tasks if task.name == TaskName.PROCESS_WEBPAGE]
    return given | {page_key(task.id, attempt) for task in pages for attempt in range(1, task.attempt + 1)}
