"""Submissions: the rows of uploads that arrive at the same time are written by one statement, with one commit."""

import asyncio
from collections.abc import Sequence

from app.db.engine import Database
from app.db.shared_statements import SharedStatement
from app.domain.errors import TransactionConflictError
from app.ledger.submit import Submission, submit_with_documents

# Longer than a commit of another process usually takes. Uploads that share a statement wait for each other this long.
_SHARED_WAIT = "50ms"
_WAITING_ALONE = 2
"""Uploads that may wait at the same time, each on a connection of its own."""


class Submissions:
    """Writes new documents with their tasks.

    A transaction that inserts the same content, such as a batch, may stay open for seconds. An upload that has to wait
    for it leaves the shared statement, and waits alone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared = SharedStatement(self._write_shared)
        self._alone = asyncio.Semaphore(_WAITING_ALONE)

    async def add(self, submission: Submission) -> int | None:
        """Write a document and its task; on return both are committed.

        Returns the document's id; None if the agent does not exist or has a document with the same content key. If the
        caller is cancelled, the rows may still be written.
        """
        try:
            return await self._shared.fetch(submission)
        except TransactionConflictError:
            async with self._alone:
                [document_id] = await self._write([submission], None)
            return document_id

    async def _write_shared(self, submissions: Sequence[Submission]) -> list[int | None]:
        return await self._write(submissions, _SHARED_WAIT)

    async def _write(self, submissions: Sequence[Submission], lock_timeout: str | None) -> list[int | None]:
        documents = await submit_with_documents(self._database, submissions, lock_timeout)
        return [documents.get(task.id) for task, _ in submissions]
