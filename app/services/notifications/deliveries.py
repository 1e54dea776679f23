"""The log of deliveries, their replay, and tests of a webhook."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

from app.db.engine import Database, repeats_on_conflict
from app.db.webhooks.deliveries import (
    count_deliveries,
    get_delivery,
    insert_delivery,
    list_deliveries,
    list_receivers,
    list_replayable,
    replay_deliveries,
)
from app.db.webhooks.sending_order import Due
from app.db.webhooks.webhooks import get_webhook, lock_webhooks
from app.domain.errors import ConflictError, NotFoundError
from app.domain.records import Listing
from app.domain.tasks import Queue
from app.domain.webhooks import CALLBACKS, TEST_EVENT, Delivery, DeliveryFilter, NewDelivery, Webhook
from app.services.notifications.queueing import queue, queue_due
from app.services.queue.admission import Admission

_BATCH = 500


class Deliveries:
    """What was sent to webhooks and callback URLs. ``webhook`` is a webhook's id, or ``callbacks``."""

    def __init__(self, database: Database, admission: Admission) -> None:
        self._database = database
        self._admission = admission

    async def list(
        self, organization_id: int, webhook: int | str, wanted: DeliveryFilter, *, limit: int, after: int | None
    ) -> Listing[Delivery]:
        """Deliveries, the newest first.

        Raises:
            NotFoundError: the organization has no such webhook.
        """
        await self._check(organization_id, webhook)
        async with self._database.statement() as connection:
            return await list_deliveries(connection, organization_id, webhook, wanted, limit=limit, after=after)

    async def get(self, organization_id: int, webhook: int | str, delivery_id: int) -> Delivery:
        """One delivery.

        Raises:
            NotFoundError: the organization has no such delivery of the webhook.
        """
        await self._check(organization_id, webhook)
        async with self._database.statement() as connection:
            delivery = await get_delivery(connection, organization_id, webhook, delivery_id)
        if delivery is None:
            raise NotFoundError(f"Delivery {delivery_id} does not exist.")
        return delivery

    @repeats_on_conflict
    async def replay(self, organization_id: int, webhook: int | str, delivery_id: int) -> Delivery:
        """Send a delivery again now, whatever became of it before.

        Raises:
            NotFoundError: the organization has no such delivery of the webhook.
            ConflictError: it is being sent, or the webhook is disabled.
        """
        delivery = await self.get(organization_id, webhook, delivery_id)
        async with self._database.transaction() as connection:
            [receiver] = await lock_webhooks(connection, [delivery.webhook_id])
            _require_enabled(receiver)
            if not await replay_deliveries(connection, [delivery_id]):
                raise ConflictError("The delivery is pending: it will be sent anyway.")
            await queue(connection, [Due(delivery_id, organization_id, delivery.url or receiver.url)])
        self._admission.nudge(Queue.DEFAULT.value)
        return await self.get(organization_id, webhook, delivery_id)

    async def count(self, organization_id: int, webhook: int | str, wanted: DeliveryFilter) -> int:
        """The number of deliveries that ``replay_all`` would send.

        Raises:
            NotFoundError: the organization has no such webhook.
        """
        await self._check(organization_id, webhook)
        async with self._database.statement() as connection:
            return await count_deliveries(connection, organization_id, webhook, wanted)

    async def replay_all(self, organization_id: int, webhook: int | str, wanted: DeliveryFilter) -> int:
        """Send every matching delivery that is not pending again, in order; returns how many.

        Raises:
            NotFoundError: the organization has no such webhook.
            ConflictError: the webhook is disabled.
        """
        receiver = await self._check(organization_id, webhook)
        if receiver:
            _require_enabled(receiver)
        count, after = 0, 0
        while True:
            async with self._database.statement() as connection:
                ids = await list_replayable(connection, organization_id, webhook, wanted, limit=_BATCH, after=after)
            count += await self._replay(ids)
            if len(ids) < _BATCH:
                return count
            after = ids[-1]

    @repeats_on_conflict
    async def _replay(self, ids: Sequence[int]) -> int:
        async with self._database.transaction() as connection:
            webhook_ids = await list_receivers(connection, ids)
            await lock_webhooks(connection, webhook_ids)
            replayed = await replay_deliveries(connection, ids)
            queued = await queue_due(connection, webhook_ids)
        if queued:
            self._admission.nudge(Queue.DEFAULT.value)
        return replayed

    async def test(self, organization_id: int, webhook_id: int) -> Delivery:
        """Send a test event to a webhook now.

        Raises:
            NotFoundError: the organization has no such webhook.
            ConflictError: the webhook is disabled.
        """
        async with self._database.transaction() as connection:
            webhook = await get_webhook(connection, organization_id, webhook_id, lock=True)
            if webhook is None:
                raise _not_found(webhook_id)
            _require_enabled(webhook)
            delivery_id = await insert_delivery(connection, _make_test(webhook))
            await queue(connection, [Due(delivery_id, organization_id, webhook.url)])
        self._admission.nudge(Queue.DEFAULT.value)
        return await self.get(organization_id, webhook_id, delivery_id)

    async def _check(self, organization_id: int, webhook: int | str) -> Webhook | None:
        """The webhook; None for callbacks."""
        if webhook == CALLBACKS:
            return None
        async with self._database.statement() as connection:
            found = await get_webhook(connection, organization_id, int(webhook))
        if found is None:
            raise _not_found(webhook)
        return found


def _require_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise ConflictError("The webhook is disabled. Enable it first.")


def _not_found(webhook: int | str) -> NotFoundError:
    return NotFoundError(f"Webhook {webhook} does not exist.")


def _make_test(webhook: Webhook) -> NewDelivery:
    message_id = f"evt_test_{uuid4().hex}"
    body = {
        "id": message_id,
        "type": TEST_EVENT,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "organization_id": webhook.organization_id,
        "position": None,
        "data": {"webhook_id": webhook.id, "message": "This is a test of the webhook."},
    }
    return NewDelivery(
        webhook.organization_id, webhook.id, None, message_id, TEST_EVENT, None, None, None, json.dumps(body)
    )
