"""Events about webhooks themselves."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.events.outbox import insert_event
from app.domain.events import EventType
from app.domain.webhooks import Reason, Webhook


async def report_disabled(connection: AsyncConnection, webhook: Webhook, reason: Reason, held: int) -> None:
    """Record that a webhook was disabled, for the feed and for the organization's other webhooks."""
    since = webhook.failing_since.isoformat() if webhook.failing_since else None
    data = {
        "webhook_id": webhook.id,
        "url": webhook.url,
        "reason": reason.value,
        "failing_since": since,
        "held_deliveries": held,
    }
    await insert_event(connection, webhook.organization_id, EventType.WEBHOOK_DISABLED, data)
