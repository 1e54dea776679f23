"""Fan-out: the deliveries of events that have just got their positions, in the transaction that gives these."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.webhooks.deliveries import insert_deliveries
from app.db.webhooks.secrets import ensure_callback_secret
from app.db.webhooks.webhooks import ensure_origin, lock_receivers
from app.domain.errors import InvalidRequestError
from app.domain.events import JOB_ENDS, RecordedEvent, make_envelope
from app.domain.web_url import WebUrl
from app.domain.webhooks import NewDelivery, Webhook, make_secret
from app.services.notifications.queueing import queue_due

log = structlog.get_logger()


async def fan_out(connection: AsyncConnection, events: Sequence[RecordedEvent]) -> bool:
    """Add a delivery for each event and each webhook or callback URL that receives it.

    Returns whether tasks were submitted: the caller nudges the queue ``default`` after the commit.
    """
    callbacks = await _make_callbacks(connection, events)
    called = sorted({delivery.webhook_id for delivery in callbacks})
    receivers = await lock_receivers(connection, sorted({event.organization_id for event in events}), called)
    deliveries = [delivery for event in events for delivery in _make_deliveries(event, receivers)] + callbacks
    if not deliveries:
        return False
    await insert_deliveries(connection, deliveries)
    return await queue_due(connection, sorted({delivery.webhook_id for delivery in deliveries}))


def _make_deliveries(event: RecordedEvent, webhooks: Sequence[Webhook]) -> list[NewDelivery]:
    """The deliveries of an event to webhooks. All have the same body, which is rendered once."""
    wanting = [
        webhook.id
        for webhook in webhooks
        if webhook.organization_id == event.organization_id and webhook.wants(event.type, event.agent_id)
    ]
    if not wanting:
        return []
    delivery = _make_delivery(event, wanting[0])
    return [replace(delivery, webhook_id=webhook_id) for webhook_id in wanting]


async def _make_callbacks(connection: AsyncConnection, events: Iterable[RecordedEvent]) -> list[NewDelivery]:
    """The deliveries to callback URLs. The rows of their servers exist, and are not locked yet."""
    origins: dict[tuple[int, str], int] = {}
    deliveries = []
    for event in events:
        if event.callback_url is None or event.type not in JOB_ENDS:
            continue
        try:
            url = WebUrl.parse(event.callback_url)
        except InvalidRequestError as error:
            log.warning("callback_url_invalid", task_id=str(event.task_id), code=error.code)
            continue
        owner = (event.organization_id, f"{url.scheme}://{url.authority}")
        if owner not in origins:
            origins[owner] = await ensure_origin(connection, *owner)
            await ensure_callback_secret(connection, event.organization_id, make_secret())
        deliveries.append(_make_delivery(event, origins[owner], event.callback_url))
    return deliveries


def _make_delivery(event: RecordedEvent, webhook_id: int, url: str | None = None) -> NewDelivery:
    envelope = make_envelope(event)
    return NewDelivery(
        event.organization_id,
        webhook_id,
        event.id,
        envelope["id"],
        event.type,
        event.document_id,
        event.position,
        url,
        json.dumps(envelope, ensure_ascii=False, separators=(",", ":")),
    )
