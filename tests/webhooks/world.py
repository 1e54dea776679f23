"""The services of webhooks on real Postgres. Tasks run when the test runs them, and time passes when it says so."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.web.client import WebClient
from app.adapters.web.connection import Resolve, resolve
from app.adapters.webhooks.sender import HttpWebhookSender
from app.db.engine import Database
from app.db.tables.events import events
from app.db.tenants.agents import insert_agent
from app.domain.addresses import AllowedHosts
from app.domain.events import RecordedEvent
from app.domain.ids import TaskId, new_worker_id
from app.domain.records import AgentSettings
from app.domain.tasks import WORK_QUEUES, TaskName
from app.domain.webhooks import Delivery, DeliveryFilter, Webhook, WebhookValues
from app.ledger.cancel import cancel, revive
from app.ledger.claim import Slot, claim
from app.ledger.finish import hand_back
from app.ledger.workers import NewWorker, register
from app.services.notifications.deliveries import Deliveries
from app.services.notifications.fan_out import fan_out
from app.services.notifications.sending import Sending
from app.services.notifications.sequencer import Sequencer
from app.services.notifications.webhooks import Webhooks
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import RunningAttempt, WorkerSlot
from app.services.queue.execution import Execution
from app.services.queue.failures import RetryPolicy
from app.tasks.lease import Lease
from tests.indexes.outside import SilentDoorbell

ORGANIZATION = 1
ALLOWED = "127.0.0.1"
_MOVED = (
    ("tasks", "available_at"),
    ("webhooks", "failing_since"),
    ("webhooks", "failed_at"),
    ("webhook_deliveries", "next_attempt_at"),
    ("webhook_deliveries", "created_at"),
    ("webhook_secrets", "expires_at"),
    ("chores", "due_at"),
)


class World:
    """The services of an API and its workers, and one worker."""

    def __init__(self, engine: AsyncEngine, *, allowed: str = ALLOWED, names: Resolve = resolve) -> None:
        self.database = database = Database(engine)
        hosts = AllowedHosts.parse(allowed)
        client = WebClient(user_agent="Sluice", time_limit=2.0, allowed=hosts, resolve=names)
        self.admission = Admission(database, SilentDoorbell())
        self.webhooks = Webhooks(database, hosts)
        self.deliveries = Deliveries(database, self.admission)
        self.sending = Sending(database, HttpWebhookSender(client), self.admission, 5)
        self.sequencer = Sequencer(database, self.admission, self._fan_out)
        self.breaks = False
        self._after_commit = after_commit = AfterCommit(database, SilentDoorbell(), self.admission)
        policy = RetryPolicy(max_retries=3, backoff=1, backoff_max=1, time_limit=30)
        self.execution = Execution(database, after_commit, policy, self.admission)
        self._worker = new_worker_id()
        lease = Lease()
        lease.grant(self._worker, time.monotonic() + 600)
        self._slot = WorkerSlot(self._worker, os.getpid(), lease)

    async def open(self) -> "World":
        """Add a worker."""
        async with self.database.transaction() as connection:
            await register(connection, NewWorker(self._worker, "test", "here", os.getpid(), WORK_QUEUES, 100), 600)
        return self

    async def register(self, url: str, *events: str, **values: Any) -> tuple[Webhook, str]:
        """Register a webhook; returns it and its secret."""
        given = {"description": "", "events": events or ("*",), "agent_ids": None, "enabled": True, **values}
        return await self.webhooks.create(ORGANIZATION, WebhookValues(url, **given))

    async def make_agent(self) -> int:
        """Add an agent; returns its id."""
        async with self.database.transaction() as connection:
            agent = await insert_agent(connection, ORGANIZATION, "Test", "test", AgentSettings())
        return agent.id

    async def emit(
        self,
        *types: str,
        organization_id: int = ORGANIZATION,
        agent_id: int | None = None,
        document_id: int | None = None,
        callback_url: str | None = None,
        data: Mapping[str, Any] | None = None,
        breaks: bool = False,
    ) -> int:
        """Record events and give them their positions; returns the id of the first.

        With ``breaks``, the transaction that does so fails at its end.
        """
        rows = [
            {
                "organization_id": organization_id,
                "agent_id": agent_id,
                "document_id": document_id,
                "callback_url": callback_url,
                "type": name,
                "data": dict(data or {}),
            }
            for name in types
        ]
        async with self.database.transaction() as connection:
            first = (await connection.execute(insert(events).values(rows).returning(events.c.id))).scalars().all()[0]
        self.breaks = breaks
        await self.sequencer.advance()
        return int(first)

    async def _fan_out(self, connection: AsyncConnection, given: Sequence[RecordedEvent]) -> bool:
        submitted = await fan_out(connection, given)
        if self.breaks:
            self.breaks = False
            raise ZeroDivisionError
        return submitted

    async def claim(self, task_id: UUID) -> RunningAttempt:
        """Claim a task, without running it."""
        await self.admission.settle()
        await self.admission.admit(WORK_QUEUES)
        async with self.database.statement() as connection:
            slot = Slot(self._slot.worker_id, self._slot.pid)
            claimed = await claim(connection, TaskId(task_id), TaskName.DELIVER_EVENT, slot)
        assert claimed.task
        return RunningAttempt(claimed.task, self._slot, self.database, self._after_commit)

    async def reclaim(self, attempt: RunningAttempt) -> None:
        """Return the task of an attempt to its queue, as after the death of its process."""
        async with self.database.statement() as connection:
            assert await hand_back(connection, attempt.task.attempt_token)

    async def revive(self, task_id: UUID) -> None:
        """Retry a task that has ended, as a client does."""
        async with self.database.transaction() as connection:
            assert await revive(connection, TaskId(task_id), ORGANIZATION)

    async def cancel_tasks(self) -> None:
        """Cancel every task that waits."""
        for row in await self.fetch("SELECT id FROM tasks WHERE completed_at IS NULL"):
            async with self.database.statement() as connection:
                assert await cancel(connection, row.id, ORGANIZATION)

    def filter(self, **wanted: Any) -> DeliveryFilter:
        """A filter of deliveries."""
        return DeliveryFilter(**wanted)

    async def run(self) -> int:
        """Run tasks that are due, those that wait for a receiver at the same time, until none is left.

        Returns how many ran.
        """
        running: dict[asyncio.Task[Any], UUID] = {}
        ran = 0
        while True:
            await self.admission.settle()
            await self.admission.admit(WORK_QUEUES)
            waiting = await self.fetch("SELECT id, name FROM tasks WHERE state = 'QUEUED' ORDER BY queued_at, id")
            for row in waiting:
                if row.id not in running.values():
                    work = self.execution.run(row.id, TaskName(row.name), self._slot, self.sending.deliver)
                    running[asyncio.create_task(work)] = row.id
                    ran += 1
            if not running:
                return ran
            done, _ = await asyncio.wait(running, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                del running[task]
                await task

    async def let_pass(self, seconds: float) -> None:
        """Move every time that the services compare with the present back."""
        for table, column in _MOVED:
            await self.fetch(f"UPDATE {table} SET {column} = {column} - make_interval(secs => :s)", s=seconds)
        await self.sending.sweep()

    async def list(self, webhook: int | str, **wanted: Any) -> Sequence[Delivery]:
        """A webhook's deliveries, the oldest first."""
        listing = await self.deliveries.list(ORGANIZATION, webhook, DeliveryFilter(**wanted), limit=1000, after=None)
        return listing.items[::-1]

    async def get(self, webhook: Webhook) -> Webhook:
        """A webhook's present row."""
        return await self.webhooks.get(ORGANIZATION, webhook.id)

    async def fetch(self, query: str, **parameters: Any) -> Sequence[Any]:
        """The rows of the test's own statement; none if it returns no rows."""
        async with self.database.transaction() as connection:
            result = await connection.execute(text(query), parameters)
            return result.all() if result.returns_rows else []
