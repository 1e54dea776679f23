"""Attachments: the files within a document, such as those of a mail, become children of its task."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.domain.counting import count_of
from app.domain.documents import AttachedFile, DocumentStatus, OnDuplicate
from app.domain.errors import (
    ArchiveLimitError,
    ArchiveTooDeepError,
    NotFoundError,
    QuotaExceededError,
    SluiceError,
    StorageFullError,
    StorageUnavailableError,
)
from app.domain.ids import TaskId
from app.domain.limits import NOTHING, Need
from app.domain.ports import BlobStore
from app.domain.records import Document
from app.domain.tasks import Queue, Task
from app.ledger.children import drop_children, forget_attachments
from app.ledger.read import get_task
from app.pipeline.archives.archive import clean_name
from app.services.indexing.ingestion import Ingested
from app.services.intake.backpressure import Backpressure
from app.services.intake.stored_entries import ArchiveLimits, StoredEntries, read_nesting
from app.services.intake.uploads import Uploads
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_FAILURES_LISTED = 100


class Attachments:
    """Stores the files within documents and submits them."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        uploads: Uploads,
        admission: Admission,
        limits: ArchiveLimits,
        backpressure: Backpressure,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._uploads = uploads
        self._admission = admission
        self._limits = limits
        self._backpressure = backpressure

    async def expand(self, attempt: RunningAttempt, outcome: Outcome) -> Outcome:
        """The outcome of a document, extended by a child for each file within the document.

        Search finds the document once the outcome is written; its task ends when the last child has ended. Where no
        file can be read, or all of them together exceed a quota, the task has no children, and its result lists the
        files. The files of a document that was searchable before are mostly known, so no quota holds for them.

        Raises:
            ArchiveLimitError: when the files are too many, or too large in all.
        """
        if not isinstance(outcome, Ingested) or not outcome.attachments:
            return outcome
        given = attempt.task.arguments
        origin = describe_origin(outcome.document, outcome.content.filename, outcome.found)
        is_new = outcome.document.status is not DocumentStatus.COMPLETED
        need = Need(len(outcome.attachments)) if is_new else NOTHING
        stored = await self.store(attempt, outcome.attachments, origin, need)
        if all("error" in entry for entry in stored.entries):
            return replace(outcome, result=_list_failures(outcome, stored)) if outcome.result else outcome
        if outcome.last_step:
            return _hand_to_last_step(outcome, stored)

        async def apply(connection: AsyncConnection) -> None:
            await drop_children(connection, attempt.task.id)
            # Before the outcome's own statements, which lock the agent's word counts: other tasks wait for them.
            if given.get("on_duplicate") == OnDuplicate.REPLACE:
                await stored.submit_changed(connection, attempt.task)
            else:
                await stored.submit(connection, attempt.task, OnDuplicate.SKIP)
            await outcome.apply(connection)

        return _extend(replace(outcome, apply=apply, expands=True), stored)

    async def publish(self, attempt: RunningAttempt, outcome: Outcome) -> Outcome:
        """The outcome that publishes a large document, extended by the children of the document's own task."""
        given = attempt.task.arguments.get("attachments")
        if not given or attempt.task.parent_id is None:
            return outcome
        stored = StoredEntries(attempt, self._blobs, self._uploads, self._limits, {}, list(given["entries"]))
        parent_id = TaskId(attempt.task.parent_id)

        async def apply(connection: AsyncConnection) -> None:
            parent = await get_task(connection, parent_id)
            if parent is None:
                raise NotFoundError(f"Task {parent_id} does not exist.")
            await stored.submit(connection, parent, OnDuplicate.SKIP)
            await outcome.apply(connection)

        async def after() -> None:
            self._admission.nudge(Queue(given["queue"]))
            # They contain names, which must not outlive the documents.
            async with self._database.statement() as connection:
                await forget_attachments(connection, [parent_id, attempt.task.id])
            await outcome.after()
            await stored.delete_unused()

        return replace(outcome, apply=apply, after=after)

    async def store(
        self, attempt: RunningAttempt, files: Sequence[AttachedFile], metadata: Mapping[str, Any], need: Need = NOTHING
    ) -> StoredEntries:
        """Store the files within a document, for children of its task; ``metadata`` is that of their documents.

        If ``need`` exceeds a quota, each file is a failure.

        Raises:
            ArchiveLimitError: when they are too many, or too large in all.
        """
        given = attempt.task.arguments
        stored = StoredEntries(attempt, self._blobs, self._uploads, self._limits, metadata)
        stored.arguments = {name: given[name] for name in ("chunk_size",) if name in given}
        async with stored.delete_on_failure():
            try:
                async with self._hold(attempt.task, need):
                    await self._store(stored, files)
            except QuotaExceededError as error:
                for file in files[: self._limits.entries]:
                    stored.add_failure(clean_name(file.name), error)
        return stored

    def _hold(self, task: Task, need: Need) -> AbstractAsyncContextManager[None]:
        """Check the quotas for new files; without any, nothing is checked."""
        if need == NOTHING:
            return nullcontext()
        return self._backpressure.hold(task.organization_id, task.agent_id, need)

    async def _store(self, stored: StoredEntries, files: Sequence[AttachedFile]) -> None:
        nesting = read_nesting(stored.attempt.task) + 1
        if len(files) > self._limits.entries:
            raise ArchiveLimitError(f"The limit is {count_of(self._limits.entries, 'file')} within a document.")
        for file in files:
            try:
                if nesting > self._limits.depth:
                    raise ArchiveTooDeepError(f"The limit is {count_of(self._limits.depth, 'level')}.")
                async with stored.receive(file.pieces()) as incoming:
                    await stored.add(incoming, clean_name(file.name), nesting)
            except (ArchiveLimitError, StorageFullError, StorageUnavailableError):
                raise
            except SluiceError as error:
                stored.add_failure(clean_name(file.name), error)


def describe_origin(document: Document, filename: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of the documents of the files within a document: the uploader's, and where they come from.

    ``found`` is the metadata that the document's own file contains.
    """
    given = {name: value for name, value in document.metadata.items() if found.get(name) != value}
    return {**given, "parent_document_id": document.id, "parent_filename": filename}


def _list_failures(outcome: Outcome, stored: StoredEntries) -> Mapping[str, Any]:
    failures = [
        {"filename": entry["filename"], "code": entry["error"]["code"], "message": entry["error"]["message"]}
        for entry in stored.entries[:_FAILURES_LISTED]
    ]
    return {**outcome.result, "failures": failures}


def _hand_to_last_step(outcome: Outcome, stored: StoredEntries) -> Outcome:
    """A large document's outcome: its last step submits the files, once search finds the document."""
    step = dict(outcome.last_step or {})
    attachments = {"queue": stored.attempt.task.queue, "entries": stored.entries}
    step["arguments"] = {**step["arguments"], "attachments": attachments}
    return _extend(replace(outcome, last_step=step), stored)


def _extend(outcome: Outcome, stored: StoredEntries) -> Outcome:
    async def discard() -> None:
        await outcome.discard()
        await stored.delete()

    async def after() -> None:
        await outcome.after()
        await stored.delete_unused()

    return replace(outcome, after=after, discard=discard)
