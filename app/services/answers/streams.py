"""Streams of answers: the sentences that clients receive while an answer is written."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.db.engine import Database
from app.domain.tasks import Task, TaskName
from app.ledger.answer_parts import Part, list_parts
from app.services.queue.attempts import RunningAttempt

SENTENCE, RESTART = "sentence", "restart"
_DISCARD = "The answer is written anew. Discard the sentences received so far."


class SentenceSink(Protocol):
    """Receives the sentences of an answer as they are released."""

    async def send(self, sentences: Sequence[Mapping[str, Any]]) -> None:
        """Show sentences, each ``{text, citations}``. Concatenated, their texts are the answer."""

    async def restart(self) -> None:
        """Withdraw the sentences that were sent."""


class NoSink:
    """The sink of an answer that no client follows."""

    async def send(self, sentences: Sequence[Mapping[str, Any]]) -> None:
        """Ignore the sentences."""

    async def restart(self) -> None:
        """Do nothing."""


class AttemptSink:
    """Stores the sentences as parts of an attempt's answer, from which clients receive them as events."""

    def __init__(self, attempt: RunningAttempt) -> None:
        self._attempt = attempt

    async def send(self, sentences: Sequence[Mapping[str, Any]]) -> None:
        """Store sentences.

        Raises:
            AttemptLostError: when the task was cancelled, or another attempt has it.
        """
        if sentences:
            number = self._attempt.task.attempt
            await self._attempt.add_parts([(SENTENCE, {"attempt": number, **sentence}) for sentence in sentences])

    async def restart(self) -> None:
        """Drop the sentences of this attempt or of former ones."""
        await self._attempt.restart_parts({"attempt": self._attempt.task.attempt, "message": _DISCARD})


class AnswerStreams:
    """Reads the sentences of answers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, task: Task, after_version: int) -> list[Part]:
        """The parts of the attempt that ``task`` shows, after those that a client has received."""
        if task.name != TaskName.ANSWER_QUESTION:
            return []
        async with self._database.statement() as connection:
            return await list_parts(connection, task, after_version)
