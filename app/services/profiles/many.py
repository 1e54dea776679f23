"""Enriches many profiles: those of an agent as children of one task, and those whose next enrichment is due."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.profiles.imports import lock_same
from app.db.profiles.profiles import list_to_enrich, lock_due, set_tasks
from app.domain.counting import count_of
from app.domain.errors import NotFoundError
from app.domain.identity import Access
from app.domain.profiles import ProfileStatus
from app.domain.records import Agent
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.children import drop_children
from app.ledger.submit import submit, submit_all
from app.services.intake.backpressure import Backpressure
from app.services.profiles.profiles import EnrichmentSource, Profiles, check_agent, make_task
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_AT_ONCE = 1000


class ManyProfiles:
    """Submits the enrichment of many profiles."""

    def __init__(
        self, database: Database, admission: Admission, backpressure: Backpressure, profiles: Profiles
    ) -> None:
        self._database = database
        self._admission = admission
        self._backpressure = backpressure
        self._profiles = profiles

    async def enrich(
        self, access: Access, agent_id: int, *, status: ProfileStatus | None = None, search: str | None = None
    ) -> Task:
        """Submit the task that enriches an agent's profiles with a website, as its children.

        Args:
            access: What the caller may see.
            agent_id: The agent.
            status: Only profiles of this status.
            search: Only profiles whose name contains this.

        Raises:
            NotFoundError: when the caller has no such agent.
            BacklogFullError: when the agent has too many tasks waiting.
        """
        await self._check(access, agent_id)
        arguments = {"status": status.value if status else None, "search": search}
        async with self._database.transaction() as connection:
            name = TaskName.ENRICH_PROFILES
            task = await submit(
                connection, NewTask(access.organization_id, agent_id, name, Queue.LOW, arguments=arguments)
            )
        self._admission.nudge(task.queue)
        return task

    async def enrich_from_documents(self, access: Access, agent_id: int, profile_id: int | None) -> tuple[int, Task]:
        """Submit the enrichment of a profile from the agent's documents; returns its id and the task.

        Without a profile, it is the one that has the agent's name and no website; it is added at first.

        Raises:
            NotFoundError: when the caller has no such agent, or the agent no such profile.
            ProfileBusyError, BacklogFullError: as ``Profiles.enrich``.
        """
        agent = await self._check(access, agent_id)
        if profile_id is None:
            profile_id = await self._find_own(access, agent)
        elif (await self._profiles.get(access, profile_id)).agent_id != agent_id:
            raise NotFoundError(f"Profile {profile_id} does not exist.")
        return profile_id, await self._profiles.enrich(access, profile_id, EnrichmentSource.DOCUMENTS)

    async def _find_own(self, access: Access, agent: Agent) -> int:
        """The profile that the agent's documents make."""
        async with self._database.transaction() as connection:
            found = await lock_same(connection, agent.id, [], [agent.name.lower()])
        return (found[0] if found else await self._profiles.create(access, agent.id, name=agent.name)).id

    async def _check(self, access: Access, agent_id: int) -> Agent:
        """Check that an agent may take a task."""
        async with self._database.statement() as connection:
            agent = await check_agent(connection, access, agent_id)
        await self._backpressure.check_work(access.organization_id, agent_id)
        return agent

    async def submit_children(self, attempt: RunningAttempt) -> Outcome:
        """Submit an enrichment for each profile that the task selects, as its children."""
        task = attempt.task
        given = task.arguments
        status = ProfileStatus(given["status"]) if given["status"] else None
        async with self._database.statement() as connection:
            found = await list_to_enrich(connection, task.agent_id, status=status, search=given["search"], after=0)
        if not found:
            counts = dict.fromkeys(("total", "succeeded", "failed", "revoked"), 0)
            return Outcome({**counts, "failures": []}, "No profile to enrich")

        async def apply(connection: AsyncConnection) -> None:
            await drop_children(connection, task.id)
            after = 0
            while page := await list_to_enrich(
                connection, task.agent_id, status=status, search=given["search"], after=after
            ):
                owner = (task.organization_id, task.agent_id)
                await _submit(connection, {one: make_task(*owner, one, website, task.id) for one, website in page})
                after = page[-1][0]

        return Outcome(None, "Enriching the profiles", apply=apply, expands=True)

    async def submit_due(self) -> Outcome:
        """Submit the enrichments that are due, each as a task of its own, and set when the next ones are."""
        total = 0
        while submitted := await self._submit_due():
            total += submitted
        self._admission.nudge(Queue.LOW)
        return Outcome({"submitted": total}, f"Submitted {count_of(total, 'enrichment')}")

    async def _submit_due(self) -> int:
        async with self._database.transaction() as connection:
            due = await lock_due(connection, _AT_ONCE)
            if not due:
                return 0
            tasks = {row.id: make_task(row.organization_id, row.agent_id, row.id, row.website) for row in due}
            await _submit(connection, tasks)
        return len(due)


async def _submit(connection: AsyncConnection, tasks: Mapping[int, NewTask]) -> None:
    """Submit the enrichments of profiles, by the profiles' ids."""
    await submit_all(connection, list(tasks.values()))
    await set_tasks(connection, {profile_id: task.id for profile_id, task in tasks.items()})
