"""Versions: new content for a document, which replaces the present one when its task publishes it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.content_keys import expect_content
from app.db.documents import find_replaced, merge_metadata, set_indexing_task
from app.domain.records import Content, Document
from app.domain.tasks import NewTask, Task
from app.ledger.cancel import cancel
from app.ledger.files import discard_files
from app.ledger.read import list_active_tasks, lock_document_tasks
from app.ledger.submit import submit
from app.services.indexing.publication import read_content


async def replace_content(
    connection: AsyncConnection, task: NewTask, content: Content, metadata: Mapping[str, Any]
) -> Task | None:
    """Submit a task that replaces the content of a document of the same bytes, or else of the same name.

    Search finds the old content until that task publishes the new one. Other active tasks of the document are
    cancelled. Call it within a transaction.

    Args:
        connection: The transaction, which has taken ``lock_filenames``.
        task: The task to submit, without its document.
        content: The new content, already in storage.
        metadata: Merged into the document's metadata.

    Returns:
        The submitted task, or None when the agent has no such document.
    """
    document = await take_over(connection, task.organization_id, task.agent_id, content.sha256, content.filename)
    if document is None:
        return None
    await merge_metadata(connection, document.id, metadata)
    submitted = await submit(
        connection,
        replace(task, document_id=document.id, arguments={**task.arguments, "content": content.as_json()}),
    )
    await set_indexing_task(connection, document.id, submitted.id)
    return submitted


async def take_over(
    connection: AsyncConnection, organization_id: int, agent_id: int, sha256: bytes, filename: str
) -> Document | None:
    """Find and lock the document that a file replaces: the agent's document with these bytes, or else with this name.

    Cancels the document's active tasks, and lets it have the name and the content key of the new content from now on.
    Locks the tasks first: a task that ends locks its own row, then its document's.

    Args:
        connection: The transaction that holds the locks. It has taken ``lock_filenames``, so that no other one submits
            a task for the document in between.
        organization_id: The agent's organization.
        agent_id: The agent.
        sha256: The digest of the new content.
        filename: The name of the new content.
    """
    criteria = (connection, organization_id, agent_id, sha256, filename)
    if seen := await find_replaced(*criteria, lock=False):
        await lock_document_tasks(connection, seen.id)
    document = await find_replaced(*criteria, lock=True)
    if document:
        await cancel_document_tasks(connection, document)
        await expect_content(connection, document.id, sha256, filename)
    return document


async def cancel_document_tasks(connection: AsyncConnection, document: Document) -> list[Task]:
    """Cancel the waiting and running tasks of a document; returns them as they are afterwards.

    The caller submits a task in their place, so they will not run again: the new content that they carry is discarded.
    """
    active = await list_active_tasks(connection, document_id=document.id)
    cancelled = [await cancel(connection, task.id, document.organization_id) for task in active]
    ended = [task for task in cancelled if task]
    await discard_files(connection, [content.blob_key for task in ended if (content := read_content(task))])
    return ended
