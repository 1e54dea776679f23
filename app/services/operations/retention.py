"""Retention: deletes what an organization keeps no longer, as a task with counts.

Each batch is a transaction that also adds to the counts of the run. So a task that is cancelled or killed has deleted
whole batches, which are counted, and a later one continues with what is left.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.audit.entries import forget_entries
from app.db.documents.erasure import forget_documents
from app.db.engine import Database
from app.db.tenants.organizations import ensure_internal_agent
from app.db.upkeep.retention import (
    forget_events,
    forget_schedule_keys,
    forget_usage,
    list_organizations,
    read_retention,
    write_retention,
)
from app.db.upkeep.runs import add_counts, begin_run, end_run, forget_runs, read_counts
from app.db.webhooks.deliveries import forget_deliveries
from app.domain.counting import count_of
from app.domain.errors import InvalidRequestError, NotFoundError
from app.domain.retention import Days, RetentionLimits, Subject
from app.domain.tasks import NewTask, Progress, Queue, TaskName
from app.domain.upkeep import UpkeepTask
from app.ledger.submit import submit_once
from app.ledger.upkeep import EVERY_TASK, clear_results, find_window, forget_tasks
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_BATCH = 1_000
_TURN_SECONDS = 20.0
"""After this time the task returns to its queue and continues later, so that others use the slot."""
_ORGANIZATIONS_AT_ONCE = 200

Forget = Callable[[AsyncConnection, int, int, int], Awaitable[int]]

_SIMPLE: Mapping[Subject, Forget] = {
    Subject.EVENTS: forget_events,
    Subject.DELIVERIES: forget_deliveries,
    Subject.AUDIT: forget_entries,
    Subject.USAGE: forget_usage,
    Subject.DELETED_DOCUMENTS: forget_documents,
}
"""Delete some rows of an organization, given the days and the most rows, and return how many."""


class Retention:
    """The days that organizations choose, and the tasks that delete what is older."""

    def __init__(self, database: Database, admission: Admission, limits: RetentionLimits, batch: int = _BATCH) -> None:
        self._database = database
        self._admission = admission
        self._batch = batch
        self.limits = limits

    async def get(self, organization_id: int) -> tuple[dict[Subject, int], dict[Subject, int]]:
        """The days that an organization has chosen, and those that apply to it.

        Raises:
            NotFoundError: there is no such organization.
        """
        async with self._database.statement() as connection:
            stored = await read_retention(connection, organization_id)
        if stored is None:
            raise NotFoundError(f"Organization {organization_id} does not exist.")
        chosen = {subject: int(stored[subject]) for subject in Subject if stored.get(subject) is not None}
        return chosen, self.limits.apply(chosen)

    async def set(self, organization_id: int, chosen: Days) -> None:
        """Replace the days that an organization has chosen.

        Raises:
            InvalidRequestError: a number is outside of the installation's limits.
            NotFoundError: there is no such organization.
        """
        for subject, days in chosen.items():
            lowest, highest = self.limits.minimum(subject), self.limits.highest
            if not lowest <= days <= highest:
                raise InvalidRequestError(f"Must be {lowest} to {highest} days.", field=f"body.{subject}")
        async with self._database.statement() as connection:
            if not await write_retention(connection, organization_id, chosen):
                raise NotFoundError(f"Organization {organization_id} does not exist.")

    async def submit(self, attempt: RunningAttempt) -> Outcome:
        """Submit a task for each organization, once for the time for which this task was submitted."""
        arguments, due = attempt.task.arguments, attempt.task.arguments.get("due") or str(attempt.task.id)
        after, submitted = int(arguments.get("after", 0)), int(arguments.get("submitted", 0))
        while True:
            async with self._database.transaction() as connection:
                found = await list_organizations(connection, after, _ORGANIZATIONS_AT_ONCE)
                for organization_id in found:
                    agent_id = await ensure_internal_agent(connection, organization_id)
                    task = NewTask(organization_id, agent_id, TaskName.APPLY_RETENTION, Queue.DEFAULT)
                    await submit_once(connection, task, f"{UpkeepTask.RETENTION}:{organization_id}:{due}")
                await forget_schedule_keys(connection, self._batch)
                await forget_runs(connection, None, self.limits.defaults[Subject.TASKS], self._batch)
            self._admission.nudge(Queue.DEFAULT)
            submitted += len(found)
            status = f"Submitted the retention of {count_of(submitted, 'organization')}"
            if len(found) < _ORGANIZATIONS_AT_ONCE:
                return Outcome({"organizations": submitted}, status)
            after = found[-1]
            await attempt.report(Progress("submit", 0, status))

    async def apply(self, attempt: RunningAttempt) -> Outcome:
        """Delete what the organization of the task keeps no longer."""
        task, until = attempt.task, time.monotonic() + _TURN_SECONDS
        _, days = await self.get(task.organization_id)
        async with self._database.statement() as connection:
            await begin_run(connection, UpkeepTask.RETENTION, task.organization_id, task.id)
        subjects = list(Subject)
        cursor: str | None = task.arguments.get("cursor")
        for number in range(int(task.arguments.get("subject", 0)), len(subjects)):
            while True:
                cursor = await self._forget(task.id, task.organization_id, subjects[number], days, cursor)
                status = f"Deleting {subjects[number].replace('_', ' ')}"
                await attempt.report(Progress("delete", 100 * number // len(subjects), status))
                if cursor is None:
                    break
                if time.monotonic() > until:
                    return Outcome(None, status, continues={"subject": number, "cursor": cursor})
        async with self._database.statement() as connection:
            deleted = await read_counts(connection, task.id)

        async def end(connection: AsyncConnection) -> None:
            await forget_runs(connection, task.organization_id, days[Subject.TASKS], self._batch)
            await end_run(connection, task.id)

        return Outcome({"deleted": deleted}, f"Deleted {count_of(sum(deleted.values()), 'row')}", apply=end)

    async def _forget(
        self, task_id: UUID, organization_id: int, subject: Subject, days: Days, cursor: str | None
    ) -> str | None:
        """Delete a batch; returns where the next one continues, or None after the last one."""
        async with self._database.transaction() as connection:
            if subject is Subject.RESULTS and days[subject] == days[Subject.TASKS]:
                return None  # they are deleted with their tasks
            if subject in {Subject.TASKS, Subject.RESULTS}:
                deleted, following = await self._forget_tasks(connection, organization_id, subject, days, cursor)
            else:
                deleted = await _SIMPLE[subject](connection, organization_id, days[subject], self._batch)
                following = "" if deleted == self._batch else None
            if deleted:
                await add_counts(connection, task_id, {subject: deleted})
        return following

    async def _forget_tasks(
        self, connection: AsyncConnection, organization_id: int, subject: Subject, days: Days, cursor: str | None
    ) -> tuple[int, str | None]:
        """Delete tasks or results in the next window of the organization's tasks."""
        after = UUID(cursor) if cursor else EVERY_TASK.after
        window = await find_window(connection, organization_id, after, self._batch)
        if subject is Subject.TASKS:
            deleted = await forget_tasks(connection, organization_id, days[subject], self._batch, window)
        else:
            deleted = await clear_results(connection, organization_id, days[subject], window)
        return deleted, None if window.until == EVERY_TASK.until else str(window.until)
