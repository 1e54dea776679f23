"""Mails about dead letters: at most one an organization in some minutes, with counts and the first of them.

The first dead letter submits a task that writes the mail, and later ones find that it waits. It waits until the time of
the last mail is over, then reports everything since that mail. What became a dead letter while it was written is in the
next mail, whose task it submits as it ends. Each recipient's mail is a task of its own: a recipient whose server is
unavailable delays no other one, and no other one receives the mail again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.tenants.identities import get_default_organization
from app.db.tenants.organizations import ensure_internal_agent
from app.db.upkeep.alerts import AlertState, note_sent, read_alerts, read_now, summarise, write_alerts
from app.domain.counting import count_of
from app.domain.dead_letters import DeadLetterCount, DeadLetterSummary
from app.domain.errors import InvalidRequestError, NotFoundError, RetryLaterError
from app.domain.mail import is_mail_address
from app.domain.mail_tasks import make_mail_task
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.submit import submit_all, submit_once
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_FIRST = 10
_FIRST_DAYS = 1
_WITHOUT = (TaskName.MAIL_DEAD_LETTERS, TaskName.SEND_MAIL, TaskName.DELIVER_EVENT)
"""Tasks whose failure is no reason for a mail: they are about messages themselves."""


class DeadLetterMails:
    """Writes the mails: the port ``Alarm``.

    Args:
        database: The database.
        admission: Admits the tasks.
        recipients: Addresses that receive the mails of every organization.
        seconds: The shortest time between two mails about an organization.
        is_on: Whether there is a mail server.
    """

    def __init__(
        self,
        database: Database,
        admission: Admission,
        recipients: Sequence[str],
        seconds: float,
        *,
        is_on: bool,
    ) -> None:
        self._database = database
        self._admission = admission
        self._is_on = is_on
        self._recipients = recipients
        self._pause = timedelta(seconds=seconds)

    async def get_emails(self, organization_id: int) -> Sequence[str]:
        """The recipients that an organization has chosen.

        Raises:
            NotFoundError: there is no such organization.
        """
        async with self._database.statement() as connection:
            state = await read_alerts(connection, organization_id)
        if state is None:
            raise NotFoundError(f"Organization {organization_id} does not exist.")
        return state.emails

    async def set_emails(self, organization_id: int, emails: Sequence[str]) -> None:
        """Replace the recipients that an organization has chosen.

        Raises:
            InvalidRequestError: one of them is no mail address.
            NotFoundError: there is no such organization.
        """
        if not all(map(is_mail_address, emails)):
            raise InvalidRequestError("Must be mail addresses such as team@example.com.", field="body.emails")
        async with self._database.statement() as connection:
            if not await write_alerts(connection, organization_id, emails):
                raise NotFoundError(f"Organization {organization_id} does not exist.")

    async def raise_for(self, task: Task) -> None:
        """Make sure that a mail will report a dead letter."""
        if not self._is_on or task.name in _WITHOUT:
            return
        async with self._database.transaction() as connection:
            state = await read_alerts(connection, task.organization_id, lock=True)
            if state is None or not self._list_recipients(state):
                return
            await self._submit(connection, task.organization_id, state.number)
        self._admission.nudge(Queue.DEFAULT)

    async def send(self, attempt: RunningAttempt) -> Outcome:
        """Write a mail with everything since the last one; the outcome submits a task for each recipient.

        Raises:
            RetryLaterError: the last mail was sent too recently.
        """
        task = attempt.task
        async with self._database.statement() as connection:
            state = await read_alerts(connection, task.organization_id)
            now = await read_now(connection)
            if state is None or not self._is_on or not self._list_recipients(state):
                return Outcome({"dead_letters": 0, "mails": 0}, "No recipients")
            if state.until is not None and (wait := state.until + self._pause - now) > timedelta():
                raise RetryLaterError("Waiting until the next mail may be sent", retry_after=wait.total_seconds())
            since = state.until or task.created_at - timedelta(days=_FIRST_DAYS)
            found = await summarise(connection, task.organization_id, since, now, without=_WITHOUT, limit=_FIRST)
        counts, first = found
        total = sum(count.number for count in counts)
        recipients = self._list_recipients(state) if counts else []
        subject, body = _write_mail(task, counts, first)

        async def end(connection: AsyncConnection) -> None:
            if recipients:
                await self._submit_mails(connection, task, recipients, subject, body)
            await note_sent(connection, task.organization_id, state.number + 1, now)
            later = await read_now(connection)
            newer, _ = await summarise(connection, task.organization_id, now, later, without=_WITHOUT, limit=1)
            if newer:
                await self._submit(connection, task.organization_id, state.number + 1)

        async def nudge() -> None:
            self._admission.nudge(Queue.DEFAULT)

        result = {"dead_letters": total, "mails": len(recipients)}
        return Outcome(result, f"Reported {count_of(total, 'dead letter')}", apply=end, after=nudge)

    def _list_recipients(self, state: AlertState) -> list[str]:
        return list(dict.fromkeys([*self._recipients, *state.emails]))

    async def _submit(self, connection: AsyncConnection, organization_id: int, number: int) -> None:
        """Submit the task of the next mail, unless it waits already. The organization's row is locked."""
        agent_id = await ensure_internal_agent(connection, organization_id)
        task = NewTask(organization_id, agent_id, TaskName.MAIL_DEAD_LETTERS, Queue.DEFAULT)
        await submit_once(connection, task, f"dead-letter-mail:{organization_id}:{number}")

    async def _submit_mails(
        self, connection: AsyncConnection, task: Task, recipients: Sequence[str], subject: str, body: str
    ) -> None:
        """Submit a mail to each recipient. Those of the installation are tasks of the default organization.

        Otherwise the organization's clients would see the operator's addresses.
        """
        operator = await get_default_organization(connection)
        operator_agent = await ensure_internal_agent(connection, operator)
        await submit_all(
            connection,
            [
                make_mail_task(operator, operator_agent, recipient, subject, body)
                if recipient in self._recipients
                else make_mail_task(task.organization_id, task.agent_id, recipient, subject, body)
                for recipient in recipients
            ],
        )


def _write_mail(task: Task, counts: Sequence[DeadLetterCount], first: Sequence[DeadLetterSummary]) -> tuple[str, str]:
    """The subject and the body, without texts of documents: names of tasks, codes and ids."""
    total = count_of(sum(count.number for count in counts), "task")
    lines = [
        f"{total} of organization {task.organization_id} failed for good and wait for a decision.",
        "",
        *(f"{count.number:>7}  {_shorten(count.name)}: {count.code}" for count in counts),
        "",
        "The first of them:",
        *(
            f"  {_write_time(one.dead_lettered_at)}  {one.task_id}  {_shorten(one.name)}: {one.code}"
            f"  agent {one.agent_id}" + (f", document {one.document_id}" if one.document_id else "")
            for one in first
        ),
        "",
        "./sluice dead-letters list shows them with their errors; replay or discard them there.",
    ]
    return f"Sluice: {total} failed for good", "\n".join(lines)


def _shorten(name: str) -> str:
    return name.rsplit(".", 1)[-1]


def _write_time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
