"""Versions: new content for a document, which replaces the present one when its task publishes it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.content_keys import NewContent, ReplacedDocument, expect_content, find_replaced
from app.db.documents.documents import lock_documents, merge_metadata, set_indexing_task
from app.domain.records import Content
from app.domain.tasks import NewTask, Task
from app.ledger.cancel import cancel_all
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
    file = NewContent(content.sha256, content.filename)
    document_id = (await take_over(connection, task.organization_id, task.agent_id, [file])).get(file)
    if document_id is None:
        return None
    await merge_metadata(connection, document_id, metadata)
    submitted = await submit(
        connection,
        replace(task, document_id=document_id, arguments={**task.arguments, "content": content.as_json()}),
    )
    await set_indexing_task(connection, document_id, submitted.id)
    return submitted


async def take_over(
    connection: AsyncConnection, organization_id: int, agent_id: int, files: Sequence[NewContent]
) -> dict[NewContent, int]:
    """Find and lock the document that each file replaces: the agent's document with its bytes, or else with its name.

    Cancels the documents' active tasks, and lets them have the names and the content keys of the files from now on.
    Locks the tasks first: a task that ends locks its own row, then its document's. The number of statements does not
    grow with the number of files.

    Args:
        connection: The transaction that holds the locks. It has taken ``lock_filenames``, so that no other one submits
            a task for a document in between.
        organization_id: The agent's organization.
        agent_id: The agent.
        files: Files of which no two have the same bytes or the same name.

    Returns:
        The id of the document that each file replaces; no entry for the others.
    """
    if seen := await find_replaced(connection, organization_id, agent_id, files):
        await lock_document_tasks(connection, [document.id for document in seen.values()])
        await lock_documents(connection, [document.id for document in seen.values()])
    replaced = await find_replaced(connection, organization_id, agent_id, files)
    if replaced:
        await lock_documents(connection, [document.id for document in replaced.values()])
        for documents in _split_by_content(replaced.values()):
            await cancel_document_tasks(connection, organization_id, documents)
        await expect_content(connection, replaced)
    return {file: document.id for file, document in replaced.items()}


def _split_by_content(documents: Iterable[ReplacedDocument]) -> list[list[int]]:
    """Lists of documents such that those in a list have different contents; usually there is one list.

    A cancel returns a document's key to its present content, and no two documents of an agent have the same key.
    """
    lists, seen = list[list[int]](), Counter[bytes | int]()
    for document in documents:
        content = document.sha256 or document.id
        if seen[content] == len(lists):
            lists.append([])
        lists[seen[content]].append(document.id)
        seen[content] += 1
    return lists


async def cancel_document_tasks(
    connection: AsyncConnection, organization_id: int, document_ids: Sequence[int]
) -> list[Task]:
    """Cancel the waiting and running tasks of documents; returns them as they are afterwards.

    The caller submits tasks in their place, so they will not run again: the new content that they carry is discarded.
    """
    active = await list_active_tasks(connection, document_ids)
    ended = await cancel_all(connection, [task.id for task in active], organization_id) if active else []
    await discard_files(connection, [content.blob_key for task in ended if (content := read_content(task))])
    return ended
