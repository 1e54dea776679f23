"""Mails about dead letters: one for many, none lost, never a text of a document."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.errors import MailRefusedError, MailUnavailableError, RetryLaterError
from app.domain.mail import Mail
from app.domain.tasks import TaskName
from app.services.queue.dead_letter_mails import DeadLetterMails
from tests.services.fake_attempts import FakeAttempt, FakeTask

CANARY = "canary-91b2"


class Nudges:
    """Stands in for admission."""

    def nudge(self, _queue: str) -> None:
        """Do nothing."""


class Outbox:
    """A mail server that may fail."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.errors: dict[str, Exception] = {}

    async def send(self, mail: Mail) -> None:
        """Keep the mail, or fail."""
        if error := self.errors.get(mail.to):
            raise error
        self.mails.append(mail)


class World:
    """An organization whose tasks become dead letters."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.outbox = Outbox()
        admission: Any = Nudges()
        self.service = DeadLetterMails(Database(engine), admission, self.outbox, ["ops@example.com"], 900)

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
        """Count the tasks that send a mail."""
        [found] = await self.sql("SELECT count(*) FROM tasks WHERE name = :name", name=TaskName.MAIL_DEAD_LETTERS.value)
        return int(found)

    async def send(self) -> Any:
        """Run the task that sends a mail, to its end."""
        attempt = FakeAttempt(1)
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
    [mail] = world.outbox.mails
    assert mail.subject == "Sluice: 15 tasks failed for good"
    assert "     12  process_document: internal_error" in mail.text
    assert "      3  crawl_site: internal_error" in mail.text
    assert mail.text.count(" UTC  ") == 10
    assert CANARY not in mail.text + mail.subject


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


async def test_a_dead_letter_that_comes_while_a_mail_is_sent_is_in_the_next_one(world: World) -> None:
    await world.bury(1)
    attempt = FakeAttempt(1)
    outcome = await world.service.send(attempt.as_attempt())
    await world.bury(1)
    assert await world.count_waiting() == 1, "its task is still that of the mail"
    async with world.engine.begin() as connection:
        await outcome.apply(connection)
    assert await world.count_waiting() == 2


async def test_the_recipients_of_the_organization_receive_it_too_and_a_refusal_stops_no_other(world: World) -> None:
    await world.sql('UPDATE organizations SET settings = \'{"alerts": {"emails": ["team@example.com"]}}\'')
    world.outbox.errors["ops@example.com"] = MailRefusedError()
    await world.bury(1)
    assert await world.send() == {"dead_letters": 1, "mails": 1}
    assert [mail.to for mail in world.outbox.mails] == ["team@example.com"]


async def test_a_mail_waits_for_its_server_without_counting_attempts(world: World) -> None:
    world.outbox.errors["ops@example.com"] = MailUnavailableError(retry_after=7)
    await world.bury(1)
    with pytest.raises(RetryLaterError) as waits:
        await world.send()
    assert waits.value.retry_after == 7
    world.outbox.errors.clear()
    assert await world.send() == {"dead_letters": 1, "mails": 1}


async def test_a_failed_message_is_no_reason_for_another_one(world: World) -> None:
    await world.bury(2, TaskName.DELIVER_EVENT)
    await world.bury(1, TaskName.MAIL_DEAD_LETTERS)
    assert await world.sql("SELECT count(*) FROM scheduled_tasks") == [0]
