"""Scheduled reports: Beat submits one task a day, which submits a task for each organization whose report is due."""

import time
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.billing.reports import get_schedule, list_schedules, set_schedule
from app.db.billing.uses import list_uses
from app.db.engine import Database
from app.db.events.outbox import insert_event
from app.db.tenants.organizations import ensure_internal_agent
from app.domain.counting import count_of
from app.domain.events import EventType
from app.domain.mail import Attachment
from app.domain.mail_tasks import make_mail_task
from app.domain.prices import STORED
from app.domain.reports import Frequency, ReportSchedule, name_period
from app.domain.statements import BillingStatement
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.ledger.submit import submit, submit_once
from app.services.billing.mails import Mails
from app.services.billing.statement_files import write_csv, write_number
from app.services.billing.statements import Statements
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_AT_ONCE = 200
_TURN_SECONDS = 60.0
"""After this time the task returns to its queue and continues later, so that it stays below every time limit."""


class Reports:
    """The schedules of reports, and the tasks that make them."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        mails: Mails,
        admission: Admission,
        at_once: int = _AT_ONCE,
    ) -> None:
        self._database = database
        self._statements = statements
        self._mails = mails
        self._admission = admission
        self._at_once = at_once

    async def get_schedule(self, organization_id: int) -> ReportSchedule:
        """The schedule of an organization's report."""
        async with self._database.statement() as connection:
            return await get_schedule(connection, organization_id)

    async def set_schedule(self, organization_id: int, schedule: ReportSchedule) -> None:
        """Set the schedule of an organization's report; one without frequency ends it."""
        async with self._database.statement() as connection:
            await set_schedule(connection, organization_id, schedule)

    async def submit_due(self, attempt: RunningAttempt) -> Outcome:
        """Submit the reports that are due on the day for which this task was submitted, each once.

        On the first day of a month, it also closes the statements of the month before.
        """
        given, until = attempt.task.arguments, time.monotonic() + _TURN_SECONDS
        due = given.get("due")
        today = (datetime.fromisoformat(due) if due else attempt.task.created_at).date()
        after, submitted, closed = (int(given.get(name, 0)) for name in ("after", "submitted", "closed"))
        while True:
            async with self._database.transaction() as connection:
                found = await list_schedules(connection, after, self._at_once)
                for organization in found:
                    submitted += await self._submit(connection, organization.id, organization.schedule, today)
            self._admission.nudge(Queue.DEFAULT)
            if today.day == 1:
                for organization in found:
                    await self._statements.get(organization.id, (today - timedelta(days=1)).replace(day=1))
                closed += len(found)
            status = f"Submitted {count_of(submitted, 'report')}, closed {count_of(closed, 'statement')}"
            if len(found) < self._at_once:
                return Outcome({"reports": submitted, "statements": closed}, status)
            after = found[-1].id
            await attempt.report(Progress("reports", 0, status))
            if time.monotonic() > until:
                return Outcome(None, status, continues={"after": after, "submitted": submitted, "closed": closed})

    async def make(self, attempt: RunningAttempt) -> Outcome:
        """Make a report: raise its event, and submit a mail to each address."""
        task = attempt.task
        frequency, first = Frequency(task.arguments["frequency"]), date.fromisoformat(task.arguments["first"])
        period, month = name_period(frequency, first), first.replace(day=1)
        schedule = await self.get_schedule(task.organization_id)
        statement = await self._statements.get(task.organization_id, month)
        figures = await self._find_figures(task.organization_id, frequency, first, statement)
        data = {
            "frequency": frequency.value,
            "period": period,
            "quantities": figures,
            "month": f"{month:%Y-%m}",
            "month_total": str(statement.total),
            "currency": statement.prices.currency,
        }

        async def apply(connection: AsyncConnection) -> None:
            if schedule.webhook:
                await insert_event(connection, task.organization_id, EventType.REPORT_READY, data, task_id=task.id)
            for address in schedule.email if self._mails.is_on else ():
                await submit(connection, _make_mail(task, address, data, statement))

        async def nudge() -> None:
            self._admission.nudge(Queue.DEFAULT)

        mails = len(schedule.email) if self._mails.is_on else 0
        return Outcome({"period": period, "mails": mails}, f"Made the report of {period}", apply=apply, after=nudge)

    async def _submit(
        self, connection: AsyncConnection, organization_id: int, schedule: ReportSchedule, today: date
    ) -> int:
        """Submit the report of an organization if it is due and was not submitted; returns how many."""
        first = schedule.find_period(today)
        if first is None or schedule.frequency is None:
            return 0
        agent_id = await ensure_internal_agent(connection, organization_id)
        arguments = {"frequency": schedule.frequency.value, "first": first.isoformat()}
        task = NewTask(organization_id, agent_id, TaskName.MAKE_REPORT, Queue.DEFAULT, arguments=arguments)
        key = f"report:{organization_id}:{name_period(schedule.frequency, first)}"
        return 1 if await submit_once(connection, task, key) else 0

    async def _find_figures(
        self, organization_id: int, frequency: Frequency, first: date, statement: BillingStatement
    ) -> dict[str, str]:
        """What was used in the period, by quantity."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        if frequency is Frequency.MONTHLY:
            for line in statement.lines:
                sums[line.quantity] += line.units
        else:
            for use in await list_uses(self._database, organization_id, first.replace(day=1), first):
                if use.day == first and use.quantity != STORED:
                    sums[use.quantity] += use.amount
        return {quantity: write_number(amount) for quantity, amount in sums.items()}


def _make_mail(task: Task, address: str, data: dict[str, Any], statement: BillingStatement) -> NewTask:
    lines = [f"  {quantity.replace('_', ' ')}: {amount}" for quantity, amount in data["quantities"].items()]
    total = f"Total of {data['month']} so far" if statement.revision == 0 else f"Total of {data['month']}"
    text = "\n".join(
        [
            f"What {statement.organization} used in {data['period']} (UTC):",
            "",
            *(lines or ["  nothing"]),
            "",
            f"{total}: {data['month_total']} {data['currency']}",
            "",
            "The attached file has the statement of the month.",
            "",
        ]
    )
    attachment = Attachment(f"statement-{data['month']}.csv", "text/csv", write_csv(statement))
    subject = f"Sluice: usage of {statement.organization} in {data['period']}"
    return make_mail_task(task.organization_id, task.agent_id, address, subject, text, attachment)
