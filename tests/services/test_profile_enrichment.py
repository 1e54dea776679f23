"""Customer profiles in Postgres: who sees them, when they are due, and what an enrichment writes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.tenants.agents import insert_agent
from app.domain.addresses import NONE_ALLOWED
from app.domain.errors import (
    DuplicateProfileError,
    NotFoundError,
    PageNotAvailableError,
    PageUnreachableError,
    ProfileBusyError,
    UrlNotAllowedError,
)
from app.domain.identity import Access
from app.domain.profiles import Fact, Profile, SourceKind
from app.domain.records import AgentSettings
from app.domain.tasks import Progress, Task
from app.services.intake.backpressure import Backpressure
from app.services.profiles.enrichment import Enrichment
from app.services.profiles.many import ManyProfiles
from app.services.profiles.profiles import EnrichmentSource, Profiles
from app.services.profiles.reading import CompanyPage, Reading
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from tests.indexes.outside import SilentDoorbell

HOME, ABOUT = "https://weir.example/", "https://weir.example/about"
NAME = Fact("name", "Weir Works", SourceKind.JSON_LD)
PHONE = Fact("phones", "+441134960123", SourceKind.TEXT)


class FakePages:
    """Stands in for the pages of companies."""

    def __init__(self) -> None:
        self.reading: Reading | Exception = Reading(
            [CompanyPage(HOME, "Weir", [NAME]), CompanyPage(ABOUT, "", [PHONE])]
        )

    async def read(self, _website: str, on_page: Callable[[int, int], Awaitable[None]]) -> Reading:
        """Return the pages, or raise the error."""
        await on_page(1, 5)
        if isinstance(self.reading, Exception):
            raise self.reading
        return self.reading


class FakeAttempt:
    """An attempt of a task, whose outcome the test applies."""

    def __init__(self, task: Task) -> None:
        self.task = task

    async def report(self, progress: Progress) -> None:
        """Accept progress."""

    async def report_within(self, connection: AsyncConnection, progress: Progress) -> None:
        """Accept progress: the attempt is still valid."""

    def release_slot(self) -> None:
        """Do nothing."""


class World:
    """The services, and an agent."""

    def __init__(self, database: Database) -> None:
        self.database = database
        doorbell, backpressure = SilentDoorbell(), Backpressure(database, 1000)
        admission = Admission(database, doorbell)
        self.pages = FakePages()
        self.profiles = Profiles(
            database, admission, AfterCommit(database, doorbell, admission), backpressure, NONE_ALLOWED
        )
        self.many = ManyProfiles(database, admission, backpressure, self.profiles)
        pages: Any = self.pages
        nothing: Any = None
        self.enrichment = Enrichment(database, admission, pages, nothing, None)
        self.access = Access(1)
        self.agent_id = 0

    async def fetch(self, query: str, **parameters: Any) -> Sequence[Any]:
        """The rows of a query."""
        async with self.database.transaction() as connection:
            rows = await connection.execute(text(query), parameters)
            return rows.all() if rows.returns_rows else []

    async def create(self, website: str = HOME, **given: Any) -> Profile:
        """A new profile."""
        return await self.profiles.create(self.access, self.agent_id, name=None, website=website, **given)

    async def enrich(self, profile: Profile, *, meanwhile: Callable[[], Awaitable[Any]] | None = None) -> Profile:
        """Run an enrichment, both of its claims; ``meanwhile`` runs before its last transaction."""
        task = await self.profiles.enrich(self.access, profile.id, EnrichmentSource.WEBSITE)
        for _ in range(2):
            attempt: Any = FakeAttempt(task)
            outcome = await self.enrichment.enrich(attempt)
            if meanwhile and outcome.continues is None:
                await meanwhile()
            async with self.database.transaction() as connection:
                await outcome.apply(connection)
            if outcome.continues is None:
                break
            object.__setattr__(task, "arguments", {**task.arguments, **outcome.continues})
        await self.end(profile)
        return await self.profiles.get(self.access, profile.id)

    async def end(self, profile: Profile) -> None:
        """End the task of a profile."""
        await self.fetch(
            "UPDATE tasks SET state = 'SUCCESS', completed_at = now() WHERE id = (SELECT task_id FROM customer_profiles"
            " WHERE id = :id)",
            id=profile.id,
        )


@pytest.fixture
async def world(database: Database) -> World:
    made = World(database)
    async with database.transaction() as connection:
        agent = await insert_agent(connection, 1, "Weir", f"weir-{id(made)}", AgentSettings())
        await connection.execute(text("DELETE FROM customer_profiles"))
    made.agent_id = agent.id
    return made


async def test_a_profile_exists_for_its_organization_and_for_keys_of_its_agent_only(world: World) -> None:
    made = await world.create()
    assert (await world.profiles.get(Access(1, frozenset({world.agent_id})), made.id)).name == "weir.example"
    for access in (Access(2), Access(1, frozenset({world.agent_id + 1}))):
        with pytest.raises(NotFoundError):
            await world.profiles.get(access, made.id)
        with pytest.raises(NotFoundError):
            await world.profiles.update(access, made.id, {"name": "Mine"})
        with pytest.raises(NotFoundError):
            await world.profiles.delete(access, made.id)
        with pytest.raises(NotFoundError):
            await world.profiles.enrich(access, made.id, EnrichmentSource.WEBSITE)
        with pytest.raises(NotFoundError):
            await world.profiles.create(access, world.agent_id, name="Mine")
        with pytest.raises(NotFoundError):
            await world.many.enrich(access, world.agent_id)


async def test_an_agent_has_one_profile_of_a_website(world: World) -> None:
    await world.create("https://Weir.example")
    with pytest.raises(DuplicateProfileError):
        await world.create("https://weir.example/?utm_source=mail")
    other = await world.create("https://other.example/")
    with pytest.raises(DuplicateProfileError):
        await world.profiles.update(world.access, other.id, {"website": HOME})
    with pytest.raises(UrlNotAllowedError):
        await world.create("http://127.0.0.1/")


async def test_an_enrichment_that_is_under_way_is_returned_and_one_from_another_source_waits(world: World) -> None:
    made = await world.create()
    tasks = await asyncio.gather(
        *(world.profiles.enrich(world.access, made.id, EnrichmentSource.WEBSITE) for _ in range(3))
    )
    assert len({task.id for task in tasks}) == 1
    with pytest.raises(ProfileBusyError):
        await world.profiles.enrich(world.access, made.id, EnrichmentSource.DOCUMENTS)
    assert (await world.profiles.get(world.access, made.id)).status == "enriching"


async def test_a_value_that_a_user_sets_while_a_task_runs_is_kept(world: World) -> None:
    made = await world.create()

    async def change() -> None:
        await world.profiles.update(world.access, made.id, {"fields": {"name": "The Weir"}})

    enriched = await world.enrich(made, meanwhile=change)
    assert (enriched.status, enriched.fields["name"]["value"]) == ("enriched", "The Weir")
    assert enriched.fields["phones"]["value"] == ["+441134960123"]
    assert (enriched.name, enriched.reading) == ("The Weir", None)


async def test_values_leave_with_the_page_that_showed_them_unless_it_could_not_be_read(world: World) -> None:
    made = await world.create()
    await world.enrich(made)
    world.pages.reading = Reading([CompanyPage(HOME, "Weir", [NAME])], unread=[ABOUT])
    assert "phones" in (await world.enrich(made)).fields
    world.pages.reading = Reading([CompanyPage(HOME, "Weir", [NAME])])
    assert "phones" not in (await world.enrich(made)).fields


async def test_a_page_that_is_gone_makes_the_profile_stale_and_keeps_its_values(world: World) -> None:
    made = await world.create()
    await world.enrich(made)
    world.pages.reading = PageNotAvailableError("Its server answered with status 410.", is_gone=True)
    stale = await world.enrich(made)
    assert (stale.status, stale.fields["name"]["value"]) == ("stale", "Weir Works")
    assert stale.error == {
        "code": "page_not_available",
        "message": "The page is not available. Its server answered with status 410.",
    }


async def test_a_failure_is_recorded_with_its_code_unless_it_may_pass(world: World) -> None:
    made = await world.create()
    await world.enrich(made)
    for error, status in ((PageUnreachableError(), "enriched"), (PageNotAvailableError("403"), "failed")):
        world.pages.reading = error
        with pytest.raises(type(error)):
            await world.enrich(made)
        await world.end(made)
        kept = await world.profiles.get(world.access, made.id)
        assert (kept.status, kept.fields["name"]["value"]) == (status, "Weir Works")


async def test_an_enrichment_of_a_deleted_profile_writes_nothing(world: World) -> None:
    made = await world.create()

    async def delete() -> None:
        await world.profiles.delete(world.access, made.id)

    with pytest.raises(NotFoundError):
        await world.enrich(made, meanwhile=delete)
    assert await world.fetch("SELECT id FROM customer_profiles") == []


async def test_what_is_due_is_submitted_once_however_many_look(world: World) -> None:
    made = await world.create(enrich_every_days=7)
    await world.create("https://never.example/")
    assert (await world.many.submit_due()).result == {"submitted": 0}
    due = "UPDATE customer_profiles SET next_enrichment_at = now() - interval '1 day' WHERE id = :id"
    await world.fetch(due, id=made.id)
    outcomes = await asyncio.gather(*(world.many.submit_due() for _ in range(4)))
    assert sum(outcome.result["submitted"] for outcome in outcomes) == 1
    [(days,)] = await world.fetch("SELECT next_enrichment_at - now() FROM customer_profiles WHERE id = :id", id=made.id)
    assert 6.9 < days.total_seconds() / 86_400 <= 7
    await world.fetch(due, id=made.id)
    assert (await world.many.submit_due()).result == {"submitted": 0}  # its enrichment is still under way
    await world.end(made)
    assert (await world.many.submit_due()).result == {"submitted": 1}


async def test_an_enrichment_writes_an_event_and_its_usage_once(world: World) -> None:
    await world.fetch("UPDATE organizations SET events_until = now() + interval '1 day' WHERE id = 1")
    made = await world.create()
    await world.enrich(made)
    events = await world.fetch(
        "SELECT data FROM events WHERE type = 'profile.enriched' AND agent_id = :id", id=world.agent_id
    )
    assert [(row.data["profile_id"], row.data["fields"]) for row in events] == [(made.id, ["name", "phones"])]
    used = await world.fetch(
        "SELECT pages FROM usage_records WHERE kind = 'profile' AND agent_id = :id", id=world.agent_id
    )
    assert [row.pages for row in used] == [2]
