"""Reports are made once for each period, also for days that passed without Beat, and arrive by event and mail."""

import csv
import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from app.adapters.mail.smtp import SmtpMailer
from app.db.engine import Database
from app.domain.errors import MailRefusedError, MailUnavailableError, RetryLaterError
from app.domain.reports import Frequency, ReportSchedule
from app.services.billing import reports as module
from app.services.billing.mails import Mails
from app.services.billing.prices import Prices
from app.services.billing.reports import Reports
from app.services.billing.statements import Statements
from app.services.queue.admission import Admission
from app.services.queue.attempts import RunningAttempt
from tests.adapters.mail_server import Inbox, open_mail_server
from tests.services.test_monthly_statements import LAST_MONTH, PRICES, THIS_MONTH, TODAY, Sql, organization, record, sql

__all__ = ["organization", "sql"]
_FIRST = datetime(THIS_MONTH.year, THIS_MONTH.month, 1, 0, 10, tzinfo=UTC)


class World:
    """Reports on a database, with mails to a real server."""

    def __init__(self, database: Database, sql: Sql, organization: int, port: int | None) -> None:
        self.database, self.sql, self.organization = database, sql, organization
        self.admission = cast("Admission", SimpleNamespace(nudge=lambda _queue: None))
        self.statements = Statements(database, Prices(database, PRICES))
        self.mails = Mails(SmtpMailer(f"smtp://127.0.0.1:{port}", "sluice@corp.example") if port else None)
        self.reports = Reports(database, self.statements, self.mails, self.admission)

    async def schedule(self, frequency: Frequency | None, *email: str, webhook: bool = True) -> None:
        """Schedule the report, and have events recorded."""
        await self.sql("UPDATE organizations SET events_until = 'infinity' WHERE id = :o", o=self.organization)
        await self.reports.set_schedule(self.organization, ReportSchedule(frequency, webhook, email))

    async def submit(self, due: datetime) -> None:
        """What Beat's task of a day does."""
        attempt: Any = SimpleNamespace(task=SimpleNamespace(arguments={"due": due.isoformat()}, created_at=due))
        await self.reports.submit_due(attempt)

    async def list_tasks(self, name: str) -> list[Any]:
        """The tasks of a name, each with its arguments."""
        found = await self.sql(
            "SELECT jsonb_agg(jsonb_build_object('id', id, 'agent_id', agent_id, 'arguments', arguments) ORDER BY id) "
            "FROM tasks WHERE organization_id = :o AND name LIKE '%.' || :name",
            o=self.organization,
            name=name,
        )
        return [
            SimpleNamespace(
                id=one["id"], organization_id=self.organization, agent_id=one["agent_id"], arguments=one["arguments"]
            )
            for one in found or []
        ]

    async def make(self, task: Any) -> None:
        """Run the task of a report, and write its outcome."""
        attempt: Any = SimpleNamespace(task=task)
        outcome = await self.reports.make(attempt)
        async with self.database.transaction() as connection:
            await outcome.apply(connection)

    async def send(self, task: Any) -> None:
        """Run the task of a mail."""
        attempt: Any = SimpleNamespace(task=task)
        await self.mails.send(attempt)


@pytest.fixture
def world(database: Database, sql: Sql, organization: int) -> World:
    """Reports without mails."""
    return World(database, sql, organization, None)


async def test_two_beats_and_missed_days_make_one_report_of_each_day(world: World) -> None:
    await world.schedule(Frequency.DAILY)
    for days in (3, 2, 2, 1, 1):
        await world.submit(datetime.now(UTC) - timedelta(days=days - 1))
    periods = [task.arguments["first"] for task in await world.list_tasks("make_report")]
    assert periods == [(TODAY - timedelta(days=days)).isoformat() for days in (3, 2, 1)]


async def test_a_monthly_report_is_due_on_the_first_day_only(world: World) -> None:
    await world.schedule(Frequency.MONTHLY)
    await world.submit(_FIRST + timedelta(days=1))
    assert await world.list_tasks("make_report") == []
    await world.submit(_FIRST)
    [task] = await world.list_tasks("make_report")
    assert task.arguments == {"frequency": "monthly", "first": LAST_MONTH.isoformat()}


async def test_the_first_day_of_a_month_closes_the_statements_without_any_report(world: World) -> None:
    await record(world.sql, world.organization, LAST_MONTH, documents=10)
    await world.submit(_FIRST)
    total = await world.sql("SELECT total FROM billing_statements WHERE organization_id = :o", o=world.organization)
    assert str(total) == "2.00"


async def test_the_reports_of_many_organizations_are_submitted_in_several_turns(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.schedule(Frequency.DAILY)
    for _ in range(3):
        await world.sql("INSERT INTO organizations (name) VALUES ('B')")
    monkeypatch.setattr(module, "_TURN_SECONDS", -1.0)
    reports = Reports(world.database, world.statements, world.mails, world.admission, at_once=1)
    arguments: dict[str, Any] = {"due": _FIRST.isoformat()}
    turns, outcome = 0, None
    while outcome is None or outcome.continues is not None:
        task = SimpleNamespace(arguments=arguments, created_at=_FIRST)
        outcome = await reports.submit_due(cast("RunningAttempt", SimpleNamespace(task=task, report=_take)))
        arguments, turns = {**arguments, **(outcome.continues or {})}, turns + 1
    assert turns > 3
    assert outcome.result == {"reports": 1, "statements": turns - 1}
    assert len(await world.list_tasks("make_report")) == 1


async def _take(_progress: object) -> None:
    """Take a report of progress."""


async def test_a_report_raises_an_event_with_the_figures_of_its_day(world: World) -> None:
    await world.schedule(Frequency.DAILY)
    yesterday = TODAY - timedelta(days=1)
    await record(world.sql, world.organization, yesterday, documents=6, searches=3, stored_bytes=10**9)
    await world.submit(datetime.now(UTC))
    [task] = await world.list_tasks("make_report")
    task.id = uuid4()
    await world.make(task)
    data = await world.sql("SELECT data FROM events WHERE organization_id = :o", o=world.organization)
    assert data == {
        "frequency": "daily",
        "period": yesterday.isoformat(),
        "quantities": {"documents": "6", "searches": "3"},
        "month": f"{yesterday:%Y-%m}",
        "month_total": "1.00",
        "currency": "EUR",
    }
    assert await world.list_tasks("send_mail") == []


async def test_each_address_receives_a_mail_with_the_statement(database: Database, sql: Sql, organization: int) -> None:
    with open_mail_server() as (inbox, port):
        world = World(database, sql, organization, port)
        await world.schedule(Frequency.MONTHLY, "a@example.com", "b@example.com", webhook=False)
        await sql("UPDATE organizations SET name = E'Weir\\r\\nBcc: c@example.com' WHERE id = :o", o=organization)
        await record(sql, organization, LAST_MONTH, documents=10)
        await world.submit(_FIRST)
        [task] = await world.list_tasks("make_report")
        task.id = uuid4()
        await world.make(task)
        for mail in await world.list_tasks("send_mail"):
            await world.send(mail)
        _check_mails(inbox)
    assert await sql("SELECT count(*) FROM events WHERE organization_id = :o", o=organization) == 0


def _check_mails(inbox: Inbox) -> None:
    assert inbox.recipients == ["a@example.com", "b@example.com"]
    for mail in inbox.mails:
        assert mail["Bcc"] is None
        body, [attached] = mail.get_body(("plain",)), [*mail.iter_attachments()]
        assert body is not None
        assert "documents: 10" in body.get_content()
        assert f"Total of {LAST_MONTH:%Y-%m}: 2.00 EUR" in body.get_content()
        rows = list(csv.DictReader(io.StringIO(attached.get_content())))
        assert rows[-1]["amount"] == "2.00"
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 2


async def test_a_mail_that_is_refused_for_now_is_sent_again_with_the_same_id(
    database: Database, sql: Sql, organization: int
) -> None:
    with open_mail_server() as (inbox, port):
        world = World(database, sql, organization, port)
        arguments = {"to": "a@example.com", "subject": "S", "text": "T", "attachment": None}
        task = SimpleNamespace(id=uuid4(), arguments=arguments, created_at=datetime.now(UTC))
        inbox.refusals = ["450 4.2.0 Greylisted", "550 5.1.1 No such user"]
        with pytest.raises(RetryLaterError) as waits:
            await world.send(task)
        assert waits.value.retry_after == 300
        with pytest.raises(MailRefusedError):
            await world.send(task)
        await world.send(task)
        assert [mail["Message-ID"] for mail in inbox.mails] == [f"<{task.id}@corp.example>"]


async def test_a_mail_waits_two_days_for_its_server_and_then_fails(
    database: Database, sql: Sql, organization: int
) -> None:
    with open_mail_server() as (inbox, port):
        world = World(database, sql, organization, port)
        arguments = {"to": "a@example.com", "subject": "S", "text": "T", "attachment": None}
        created_at = datetime.now(UTC) - timedelta(days=2, minutes=1)
        task = SimpleNamespace(id=uuid4(), arguments=arguments, created_at=created_at)
        inbox.refusals = ["421 4.3.2 Try later"]
        with pytest.raises(MailUnavailableError):
            await world.send(task)


async def test_a_schedule_without_frequency_ends_the_report(world: World) -> None:
    await world.schedule(Frequency.DAILY, "a@example.com")
    assert await world.reports.get_schedule(world.organization) == ReportSchedule(
        Frequency.DAILY, email=("a@example.com",)
    )
    await world.schedule(None)
    assert await world.reports.get_schedule(world.organization) == ReportSchedule()
    await world.submit(datetime.now(UTC))
    assert await world.list_tasks("make_report") == []
