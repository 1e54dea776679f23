"""Sending: a delivery's task sends it once, and writes to the log how that ended."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, repeats_on_conflict
from app.db.webhooks.deliveries import find_delivery, list_failing, record_attempt, reopen_delivery
from app.db.webhooks.secrets import list_secrets
from app.db.webhooks.sending_order import end_with_tasks, hold_deliveries, hold_old_deliveries, list_waiting
from app.db.webhooks.webhooks import disable_webhook, find_webhook, lock_webhooks, note_failure, note_success
from app.domain.errors import DeliveryFailedError, RetryLaterError
from app.domain.ports import WebhookSender
from app.domain.tasks import Progress, Queue, Task
from app.domain.webhooks import (
    Answer,
    AttemptLog,
    Delivery,
    DeliveryStatus,
    Reason,
    Webhook,
    choose_retry_delay,
)
from app.ledger.bring_forward import bring_forward
from app.ledger.upkeep import claim_chore
from app.services.notifications.notices import report_disabled
from app.services.notifications.queueing import queue_due
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_SWEEP_SECONDS = 5.0
_NOT_SENT = "Not sent: the webhook was disabled or deleted, or the delivery was replayed"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Message:
    """What an attempt sends."""

    delivery: Delivery
    url: str
    secrets: list[str]
    attempts: int
    """With this one."""


class Sending:
    """Sends deliveries. A webhook is disabled after ``days`` of nothing but failures."""

    def __init__(self, database: Database, sender: WebhookSender, admission: Admission, days: int) -> None:
        self._database = database
        self._sender = sender
        self._admission = admission
        self._days = days
        self._sweep_at = 0.0

    async def deliver(self, attempt: RunningAttempt) -> Outcome:
        """Send a delivery.

        Raises:
            RetryLaterError: it failed, and will be tried again.
            DeliveryFailedError: it failed for the last time.
        """
        message = await self._load(attempt.task)
        if message is None:
            return Outcome(None, _NOT_SENT)
        attempt.release_slot()
        self._admission.nudge(attempt.task.queue)
        await attempt.report(Progress("deliver", 20, f"Attempt {message.attempts}"))
        at, began = datetime.now(UTC), time.monotonic()
        answer = await self._sender.send(
            message.url, message.delivery.message_id, message.delivery.body, message.secrets
        )
        ms = round((time.monotonic() - began) * 1000)
        entry = AttemptLog(at.isoformat(timespec="milliseconds"), ms, answer.status, answer.error, answer.excerpt)
        if answer.is_success:
            return self._succeed(message, entry)
        return await self._fail(attempt.task, message, entry, answer)

    async def sweep_if_due(self) -> None:
        """Sweep if the last call that did is some seconds ago, so that an idle process asks the database rarely."""
        if (now := time.monotonic()) >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            await self.sweep()

    async def sweep(self) -> None:
        """Queue what waits for nothing but time, and end deliveries whose task ended without them.

        Every process may call it at any time: one does it, now and then.
        """
        async with self._database.statement() as connection:
            if not await claim_chore(connection, "webhooks", _SWEEP_SECONDS):
                return
        async with self._database.transaction() as connection:
            changed = await end_with_tasks(connection)
            webhook_ids = sorted(changed | set(await list_waiting(connection)))
            if not webhook_ids:
                return
            await lock_webhooks(connection, webhook_ids)
            queued = await queue_due(connection, webhook_ids)
        self._nudge(queued=queued)

    async def _load(self, task: Task) -> _Message | None:
        """Read what the task sends; None if it sends nothing any more."""
        async with self._database.statement() as connection:
            delivery = await find_delivery(connection, task.arguments["delivery_id"], task.id)
            webhook = await find_webhook(connection, delivery.webhook_id) if delivery else None
            if delivery is None or webhook is None or not webhook.enabled or delivery.status is DeliveryStatus.HELD:
                return None
            if delivery.status is not DeliveryStatus.PENDING:  # a client has retried the task
                delivery = await reopen_delivery(connection, delivery.id)
            owner = None if webhook.callback_origin else webhook.id
            secrets = await list_secrets(connection, delivery.organization_id, owner)
        signing = [secret.secret for secret in secrets]
        return _Message(delivery, delivery.url or webhook.url, signing, delivery.attempts + 1)

    def _succeed(self, message: _Message, entry: AttemptLog) -> Outcome:
        delivery, queued = message.delivery, False

        async def record(connection: AsyncConnection) -> None:
            nonlocal queued
            [webhook] = await lock_webhooks(connection, [delivery.webhook_id])
            await record_attempt(connection, delivery, DeliveryStatus.DELIVERED, message.attempts, entry)
            if webhook.failures:
                await note_success(connection, webhook.id)
            if webhook.was_down(datetime.now(UTC)):
                await bring_forward(connection, await list_failing(connection, webhook.id))
            queued = await queue_due(connection, [webhook.id])

        async def nudge() -> None:
            self._nudge(queued=queued)

        result = {"delivery_id": delivery.id, "status": entry.status, "attempts": message.attempts}
        return Outcome(result, f"Delivered {delivery.event}", apply=record, after=nudge)

    async def _fail(self, task: Task, message: _Message, entry: AttemptLog, answer: Answer) -> Outcome:
        delay = None if answer.is_gone else choose_retry_delay(message.attempts, answer.retry_after)
        reason = await self._record_failure(message, entry, answer, delay)
        error = answer.error or "The delivery failed."
        if reason is Reason.FAILING:
            return Outcome(None, f"Held: the webhook is disabled. {error}")
        if delay is None:
            raise DeliveryFailedError(error)
        log.info("delivery_failed", webhook_id=message.delivery.webhook_id, status=entry.status, task=task.name)
        raise RetryLaterError(f"Waiting to try again: {error}", retry_after=delay)

    @repeats_on_conflict
    async def _record_failure(
        self, message: _Message, entry: AttemptLog, answer: Answer, delay: float | None
    ) -> Reason | None:
        """Write a failed attempt; returns the reason if it disables the webhook."""
        delivery = message.delivery
        status = DeliveryStatus.FAILED if delay is None else DeliveryStatus.PENDING
        async with self._database.transaction() as connection:
            [webhook] = await lock_webhooks(connection, [delivery.webhook_id])
            await record_attempt(connection, delivery, status, message.attempts, entry, delay)
            # 410 for a callback URL says nothing about the other URLs of its server.
            counts = not (answer.is_gone and webhook.callback_origin)
            is_failing_long = counts and await note_failure(connection, webhook.id, self._days)
            held, reason = 0, _choose_reason(webhook, answer, is_failing_long=is_failing_long)
            if reason:
                await disable_webhook(connection, webhook.id, reason)
                held = await hold_deliveries(connection, webhook.id)
                await report_disabled(connection, webhook, reason, held)
            elif is_failing_long and webhook.callback_origin:
                held = await hold_old_deliveries(connection, webhook.id, self._days)
            queued = await queue_due(connection, [webhook.id])
        if reason:
            log.warning("webhook_disabled", webhook_id=webhook.id, reason=reason.value, held=held)
        elif held:
            log.warning("callbacks_held", webhook_id=webhook.id, held=held)
        self._nudge(queued=queued)
        return reason

    def _nudge(self, *, queued: bool) -> None:
        if queued:
            self._admission.nudge(Queue.DEFAULT.value)


def _choose_reason(webhook: Webhook, answer: Answer, *, is_failing_long: bool) -> Reason | None:
    """Why a failed attempt disables the webhook; None if it does not. Callback URLs have no webhook to disable."""
    if webhook.callback_origin is not None or not webhook.enabled:
        return None
    if answer.is_gone:
        return Reason.GONE
    return Reason.FAILING if is_failing_long else None
