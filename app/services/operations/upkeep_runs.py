"""What upkeep did and does next, and its start on request."""

from datetime import UTC, datetime

from app.db.engine import Database
from app.db.tenants.identities import get_default_organization
from app.db.tenants.organizations import ensure_internal_agent
from app.db.upkeep.retention import read_retention
from app.db.upkeep.runs import list_due, list_last_runs, list_runs, make_due
from app.domain.errors import NotFoundError
from app.domain.records import Listing
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.domain.upkeep import SCHEDULES, Run, UpkeepKind, UpkeepTask
from app.ledger.submit import submit
from app.services.queue.admission import Admission

_SCHEDULE_PREFIX = "schedule:"
_TASKS = {UpkeepTask.RETENTION: TaskName.SUBMIT_RETENTION, UpkeepTask.STORAGE: TaskName.SWEEP_STORAGE}


class UpkeepRuns:
    """Lists the runs of upkeep, and starts some on request."""

    def __init__(self, database: Database, admission: Admission) -> None:
        self._database = database
        self._admission = admission

    async def list_kinds(self, organization_id: int | None) -> list[UpkeepKind]:
        """List the kinds of upkeep: those that concern an organization's data, or all."""
        async with self._database.statement() as connection:
            due = await list_due(connection)
            last = {run.name: run for run in await list_last_runs(connection, organization_id)}
        scheduled = {name.value: due.get(f"{_SCHEDULE_PREFIX}{SCHEDULES[name]}") for name in UpkeepTask}
        if organization_id is not None:
            names = {UpkeepTask.RETENTION.value: scheduled[UpkeepTask.RETENTION]}
        else:
            chores = {name: time for name, time in due.items() if not name.startswith(_SCHEDULE_PREFIX)}
            names = {**scheduled, **chores}
        return [UpkeepKind(name, names[name], last.get(name)) for name in names]

    async def list(
        self, organization_id: int | None, name: str | None, *, limit: int, after: int | None
    ) -> Listing[Run]:
        """List runs, the newest first: those on the data of an organization, or all."""
        async with self._database.statement() as connection:
            return await list_runs(connection, organization_id, name, limit=limit, after=after)

    async def start(self, name: str, organization_id: int | None) -> Task | None:
        """Start upkeep now: its task, or None for a chore, which a supervisor does within seconds.

        Args:
            name: The kind of upkeep.
            organization_id: Apply the retention of this organization only.

        Raises:
            NotFoundError: there is no such upkeep, or no such organization.
        """
        async with self._database.transaction() as connection:
            if name not in set(UpkeepTask):
                if name.startswith(_SCHEDULE_PREFIX) or not await make_due(connection, name):
                    raise NotFoundError(f"Upkeep {name!r} does not exist. `GET /upkeep` lists what exists.")
                return None
            task_name = _TASKS[UpkeepTask(name)]
            if organization_id is not None and name == UpkeepTask.RETENTION:
                task_name = TaskName.APPLY_RETENTION
            owner = organization_id or await get_default_organization(connection)
            if await read_retention(connection, owner) is None:
                raise NotFoundError(f"Organization {owner} does not exist.")
            agent_id = await ensure_internal_agent(connection, owner)
            arguments = {"due": datetime.now(UTC).isoformat()} if task_name is TaskName.SUBMIT_RETENTION else {}
            task = await submit(connection, NewTask(owner, agent_id, task_name, Queue.DEFAULT, arguments=arguments))
        self._admission.nudge(Queue.DEFAULT)
        return task
