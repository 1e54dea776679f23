"""Customer profiles: creates, lists, changes and deletes them, and submits their enrichment."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, repeats_on_conflict
from app.db.profiles.profiles import (
    delete_profile,
    get_profile,
    insert_profile,
    list_profiles,
    lock_profile,
    set_tasks,
    update_profile,
)
from app.db.tenants.agents import get_agent
from app.domain.addresses import AllowedHosts
from app.domain.errors import DuplicateProfileError, InvalidRequestError, NotFoundError, ProfileBusyError
from app.domain.identity import Access
from app.domain.ids import TaskId
from app.domain.profiles import GIVEN, Profile, ProfileStatus, SourceKind, make_given, merge
from app.domain.records import Agent, Listing
from app.domain.states import FINAL
from app.domain.tasks import NewTask, Queue, Task, TaskName, name_host
from app.domain.web import check_url, normalise_url
from app.domain.web_url import WebUrl
from app.ledger.cancel import cancel
from app.ledger.erase import erase_profile_tasks
from app.ledger.read import get_task
from app.ledger.submit import submit
from app.services.intake.backpressure import Backpressure
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit

_WITHOUT_WEBSITE = "The profile has no website. Set one, or enrich it from the agent's documents."


class EnrichmentSource(StrEnum):
    """What an enrichment reads: the pages of the company's website, or the documents of the agent."""

    WEBSITE = "website"
    DOCUMENTS = "documents"


def make_task(
    organization_id: int, agent_id: int, profile_id: int, website: str | None, parent_id: TaskId | None = None
) -> NewTask:
    """The task that enriches a profile, from documents without a ``website``.

    It does not name the company, since its row may be kept longer than the profile.
    """
    source = EnrichmentSource.WEBSITE if website else EnrichmentSource.DOCUMENTS
    arguments = {"profile_id": profile_id, "source": source.value, **name_host(website)}
    name, queue = TaskName.ENRICH_PROFILE, Queue.LOW
    return NewTask(organization_id, agent_id, name, queue, parent_id=parent_id, arguments=arguments)


class Profiles:
    """The customer profiles of agents."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        after_commit: AfterCommit,
        backpressure: Backpressure,
        allowed: AllowedHosts,
    ) -> None:
        self._database = database
        self._admission = admission
        self._after_commit = after_commit
        self._backpressure = backpressure
        self._allowed = allowed

    async def create(
        self,
        access: Access,
        agent_id: int,
        *,
        name: str | None,
        website: str | None = None,
        fields: Mapping[str, Any] | None = None,
        enrich_every_days: int | None = None,
    ) -> Profile:
        """Add a profile. Without a name, it has the website's host as its name until it is enriched.

        Raises:
            InvalidRequestError: when neither name nor website is given.
            InvalidUrlError, UrlNotAllowedError
            NotFoundError: when the organization has no such agent.
            DuplicateProfileError: when the agent has a profile of this website.
        """
        address = self.check_website(website) if website else None
        values = {
            "organization_id": access.organization_id,
            "agent_id": agent_id,
            "name": name or (name_company(address) if address else None),
            "website": address,
            "fields": merge(make_given(fields or {}, SourceKind.USER, write_now())),
            "enrich_every_days": enrich_every_days,
            "next_enrichment_at": add_days(enrich_every_days) if address else None,
        }
        if not values["name"]:
            raise InvalidRequestError("Give a name, a website, or both.", field="body.name")
        try:
            async with self._database.transaction() as connection:
                await check_agent(connection, access, agent_id)
                profile_id = await insert_profile(connection, **values)
                return await _find(connection, access, profile_id)
        except IntegrityError:
            raise DuplicateProfileError(f"Its website is {address}.") from None

    def check_website(self, website: str) -> str:
        """The canonical form of a website that may be read.

        Raises:
            InvalidUrlError, UrlNotAllowedError
        """
        check_url(website, self._allowed)
        return normalise_url(website)

    async def list(
        self,
        access: Access,
        agent_id: int,
        *,
        status: ProfileStatus | None,
        search: str | None,
        limit: int,
        after: int | None,
    ) -> Listing[Profile]:
        """An agent's profiles, the newest first; ``search`` is a part of the name.

        Raises:
            NotFoundError: when the organization has no such agent.
        """
        async with self._database.statement() as connection:
            await check_agent(connection, access, agent_id)
            return await list_profiles(
                connection, access, agent_id, status=status, search=search, limit=limit, after=after
            )

    async def get(self, access: Access, profile_id: int) -> Profile:
        """One profile.

        Raises:
            NotFoundError: when the caller has no such profile.
        """
        async with self._database.statement() as connection:
            return await _find(connection, access, profile_id)

    @repeats_on_conflict
    async def update(self, access: Access, profile_id: int, changes: Mapping[str, Any]) -> Profile:
        """Change the columns that are given: ``name``, ``website``, ``enrich_every_days``, ``fields``.

        A field of None gives up what people gave for it: the next enrichment decides its value.

        Raises:
            NotFoundError: when the caller has no such profile.
            InvalidUrlError, UrlNotAllowedError, DuplicateProfileError
        """
        given = dict(changes)
        if website := given.get("website"):
            given["website"] = self.check_website(website)
        try:
            async with self._database.transaction() as connection:
                await _find(connection, access, profile_id)
                locked = await lock_profile(connection, profile_id)
                if locked is None:
                    raise NotFoundError(f"Profile {profile_id} does not exist.")
                await update_profile(connection, profile_id, **_prepare(locked, given))
                return await _find(connection, access, profile_id)
        except IntegrityError:
            raise DuplicateProfileError(f"Its website is {given['website']}.") from None

    @repeats_on_conflict
    async def delete(self, access: Access, profile_id: int) -> None:
        """Delete a profile: its row with all fields, and what its tasks say. A running enrichment is cancelled.

        Raises:
            NotFoundError: when the caller has no such profile.
        """
        async with self._database.transaction() as connection:
            profile = await _find(connection, access, profile_id)
            task_id = TaskId(profile.task_id) if profile.task_id else None
            cancelled = await cancel(connection, task_id, access.organization_id) if task_id else None
            erased = await erase_profile_tasks(connection, profile.agent_id, profile_id)
            await delete_profile(connection, profile_id)
        await self._after_commit.forget_states(erased)
        if cancelled:
            await self._after_commit.run([cancelled])

    @repeats_on_conflict
    async def enrich(self, access: Access, profile_id: int, source: EnrichmentSource) -> Task:
        """Submit the enrichment of a profile; one that is under way is returned instead.

        Raises:
            NotFoundError: when the caller has no such profile.
            InvalidRequestError: when it has no website to read.
            ProfileBusyError: when an enrichment from another source is under way.
            BacklogFullError: when the agent has too many tasks waiting.
        """
        profile = await self.get(access, profile_id)
        await self._backpressure.check_work(access.organization_id, profile.agent_id)
        async with self._database.transaction() as connection:
            locked = await lock_profile(connection, profile_id)
            if locked is None:
                raise NotFoundError(f"Profile {profile_id} does not exist.")
            running = await get_task(connection, TaskId(locked.task_id)) if locked.task_id else None
            if running and running.state not in FINAL:
                if running.arguments.get("source") != source.value:
                    raise ProfileBusyError
                return running
            if source is EnrichmentSource.WEBSITE and locked.website is None:
                raise InvalidRequestError(_WITHOUT_WEBSITE, field="body.source")
            website = locked.website if source is EnrichmentSource.WEBSITE else None
            task = make_task(locked.organization_id, locked.agent_id, profile_id, website)
            submitted = await submit(connection, task)
            await set_tasks(connection, {profile_id: task.id})
        self._admission.nudge(task.queue)
        return submitted


def name_company(website: str) -> str:
    """The name of a company before it is known: its host, without ``www.``."""
    return WebUrl.parse(website).host.removeprefix("www.")


def _prepare(profile: Profile, given: dict[str, Any]) -> dict[str, Any]:
    """The new values of a profile's columns."""
    if "fields" in given:
        changed: Mapping[str, Any] = given["fields"]
        kept = [fact for fact in profile.list_facts() if fact.field not in changed or fact.kind not in GIVEN]
        set_now = {name: value for name, value in changed.items() if value is not None}
        given["fields"] = merge([*make_given(set_now, SourceKind.USER, write_now()), *kept])
    if "enrich_every_days" in given or "website" in given:
        days = given.get("enrich_every_days", profile.enrich_every_days)
        given["next_enrichment_at"] = add_days(days) if given.get("website", profile.website) else None
    return given


def write_now() -> str:
    """The time of a source that is read or given now."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def add_days(days: int | None) -> datetime | None:
    """The time in so many days; None for None."""
    return datetime.now(UTC) + timedelta(days=days) if days else None


async def check_agent(connection: AsyncConnection, access: Access, agent_id: int) -> Agent:
    """The agent.

    Raises:
        NotFoundError: when the caller has no such agent.
    """
    agent = await get_agent(connection, access, agent_id)
    if agent is None:
        raise NotFoundError(f"Agent {agent_id} does not exist.")
    return agent


async def _find(connection: AsyncConnection, access: Access, profile_id: int) -> Profile:
    profile = await get_profile(connection, access, profile_id)
    if profile is None:
        raise NotFoundError(f"Profile {profile_id} does not exist.")
    return profile
