"""The deletion of an agent: one task, in short steps, which continues where it stopped."""

from app.db.documents.erasure import (
    count_agent_documents,
    count_unerased,
    erase_agent,
    hide_agent_documents,
    list_unerased,
    remove_words,
)
from app.db.engine import Database
from app.db.evaluations.question_sets import remove_question_sets
from app.db.events.erasure import erase_agent_events
from app.db.profiles.profiles import remove_profiles
from app.db.search.word_segments import remove_segment
from app.db.tenants.idempotency import erase_agent_answers
from app.db.vectors.calibrations import remove_calibrations
from app.db.webhooks.erasure import erase_agent_deliveries
from app.domain.counting import count_of
from app.domain.errors import RetryLaterError
from app.domain.ids import TaskId
from app.domain.tasks import Progress
from app.ledger.cancel import cancel_agent
from app.ledger.erase import count_in_use, erase_agent_tasks
from app.services.indexing.erasure import Erasure, Slice
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import Outcome, RunningAttempt

_WAIT_SECONDS = 1.0
_CANCELLED_AT_ONCE = 1_000
_HIDDEN_AT_ONCE = 5_000
_ERASED_AT_ONCE = 500
_WORDS_AT_ONCE = 20_000
_ROWS_AT_ONCE = 1_000
_SETS_AT_ONCE = 5


class AgentDeletion:
    """Removes everything that a deleted agent owned."""

    def __init__(self, database: Database, erasure: Erasure, after_commit: AfterCommit) -> None:
        self._database = database
        self._erasure = erasure
        self._after_commit = after_commit

    async def remove(self, attempt: RunningAttempt) -> Outcome:
        """Cancel the agent's tasks, wait for those that run, then erase its documents and its own names.

        A row that is done is marked or deleted, so a later attempt does not begin at the first document again.

        Raises:
            RetryLaterError: while tasks of the agent still run, or to let other tasks use the slot.
        """
        agent_id, time_slice = attempt.task.agent_id, Slice()
        await self._cancel_tasks(attempt, time_slice)
        await self._hide_documents(agent_id, time_slice)
        # Again: a parent that ended after the first time may have submitted a task, which names its document.
        await self._cancel_tasks(attempt, time_slice)
        await self._erase_documents(attempt, time_slice)
        await self._erase_rest(attempt, time_slice)
        async with self._database.statement() as connection:
            documents = await count_agent_documents(connection, agent_id)
        return Outcome({"documents": documents}, f"Removed {count_of(documents, 'document')}")

    async def _cancel_tasks(self, attempt: RunningAttempt, time_slice: Slice) -> None:
        agent_id, total = attempt.task.agent_id, 0
        while True:
            async with self._database.statement() as connection:
                cancelled = len(await cancel_agent(connection, agent_id, _CANCELLED_AT_ONCE))
            if not cancelled:
                break
            total += cancelled
            status = f"Cancelled {count_of(total, 'task')}"
            await attempt.report(Progress("cancel", 0, status))
            time_slice.check(status)
        async with self._database.statement() as connection:
            running = await count_in_use(connection, agent_id, attempt.task.id)
        if running:
            raise RetryLaterError(f"Waiting for {count_of(running, 'task')} to stop", retry_after=_WAIT_SECONDS)

    async def _hide_documents(self, agent_id: int, time_slice: Slice) -> None:
        while True:
            async with self._database.statement() as connection:
                if not await hide_agent_documents(connection, agent_id, _HIDDEN_AT_ONCE):
                    return
            time_slice.check("Hiding the documents")

    async def _erase_documents(self, attempt: RunningAttempt, time_slice: Slice) -> None:
        agent_id, done = attempt.task.agent_id, 0
        async with self._database.statement() as connection:
            total = await count_unerased(connection, agent_id)
        while True:
            async with self._database.statement() as connection:
                documents = await list_unerased(connection, agent_id, _ERASED_AT_ONCE)
            if not documents:
                return
            await self._erasure.erase_of_deleted_agent(documents)
            done += len(documents)
            status = f"Removed {count_of(done, 'document')} of {max(done, total)}"
            await attempt.report(Progress("remove", 99 * done // max(done, total), status))
            time_slice.check(status)

    async def _erase_rest(self, attempt: RunningAttempt, time_slice: Slice) -> None:
        """Remove words, question sets, profiles, the names in tasks, stored answers, and the agent's own name."""
        task = attempt.task
        while True:
            async with self._database.statement() as connection:
                if not await remove_question_sets(connection, task.agent_id, _SETS_AT_ONCE):
                    break
            time_slice.check("Removing the question sets")
        while True:
            async with self._database.statement() as connection:
                if not await remove_profiles(connection, task.agent_id, _ROWS_AT_ONCE):
                    break
            time_slice.check("Removing the customer profiles")
        await self._remove_words(task.agent_id, time_slice)
        erased_to: TaskId | None = None
        while True:
            async with self._database.statement() as connection:
                erased = await erase_agent_tasks(connection, task.agent_id, after=erased_to, limit=_ROWS_AT_ONCE)
            await self._after_commit.forget_states(erased)
            if len(erased) < _ROWS_AT_ONCE:
                break
            erased_to = max(erased)
        checked_to: str | None = ""
        while checked_to is not None:
            async with self._database.statement() as connection:
                checked_to = await erase_agent_answers(
                    connection, task.organization_id, task.agent_id, after=checked_to, limit=_ROWS_AT_ONCE
                )
        async with self._database.statement() as connection:
            for erase in (erase_agent_events, erase_agent_deliveries):
                while await erase(connection, task.agent_id, _ROWS_AT_ONCE) == _ROWS_AT_ONCE:
                    pass
            await remove_calibrations(connection, task.agent_id)
            await erase_agent(connection, task.agent_id)

    async def _remove_words(self, agent_id: int, time_slice: Slice) -> None:
        while True:
            async with self._database.statement() as connection:
                if not await remove_words(connection, agent_id, _WORDS_AT_ONCE):
                    break
            time_slice.check("Removing the counts of words")
        while await remove_segment(self._database, agent_id):
            time_slice.check("Removing the segments of words")
