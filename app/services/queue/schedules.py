"""Schedules: submits the tasks that are due at stated times, each exactly once."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.tenants.identities import get_default_organization
from app.db.tenants.organizations import ensure_internal_agent
from app.domain.schedules import Schedule
from app.domain.tasks import NewTask, Queue
from app.ledger.schedules import lock_schedule, read_clock, set_due
from app.ledger.submit import submit_once

_MOST_AT_ONCE = 100
"""The tasks of one transaction. A schedule that is further behind continues with the next one."""

log = structlog.get_logger()

Clock = Callable[[AsyncConnection], Awaitable[datetime]]


class Schedules:
    """Submits due tasks to the ledger, in the transaction that records when the next one is due.

    No message is needed: the supervisors of the workers admit the tasks within a second or two, also when the broker
    was unavailable. Several processes may do this at the same time, and none may do it for days: a schedule's row is
    locked, and each task has a unique key.
    """

    def __init__(self, database: Database, clock: Clock = read_clock) -> None:
        self._database = database
        self._clock = clock

    async def submit_due(self, schedule: Schedule) -> float:
        """Submit the tasks of a schedule that are due; returns the seconds until the next one is.

        The first task of a new schedule is due at its next time. A schedule whose times have changed follows them from
        now on.

        Raises:
            DatabaseUnavailableError
        """
        async with self._database.transaction() as connection:
            now = await self._clock(connection)
            upcoming = schedule.next_after(now)
            recorded = await lock_schedule(connection, schedule.name, upcoming)
            due, following = schedule.list_due(min(recorded, upcoming), now, _MOST_AT_ONCE)
            for time in due:
                await self._submit(connection, schedule, time)
            if following != recorded:
                await set_due(connection, schedule.name, following)
        return max(0.0, (following - now).total_seconds())

    async def _submit(self, connection: AsyncConnection, schedule: Schedule, due: datetime) -> None:
        organization_id = await get_default_organization(connection)
        agent_id = await ensure_internal_agent(connection, organization_id)
        arguments = {"due": due.isoformat()}
        task = NewTask(organization_id, agent_id, schedule.task, Queue.DEFAULT, arguments=arguments)
        key = schedule.write_key(due)
        if await submit_once(connection, task, key):
            log.info("scheduled_task_submitted", key=key, task_id=str(task.id))
