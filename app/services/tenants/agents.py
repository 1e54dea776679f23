"""Agents: create, change, list, and delete with everything that they own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, repeats_on_conflict
from app.db.tenants.agents import (
    find_agent,
    find_agents,
    get_highest_suffix,
    hide_agent,
    insert_agent,
    list_agents,
    update_agent,
)
from app.domain.agents import OVERLAP_RULE, fits_overlap, make_slug
from app.domain.errors import InvalidRequestError, NotFoundError, SlugTakenError
from app.domain.identity import Access
from app.domain.records import Agent, AgentSettings, Listing
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.cancel import cancel_agent
from app.ledger.submit import submit
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit

_CANCELLED = 500  # tasks that the request itself cancels, and whose state is written to Celery's result backend


async def _find_free_slug(connection: AsyncConnection, organization_id: int, name: str) -> str:
    """The name's slug, with the next number if it is taken. Another request may take the result first."""
    wanted = make_slug(name)
    namesakes = await get_highest_suffix(connection, organization_id, wanted)
    return f"{wanted}-{namesakes + 1}" if namesakes else wanted


def check_settings(settings: AgentSettings) -> AgentSettings:
    """Check that settings do not contradict each other.

    Raises:
        InvalidRequestError: when the overlap is more than half of a chunk, so that chunks would hardly advance.
    """
    if not fits_overlap(settings.chunk_size, settings.chunk_overlap):
        raise InvalidRequestError(OVERLAP_RULE, field="body.settings.chunk_overlap")
    return settings


class Agents:
    """The agents of organizations."""

    def __init__(self, database: Database, admission: Admission, after_commit: AfterCommit) -> None:
        self._database = database
        self._admission = admission
        self._after_commit = after_commit

    async def create(
        self, organization_id: int, name: str, slug: str | None, settings: Mapping[str, Any] | None = None
    ) -> Agent:
        """Add an agent.

        Args:
            organization_id: The owner.
            name: The agent's name.
            slug: Its slug; None makes one from the name, with a number if it is taken.
            settings: Values for fields of ``AgentSettings``; the others have their defaults.

        Raises:
            SlugTakenError: when the given slug is taken.
        """
        checked = check_settings(AgentSettings(**(settings or {})))
        while True:
            try:
                async with self._database.transaction() as connection:
                    free = slug or await _find_free_slug(connection, organization_id, name)
                    return await insert_agent(connection, organization_id, name, free, checked)
            except IntegrityError:
                if slug:
                    raise SlugTakenError(f"The slug is {slug!r}.") from None

    async def get(self, access: Access, agent_id: int) -> Agent:
        """One agent.

        Raises:
            NotFoundError: when the caller sees no such agent.
        """
        return (await self.find_all(access, [agent_id]))[0]

    async def find(self, access: Access, slug: str) -> Agent | None:
        """The agent with this slug."""
        async with self._database.statement() as connection:
            return await find_agent(connection, access, slug)

    async def find_all(self, access: Access, references: Sequence[int | str]) -> list[Agent]:
        """The agents with these ids (numbers) or slugs (texts), each once, in that order.

        Raises:
            NotFoundError: when the caller does not see all of them.
        """
        ids = [one for one in references if isinstance(one, int)]
        slugs = [one for one in references if isinstance(one, str)]
        found = await find_agents(self._database, access, ids, slugs)
        agents: dict[int | str, Agent] = {agent.id: agent for agent in found} | {agent.slug: agent for agent in found}
        for reference in references:
            if reference not in agents:
                hint = " Give an id as a number." if isinstance(reference, str) and reference.isdecimal() else ""
                raise NotFoundError(f"Agent {reference} does not exist.{hint}")
        return list({agents[one].id: agents[one] for one in references}.values())

    async def get_or_create(self, access: Access, slug: str) -> Agent:
        """The agent with this slug, created on first use.

        Raises:
            NotFoundError: when the caller sees no such agent, and is restricted, so that it cannot create one.
        """
        while True:
            if agent := await self.find(access, slug):
                return agent
            if access.is_restricted:
                raise NotFoundError(f"Agent {slug} does not exist.")
            try:
                return await self.create(access.organization_id, slug, slug)
            except SlugTakenError:
                continue  # another request has just created it

    async def list(self, access: Access, slug: str | None = None, *, limit: int, after: int | None) -> Listing[Agent]:
        """Agents, newest first: all, or the one with this slug."""
        async with self._database.statement() as connection:
            return await list_agents(connection, access, slug, limit=limit, after=after)

    async def update(
        self,
        access: Access,
        agent_id: int,
        *,
        name: str | None,
        slug: str | None,
        settings: Mapping[str, Any],
    ) -> Agent:
        """Change the values that are given. New chunk settings apply to documents processed or reindexed from now on.

        Raises:
            NotFoundError: when the caller sees no such agent.
            SlugTakenError: when another agent has the slug.
            RestrictedKeyError: when a restricted caller changes the slug: a refusal would name an agent that it must
                not see.
        """
        agent = await self.get(access, agent_id)
        if slug not in {None, agent.slug}:
            access.check_unrestricted()
        changed = replace(
            agent,
            name=name or agent.name,
            slug=slug or agent.slug,
            settings=check_settings(replace(agent.settings, **settings)),
        )
        try:
            async with self._database.transaction() as connection:
                updated = await update_agent(connection, changed)
        except IntegrityError:
            raise SlugTakenError(f"The slug is {slug!r}.") from None
        if updated is None:
            raise NotFoundError(f"Agent {agent_id} does not exist.")
        return updated

    @repeats_on_conflict
    async def delete(self, access: Access, agent_id: int) -> Task:
        """Hide an agent and its documents at once, and submit the task that cancels its tasks and removes the rest.

        The tasks that could run next are cancelled here, so that they do not run before that task.

        Raises:
            NotFoundError: when the caller sees no such agent.
        """
        async with self._database.transaction() as connection:
            if not await hide_agent(connection, access, agent_id):
                raise NotFoundError(f"Agent {agent_id} does not exist.")
            cancelled = await cancel_agent(connection, agent_id, _CANCELLED)
            task = await submit(
                connection, NewTask(access.organization_id, agent_id, TaskName.DELETE_AGENT, Queue.DEFAULT)
            )
        self._admission.nudge(task.queue)
        await self._after_commit.publish_states(cancelled)
        return task
