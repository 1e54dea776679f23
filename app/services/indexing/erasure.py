"""Erasure: removes what is left of deleted documents: chunks, words, vectors, files, names, addresses and metadata.

A document's row stays as long as tasks refer to it, with ids and counts only. Each step can be repeated: a task that is
interrupted continues where it stopped. Steps are short, and a task returns its slot after some seconds.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from app.db.documents.chunks import REMOVED_AT_ONCE, count_chunks, remove_chunks
from app.db.documents.editions import hide_editions
from app.db.documents.erasure import (
    DeletedDocument,
    erase_documents,
    erase_origins,
    remove_editions,
    remove_uncounted_chunks,
)
from app.db.documents.staging import drop_document_staged
from app.db.engine import Database
from app.db.events.erasure import erase_events
from app.db.profiles.profiles import erase_quotes
from app.db.tenants.idempotency import erase_document_answers
from app.db.webhooks.erasure import erase_deliveries
from app.domain.counting import count_of
from app.domain.errors import DocumentBusyError, RetryLaterError
from app.domain.ports import BlobStore
from app.domain.tasks import Progress
from app.ledger.erase import (
    erase_addresses,
    erase_answers,
    erase_document_tasks,
    erase_failures,
    is_in_use,
)
from app.ledger.files import list_named_files
from app.services.indexing.vectors import Vectors
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import RunningAttempt

Item = TypeVar("Item")

_SLICE_SECONDS = 20.0
_WAIT_SECONDS = 1.0
_CHUNKS_AT_ONCE = 5_000
_FILES_AT_ONCE = 16


class Slice:
    """The seconds for which a task may hold its slot at a time."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _SLICE_SECONDS

    def check(self, status: str) -> None:
        """Return the slot when the time is up. The task continues after others.

        Raises:
            RetryLaterError
        """
        if time.monotonic() > self._until:
            raise RetryLaterError(f"{status}: continues after other tasks", retry_after=0.1)


class Erasure:
    """Removes what is left of deleted documents."""

    def __init__(self, database: Database, blobs: BlobStore, vectors: Vectors, after_commit: AfterCommit) -> None:
        self._database = database
        self._blobs = blobs
        self._vectors = vectors
        self._after_commit = after_commit

    async def erase(self, attempt: RunningAttempt, document: DeletedDocument) -> tuple[int, int]:
        """Erase a document of an agent that exists; returns the numbers of chunks and files.

        Raises:
            RetryLaterError: while another task of the document has not ended, or when the time of the slice is up.
            DocumentBusyError: when a process has added chunks in the meantime.
        """
        async with self._database.statement() as connection:
            if await is_in_use(connection, document.id):
                raise RetryLaterError("Waiting for other tasks of the document to end", retry_after=_WAIT_SECONDS)
        chunks = await self._remove_chunks(attempt, document)
        await self._vectors.sweep(document.id)
        files = await self._remove_files([document])
        await self._erase_names([document])
        async with self._database.statement() as connection:
            mentions = await erase_answers(connection, document.agent_id, [document.id])
            mentions += await erase_failures(connection, [document.id])
            await erase_origins(connection, document)
        async with self._database.transaction() as connection:
            await erase_quotes(connection, document.agent_id, [document.id])
        await self._after_commit.forget_states(mentions)
        async with self._database.statement() as connection:
            await erase_document_answers(connection, document.organization_id, document.id)
            if await count_chunks(connection, document.id):
                raise DocumentBusyError
            await erase_documents(connection, [document.id])
        return chunks, files

    async def _remove_chunks(self, attempt: RunningAttempt, document: DeletedDocument) -> int:
        """Remove all chunks of a document, a batch a transaction; returns how many there were."""
        total, removed, time_slice = 0, REMOVED_AT_ONCE, Slice()
        async with self._database.statement() as connection:
            await drop_document_staged(connection, [document.id])
        while removed == REMOVED_AT_ONCE:
            async with self._database.transaction() as connection:
                removed = await remove_chunks(connection, document.id)
            total += removed
            status = f"Removed {count_of(total, 'chunk')} of document {document.id}"
            await attempt.report(Progress("remove", 50, status))
            time_slice.check(status)
        return total

    async def erase_of_deleted_agent(self, documents: Sequence[DeletedDocument]) -> None:
        """Erase documents of a deleted agent. The counts of the agent's words stay until all are deleted at once."""
        ids = [document.id for document in documents]
        async with self._database.statement() as connection:
            await drop_document_staged(connection, ids)
            while await remove_uncounted_chunks(connection, ids, _CHUNKS_AT_ONCE) == _CHUNKS_AT_ONCE:
                pass
            await hide_editions(connection, ids)
            remote = await remove_editions(connection, ids)
        await _for_each(remote, self._vectors.sweep)
        await self._remove_files(documents)
        await self._erase_names(documents)
        async with self._database.statement() as connection:
            await erase_documents(connection, ids)

    async def _remove_files(self, documents: Sequence[DeletedDocument]) -> int:
        """Delete the files of documents, also those of versions that were never published; returns how many."""
        async with self._database.statement() as connection:
            named = await list_named_files(connection, [document.id for document in documents])
        keys = named | {document.blob_key for document in documents if document.blob_key}
        await _for_each(keys, self._blobs.delete)
        return len(keys)

    async def _erase_names(self, documents: Sequence[DeletedDocument]) -> None:
        """Remove names, addresses and messages from ended tasks of documents, results, events and deliveries."""
        ids = [document.id for document in documents]
        urls = [document.source_url for document in documents if document.source_url]
        async with self._database.statement() as connection:
            await erase_addresses(connection, ids, urls)
            erased = await erase_document_tasks(connection, ids)
            await erase_events(connection, ids)
            await erase_deliveries(connection, ids)
        await self._after_commit.forget_states([task.id for task in erased])


async def _for_each(items: Iterable[Item], act: Callable[[Item], Awaitable[object]]) -> None:
    """Call ``act`` for each item, some at a time. The first error ends it; no call goes on afterwards."""
    waiting = iter(items)

    async def run() -> None:
        for item in waiting:
            await act(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_FILES_AT_ONCE):
                group.create_task(run())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
