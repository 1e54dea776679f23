"""Batches: many files in one request become a parent task with a child for each file."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.db.engine import Database, repeats_on_conflict
from app.domain.counting import count_of
from app.domain.documents import OnDuplicate
from app.domain.errors import EmptyFileError, MissingFileError, NotFoundError, TooManyFilesError, UnsupportedTypeError
from app.domain.limits import Need
from app.domain.ports import BlobStore
from app.domain.tasks import NewTask, Queue, Task, TaskName, name_callback
from app.ledger.children import insert_parent
from app.services.intake.archive_entries import (
    Entry,
    describe_entry,
    describe_failure,
    list_unused_blobs,
    submit_entries,
)
from app.services.intake.backpressure import Backpressure
from app.services.intake.uploads import IncomingFile, Uploads
from app.services.queue.after_commit import AfterCommit

_CONCURRENT_FILES = 8


@dataclass(frozen=True, slots=True)
class Batch:
    """The options of a batch, which apply to each of its files."""

    organization_id: int
    agent_id: int
    metadata: Mapping[str, Any]
    queue: Queue | None = None
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    callback_url: str | None = None
    """Receives the end of the batch, not those of its files."""


@dataclass(slots=True)
class IncomingFiles:
    """The files of a batch while they are received."""

    uploads: Uploads
    max_files: int
    files: list[tuple[str, IncomingFile]] = field(default_factory=list)

    async def begin(self, filename: str) -> None:
        """Begin the next file.

        Raises:
            TooManyFilesError: when the batch has the largest number of files already.
        """
        if len(self.files) == self.max_files:
            raise TooManyFilesError(f"The limit is {count_of(self.max_files, 'file')}.")
        if self.files:
            await self.files[-1][1].seal()  # so that only one file has bytes buffered in memory
        self.files.append((filename or "unnamed", await self.uploads.open()))

    async def write(self, data: bytes) -> None:
        """Write the next bytes of the file that began last. Raises as ``IncomingFile.write`` does."""
        await self.files[-1][1].write(data)


class Batches:
    """Receives and submits batches."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        uploads: Uploads,
        after_commit: AfterCommit,
        backpressure: Backpressure,
        max_files: int,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._uploads = uploads
        self._after_commit = after_commit
        self._backpressure = backpressure
        self._max_files = max_files

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[IncomingFiles]:
        """Open a batch to write files to; files that ``accept`` has not stored are deleted at the end of the block."""
        incoming = IncomingFiles(self._uploads, self._max_files)
        try:
            yield incoming
        finally:
            for _, file in incoming.files:
                await asyncio.shield(file.writer.abort())

    async def accept(self, incoming: IncomingFiles, batch: Batch) -> tuple[Task, list[Task]]:
        """Write the parent, and a document and a task for each file; returns the parent and its children.

        A file that is empty or of an unsupported type becomes a failed child.

        Raises:
            MissingFileError: when there are no files.
            NotFoundError: when the organization has no such agent.
            BacklogFullError: when the agent has too many tasks waiting.
            QuotaExceededError, BudgetExceededError: when the batch as a whole exceeds a limit.
        """
        need = Need(len(incoming.files), sum(file.size for _, file in incoming.files))
        async with self._backpressure.admit(batch.organization_id, batch.agent_id, need):
            if not incoming.files:
                raise MissingFileError
            async with self._uploads.delete_unless_committed([file.key for _, file in incoming.files]):
                entries = await self._store_files(incoming, batch)
                parent, children = await self._submit(batch, entries)
        for key in list_unused_blobs(entries, children):
            await self._blobs.delete(key)
        await self._after_commit.run([parent])
        return parent, children

    async def _store_files(self, incoming: IncomingFiles, batch: Batch) -> list[Entry]:
        semaphore = asyncio.Semaphore(_CONCURRENT_FILES)

        async def store(filename: str, file: IncomingFile) -> Entry:
            async with semaphore:
                try:
                    arguments = {"on_duplicate": batch.on_duplicate.value}
                    return describe_entry(await file.store(filename), batch.metadata, arguments)
                except (EmptyFileError, UnsupportedTypeError) as error:
                    return describe_failure(filename, error, batch.metadata)

        try:
            async with asyncio.TaskGroup() as group:
                stores = [group.create_task(store(filename, file)) for filename, file in incoming.files]
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return [task.result() for task in stores]

    @repeats_on_conflict
    async def _submit(self, batch: Batch, entries: list[Entry]) -> tuple[Task, list[Task]]:
        task = NewTask(
            batch.organization_id,
            batch.agent_id,
            TaskName.PROCESS_BATCH,
            batch.queue or Queue.LOW,
            arguments=name_callback(batch.callback_url),
            metadata={"files": len(entries)},
        )
        async with self._database.transaction() as connection:
            parent = await insert_parent(connection, task, f"0 of {len(entries)} done")
            if parent is None:
                raise NotFoundError(f"Agent {batch.agent_id} does not exist.")
            children = await submit_entries(connection, parent, entries, batch.on_duplicate)
        places = {UUID(entry["task_id"]): place for place, entry in enumerate(entries)}
        return parent, sorted(children, key=lambda child: places[child.id])
