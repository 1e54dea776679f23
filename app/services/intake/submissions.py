"""Submissions: the rows of uploads that arrive at the same time are written by one statement."""

import asyncio
from collections.abc import Sequence
from contextvars import Context

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
from app.ledger.submit import Submission, submit_with_documents

_STATEMENTS = 2
"""Statements at the same time: while one waits for its commit, the next collects rows or runs."""
_ROWS = 50
"""The most rows of a statement."""

_Waiting = tuple[Submission, asyncio.Future[int | None]]


class Submissions:
    """Writes new documents with their tasks. A submission never waits for others to join it.

    While as many statements run as may, further submissions wait, and the next statement writes all of them with one
    commit. A statement that fails for one of several rows is repeated for each row alone.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, submission: Submission) -> int | None:
        """Write a document and its task; on return both are committed.

        Returns the document's id; None if the agent does not exist or has a document with the same content key. If the
        caller is cancelled, the rows may still be written.
        """
        added: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((submission, added))
        if len(self._running) < _STATEMENTS:
            # In an empty context: its log lines do not belong to the request that started it.
            running = asyncio.create_task(self._write_waiting(), context=Context())
            self._running.add(running)
            running.add_done_callback(self._running.discard)
        return await added

    async def _write_waiting(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_ROWS], self._waiting[_ROWS:]
            await self._write(batch)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        try:
            documents = await submit_with_documents(self._database, [submission for submission, _ in batch])
        except Exception as error:  # noqa: BLE001 - each caller receives it
            await self._write_alone(batch, error)
            return
        for (task, _), added in batch:
            if not added.done():  # otherwise the caller was cancelled
                added.set_result(documents.get(task.id))

    async def _write_alone(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Find the row that the database refused. If the database is unavailable, all rows fail."""
        if len(batch) > 1 and not isinstance(error, DatabaseUnavailableError):
            for one in batch:
                await self._write([one])
            return
        for _, added in batch:
            if not added.done():
                added.set_exception(error)
