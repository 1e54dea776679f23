"""Mails about dead letters: one for many, none lost, never a text of a document."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.errors import RetryLaterError
from app.domain.tasks import TaskName
from app.services.queue.dead_letter_mails import DeadLetterMails
from tests.services.fake_attempts import FakeAttempt, FakeTask

CANARY = "canary-91b2"


class Nudges:
    """Stands in for admission."""

    def nudge(self, _queue: str) -> None:
        """Do nothing."""


class World:
    """An organization whose tasks become dead letters."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        admission: Any = Nudges()
        self.service = DeadLetterMails(Database(engine), admission, ["ops@example.com"], 900, is_on=True)

    async def sql(self, statement: str, **parameters: Any) -> list[Any]:
        """Run a statement; returns the first value of each row."""
        async with self.engine.begin() as connection:
            result = await connection.execute(text(statement), parameters)
            return [row[0] for row in result] if result.returns_rows else []

    async def bury(self, number: int, name: TaskName = TaskName.PROCESS_DOCUMENT) -> None:
        """Let tasks fail for good, and raise the alarm for each."""
        for _ in range(number):
            task: Any = FakeTask(1)
            task.name = name.value
            await self.sql(
                "INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, attempt, error, metadata,"
                " completed_at, dead_lettered_at) SELECT :id, 1, min(id), :name, 'default', 'FAILURE', 1,"
                " CAST(:error AS jsonb), CAST(:metadata AS jsonb), clock_timestamp(), clock_timestamp() FROM agents",
                id=task.id,
                name=name.value,
                error=f'{{"code": "internal_error", "message": "{CANARY}"}}',
                metadata=f'{{"filename": "{CANARY}"}}',
            )
            await self.service.raise_for(task)

    async def count_waiting(self) -> int:
        """Count the tasks that write a mail."""
        [found] = await self.sql("SELECT count(*) FROM tasks WHERE name = :name", name=TaskName.MAIL_DEAD_LETTERS.value)
        return int(found)

    async def list_mails(self) -> list[Any]:
        """The arguments of the tasks that send mails, in the order of their addresses."""
        return await self.sql(
            "SELECT arguments FROM tasks WHERE name = :name ORDER BY arguments ->> 'to'", name=TaskName.SEND_MAIL.value
        )

    async def send(self, organization_id: int = 1) -> Any:
        """Run the task that writes a mail, to its end."""
        attempt = FakeAttempt(organization_id)
        [attempt.task.agent_id] = await self.sql("SELECT min(id) FROM agents")
        outcome = await self.service.send(attempt.as_attempt())
        async with self.engine.begin() as connection:
            await outcome.apply(connection)
        return outcome.result

    async def pass_time(self) -> None:
        """Let the last mail be an hour old."""
        past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        await self.sql(
            "UPDATE organizations SET settings ="
            " jsonb_set(settings, '{alerts_sent,until}', to_jsonb(CAST(:past AS text))) WHERE settings ? 'alerts_sent'",
            past=past,
        )
        await self.sql("UPDATE tasks SET dead_lettered_at = dead_lettered_at - interval '2 hours'")


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    made = World(engine)
    await made.sql("TRUNCATE tasks, documents, agents, scheduled_tasks CASCADE")
    await made.sql("UPDATE organizations SET settings = '{}'")
    await made.sql("INSERT INTO agents (organization_id, name, slug) VALUES (1, 'a', 'a')")
    return made


async def test_many_dead_letters_are_one_mail_with_counts_and_the_first_ten(world: World) -> None:
    await world.bury(12)
    await world.bury(3, TaskName.CRAWL_SITE)
    assert await world.count_waiting() == 1
    assert await world.send() == {"dead_letters": 15, "mails": 1}
    [mail] = await world.list_mails()
    assert mail["subject"] == "Sluice: 15 tasks failed for good"
    assert "     12  process_document: internal_error" in mail["text"]
    assert "      3  crawl_site: internal_error" in mail["text"]
    assert mail["text"].count(" UTC  ") == 10
    assert CANARY not in mail["text"] + mail["subject"]


async def test_the_next_mail_waits_and_reports_what_came_since_the_last_one(world: World) -> None:
    await world.bury(1)
    await world.send()
    await world.bury(2)
    assert await world.count_waiting() == 2, "the mail was sent: the next dead letter has a new task"
    with pytest.raises(RetryLaterError) as waits:
        await world.send()
    assert 800 < (waits.value.retry_after or 0) <= 900
    await world.pass_time()
    await world.bury(4)
    assert await world.count_waiting() == 2
    assert await world.send() == {"dead_letters": 4, "mails": 1}


async def test_a_dead_letter_that_comes_while_a_mail_is_written_is_in_the_next_one(world: World) -> None:
    await world.bury(1)
    attempt = FakeAttempt(1)
    [attempt.task.agent_id] = await world.sql("SELECT min(id) FROM agents")
    outcome = await world.service.send(attempt.as_attempt())
    await world.bury(1)
    assert await world.count_waiting() == 1, "its task is still that of the mail"
    async with world.engine.begin() as connection:
        await outcome.apply(connection)
    assert await world.count_waiting() == 2


async def test_each_recipient_has_a_task_so_that_none_waits_for_another_or_is_sent_a_mail_twice(world: World) -> None:
    await world.sql('UPDATE organizations SET settings = \'{"alerts": {"emails": ["team@example.com"]}}\'')
    await world.bury(1)
    assert await world.send() == {"dead_letters": 1, "mails": 2}
    assert [mail["to"] for mail in await world.list_mails()] == ["ops@example.com", "team@example.com"]
    await world.pass_time()
    await world.send()
    assert len(await world.list_mails()) == 2, "with no new dead letter, no mail"


async def test_an_organization_does_not_see_the_address_of_the_operator(world: World) -> None:
    [other] = await world.sql(
        "INSERT INTO organizations (name, settings) VALUES"
        ' (\'Other\', \'{"alerts": {"emails": ["team@example.com"]}}\') RETURNING id'
    )
    await world.bury(1)
    await world.sql("UPDATE tasks SET organization_id = :other WHERE dead_lettered_at IS NOT NULL", other=other)
    assert await world.send(other) == {"dead_letters": 1, "mails": 2}
    owners = await world.sql(
        "SELECT organization_id FROM tasks WHERE name = :name ORDER BY arguments ->> 'to'",
        name=TaskName.SEND_MAIL.value,
    )
    assert owners == [1, other]


async def test_a_failed_message_is_no_reason_for_another_one(world: World) -> None:
    await world.bury(2, TaskName.DELIVER_EVENT)
    await world.bury(1, TaskName.MAIL_DEAD_LETTERS)
    await world.bury(1, TaskName.SEND_MAIL)
    assert await world.sql("SELECT count(*) FROM scheduled_tasks") == [0]
