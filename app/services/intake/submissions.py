"""Submissions: the rows of uploads that arrive at the same time are written by one statement, with one commit."""

from collections.abc import Sequence

from app.db.engine import Database
from app.db.shared_statements import SharedStatement
from app.ledger.submit import Submission, submit_with_documents


class Submissions:
    """Writes new documents with their tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shared = SharedStatement(self._write)

    async def add(self, submission: Submission) -> int | None:
        """Write a document and its task; on return both are committed.

        Returns the document's id; None if the agent does not exist or has a document with the same content key. If the
        caller is cancelled, the rows may still be written.
        """
        return await self._shared.fetch(submission)

    async def _write(self, submissions: Sequence[Submission]) -> list[int | None]:
        documents = await submit_with_documents(self._database, submissions)
        return [documents.get(task.id) for task, _ in submissions]
