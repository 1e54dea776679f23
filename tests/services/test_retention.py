"""Retention deletes what an organization keeps no longer: in bounded batches, its own only, counted exactly."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.errors import InvalidRequestError, NotFoundError
from app.domain.ids import new_task_id
from app.domain.retention import RetentionLimits, Subject
from app.services.operations import retention as module
from app.services.operations.retention import Retention
from app.services.queue.attempts import AttemptLostError
from tests.services.fake_attempts import FakeAttempt

_DEFAULTS: dict[Subject, int] = dict.fromkeys(Subject, 30)
del _DEFAULTS[Subject.RESULTS]
_DEFAULTS |= {Subject.AUDIT: 400, Subject.USAGE: 400}
_BATCH = 4


class Nudges:
    """Stands in for admission."""

    def nudge(self, _queue: str) -> None:
        """Do nothing."""


class World:
    """Two organizations with old and recent rows of each kind."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        admission: Any = Nudges()
        self.retention = Retention(Database(engine), admission, RetentionLimits(_DEFAULTS, 1, 3650), _BATCH)

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """Run a statement; returns the first value of each row."""
        async with self.engine.begin() as connection:
            result = await connection.execute(text(statement), parameters)
            return [row[0] for row in result] if result.returns_rows else []

    async def add_organization(self) -> int:
        """Add an organization with an agent."""
        [made] = await self.sql("INSERT INTO organizations (name) VALUES ('Another') RETURNING id")
        await self.sql("INSERT INTO agents (organization_id, name, slug) VALUES (:id, 'a', 'a')", id=made)
        return int(made)

    async def add_tasks(self, organization_id: int, number: int, days: int, *, dead: bool = False) -> None:
        """Insert tasks that ended some days ago, whose results are quotes."""
        for _ in range(number):
            await self.sql(
                "INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, attempt, result, completed_at,"
                " dead_lettered_at) SELECT :id, :organization_id, min(id), 'app.tasks.answer_tasks.answer_question',"
                " 'default', CASE WHEN :dead THEN 'FAILURE' ELSE 'SUCCESS' END, 1, '{\"answer\": \"A heron.\"}',"
                " now() - make_interval(days => :days), CASE WHEN :dead THEN now() END"
                " FROM agents WHERE organization_id = :organization_id",
                id=new_task_id(),
                organization_id=organization_id,
                days=days,
                dead=dead,
            )

    async def add_rows(self, organization_id: int, number: int, days: int) -> None:
        """Insert events, entries of the audit log and records of usage that are some days old."""
        given = {"organization_id": organization_id, "number": number, "days": days}
        when = "now() - make_interval(days => :days) FROM generate_series(1, :number) AS n"
        await self.sql(
            "INSERT INTO events (organization_id, type, data, position, occurred_at) SELECT :organization_id,"
            " 'task.succeeded', '{}', n + (SELECT coalesce(max(position), 0) FROM events"
            f" WHERE organization_id = :organization_id), {when}",
            **given,
        )
        await self.sql(
            "INSERT INTO audit_entries (organization_id, actor, action, occurred_at)"
            f" SELECT :organization_id, 'a', 'a', {when}",
            **given,
        )
        await self.sql(
            "INSERT INTO usage_records (organization_id, agent_id, kind, counted_at, occurred_at)"
            f" SELECT :organization_id, 1, 'document', CASE WHEN n > 1 THEN now() END, {when}",
            **given,
        )

    async def add_deliveries(self, organization_id: int, number: int, days: int, status: str) -> None:
        """Insert deliveries of a webhook that ended, or were made, some days ago."""
        await self.sql(
            "WITH w AS (INSERT INTO webhooks (organization_id, url) VALUES (:organization_id, 'https://example.com/')"
            " RETURNING id) INSERT INTO webhook_deliveries (organization_id, webhook_id, message_id, event, body,"
            " status, created_at, completed_at) SELECT :organization_id, w.id, 'm', 'task.succeeded', '{}', :status,"
            " now() - make_interval(days => :days), CASE WHEN :status <> 'pending'"
            " THEN now() - make_interval(days => :days) END FROM w, generate_series(1, :number)",
            organization_id=organization_id,
            number=number,
            days=days,
            status=status,
        )

    async def count(self, table: str, organization_id: int) -> int:
        """Count the rows of an organization."""
        [found] = await self.sql(f"SELECT count(*) FROM {table} WHERE organization_id = :id", id=organization_id)
        return int(found)

    async def count_run(self, attempt: FakeAttempt) -> Any:
        """The counts of the run of a task."""
        return (await self.sql("SELECT counts FROM upkeep_runs WHERE task_id = :id", id=attempt.task.id))[0]


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    made = World(engine)
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = 'replica'"))
        await connection.execute(text("DELETE FROM audit_entries"))
    await made.sql("TRUNCATE tasks, documents, agents, events, usage_records, upkeep_runs, scheduled_tasks CASCADE")
    await made.sql("UPDATE organizations SET settings = '{}'")
    await made.sql("INSERT INTO agents (organization_id, name, slug) VALUES (1, 'a', 'a')")
    return made


async def run(world: World, attempt: FakeAttempt) -> Any:
    """Run a task to its end; returns its result."""
    while (outcome := await world.retention.apply(attempt.as_attempt())).continues is not None:
        attempt.follow(outcome)
    async with world.engine.begin() as connection:
        await outcome.apply(connection)
    return outcome.result


async def test_every_kind_is_deleted_after_its_days_and_counted(world: World) -> None:
    await world.add_tasks(1, 9, 31)
    await world.add_tasks(1, 3, 29)
    await world.add_tasks(1, 2, 31, dead=True)
    await world.add_rows(1, 9, 401)
    await world.add_rows(1, 5, 31)
    await world.add_rows(1, 3, 29)
    result = await run(world, attempt := FakeAttempt(1))
    # A record of usage that is not in the sums yet stays.
    assert result == {"deleted": {"tasks": 9, "events": 14, "audit": 9, "usage": 8}}
    assert await world.count_run(attempt) == result["deleted"]
    assert [await world.count(table, 1) for table in ("tasks", "events", "audit_entries", "usage_records")] == [
        5,
        3,
        8,
        9,
    ]
    assert await world.sql("SELECT ended_at IS NOT NULL FROM upkeep_runs") == [True]


async def test_ended_deliveries_are_deleted_and_those_that_wait_stay(world: World) -> None:
    for number, days, status in ((9, 31, "delivered"), (2, 29, "delivered"), (3, 31, "pending")):
        await world.add_deliveries(1, number, days, status)
    assert await run(world, FakeAttempt(1)) == {"deleted": {"deliveries": 9}}
    assert await world.count("webhook_deliveries", 1) == 5


async def test_the_policy_of_an_organization_touches_no_other(world: World) -> None:
    other = await world.add_organization()
    for organization_id in (1, other):
        await world.add_tasks(organization_id, 6, 10)
        await world.add_rows(organization_id, 6, 10)
    await world.retention.set(other, {Subject.TASKS: 7, Subject.EVENTS: 90})
    assert await run(world, FakeAttempt(1)) == {"deleted": {}}
    assert await run(world, FakeAttempt(other)) == {"deleted": {"tasks": 6}}
    assert [await world.count("tasks", one) for one in (1, other)] == [6, 0]
    assert [await world.count("events", one) for one in (1, other)] == [6, 6]


async def test_a_longer_time_than_the_installation_s_keeps_tasks(world: World) -> None:
    await world.add_tasks(1, 2, 60)
    await world.retention.set(1, {Subject.TASKS: 90})
    assert await run(world, FakeAttempt(1)) == {"deleted": {}}
    assert await world.count("tasks", 1) == 2


async def test_results_are_deleted_before_their_tasks(world: World) -> None:
    await world.add_tasks(1, 6, 10)
    await world.add_tasks(1, 2, 1)
    await world.retention.set(1, {Subject.RESULTS: 7})
    assert await run(world, FakeAttempt(1)) == {"deleted": {"results": 6}}
    assert await world.sql("SELECT count(*) FROM tasks WHERE result IS NULL AND version = 1") == [6]
    assert await world.count("tasks", 1) == 8
    assert await run(world, FakeAttempt(1)) == {"deleted": {}}


async def test_a_batch_looks_at_few_rows_and_a_cancel_keeps_what_is_counted(world: World) -> None:
    await world.add_tasks(1, 11, 31)
    attempt = FakeAttempt(1, reports=1)
    with pytest.raises(AttemptLostError):
        await world.retention.apply(attempt.as_attempt())
    assert await world.count("tasks", 1) == 11 - 2 * _BATCH
    assert await world.count_run(attempt) == {"tasks": 2 * _BATCH}


async def test_a_killed_task_continues_with_exact_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.add_tasks(1, 11, 31)
    await world.add_rows(1, 6, 401)
    attempt = FakeAttempt(1, reports=1)
    with pytest.raises(AttemptLostError):  # the next attempt of the same task begins without the first one's memory
        await world.retention.apply(attempt.as_attempt())
    attempt.reports = 10**9
    monkeypatch.setattr(module, "_TURN_SECONDS", -1.0)  # and it returns its slot after each batch
    assert await run(world, attempt) == {"deleted": {"tasks": 11, "events": 6, "audit": 6, "usage": 5}}


async def test_two_at_once_delete_each_row_once(world: World) -> None:
    await world.add_tasks(1, 30, 31)
    await world.add_rows(1, 30, 401)
    results = await asyncio.gather(*(run(world, FakeAttempt(1)) for _ in range(3)))
    for subject, rows in (("tasks", 30), ("events", 30), ("audit", 30), ("usage", 29)):
        assert sum(result["deleted"].get(subject, 0) for result in results) == rows
        assert await world.count({"audit": "audit_entries", "usage": "usage_records"}.get(subject, subject), 1) == (
            1 if subject == "usage" else 0
        )


async def test_each_organization_has_one_task_for_a_day(world: World) -> None:
    other = await world.add_organization()
    for due in ("2026-11-30T02:20", "2026-11-30T02:20", "2026-12-01T02:20"):
        attempt = FakeAttempt(1)
        attempt.task.arguments["due"] = due
        await world.retention.submit(attempt.as_attempt())
    for organization_id in (1, other):
        assert await world.sql(
            "SELECT count(*) FROM tasks WHERE organization_id = :id AND name LIKE '%apply_retention'",
            id=organization_id,
        ) == [2]


@pytest.mark.parametrize(
    ("chosen", "field"),
    [({Subject.AUDIT: 399}, "body.audit"), ({Subject.USAGE: 30}, "body.usage"), ({Subject.TASKS: 4000}, "body.tasks")],
)
async def test_days_outside_of_the_limits_are_refused(world: World, chosen: Any, field: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        await world.retention.set(1, chosen)
    assert refused.value.members["errors"][0]["field"] == field
    with pytest.raises(NotFoundError):
        await world.retention.set(10**9, {Subject.TASKS: 7})


async def test_events_are_deleted_from_the_first_on_so_that_a_feed_has_no_gap(world: World) -> None:
    for days in (100, 99, 10, 98, 97, 9):
        await world.add_rows(1, 1, days)
    await run(world, FakeAttempt(1))
    left = await world.sql("SELECT position FROM events WHERE organization_id = 1 ORDER BY position")
    assert left == [3, 4, 5, 6]
