"""Queries on webhooks. Nothing here commits."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables.webhooks import webhooks
from app.domain.records import Listing
from app.domain.webhooks import Reason, Webhook, WebhookValues

_FIELDS = [webhooks.c[name] for name in Webhook.__dataclass_fields__]


def _webhook(row: Any) -> Webhook:
    return Webhook(**{name: getattr(row, name) for name in Webhook.__dataclass_fields__})


def _own(organization_id: int) -> ColumnElement[bool]:
    """The webhooks that clients see."""
    return (
        (webhooks.c.organization_id == organization_id)
        & webhooks.c.deleted_at.is_(None)
        & webhooks.c.callback_origin.is_(None)
    )


async def lock_organization_webhooks(connection: AsyncConnection, organization_id: int) -> None:
    """Have changes to the set of an organization's webhooks follow one another."""
    await connection.execute(
        text("SELECT FROM organizations WHERE id = :id FOR NO KEY UPDATE"), {"id": organization_id}
    )


async def insert_webhook(connection: AsyncConnection, organization_id: int, values: WebhookValues) -> Webhook:
    """Add a webhook."""
    given = {"organization_id": organization_id, **_describe(values)}
    return _webhook((await connection.execute(insert(webhooks).values(given).returning(*_FIELDS))).one())


async def get_webhook(
    connection: AsyncConnection, organization_id: int, webhook_id: int, *, lock: bool = False
) -> Webhook | None:
    """One webhook, unless deleted or another organization's."""
    query = select(*_FIELDS).where(webhooks.c.id == webhook_id, _own(organization_id))
    row = (await connection.execute(query.with_for_update(key_share=True) if lock else query)).one_or_none()
    return _webhook(row) if row else None


async def find_webhook(connection: AsyncConnection, webhook_id: int) -> Webhook | None:
    """One webhook, or the row of a server with callback URLs, unless deleted."""
    query = select(*_FIELDS).where(webhooks.c.id == webhook_id, webhooks.c.deleted_at.is_(None))
    row = (await connection.execute(query)).one_or_none()
    return _webhook(row) if row else None


async def list_webhooks(
    connection: AsyncConnection, organization_id: int, *, limit: int, after: int | None
) -> Listing[Webhook]:
    """Webhooks, the newest first."""
    return await list_rows(connection, webhooks, [_own(organization_id)], _webhook, limit=limit, after=after)


async def count_webhooks(connection: AsyncConnection, organization_id: int) -> int:
    """The number of an organization's webhooks."""
    query = select(func.count()).select_from(webhooks).where(_own(organization_id))
    return int(await connection.scalar(query) or 0)


async def update_webhook(connection: AsyncConnection, webhook: Webhook, values: WebhookValues) -> Webhook:
    """Write what a client sets. Enabling a webhook forgets its failures."""
    changes: dict[str, Any] = {**_describe(values), "updated_at": func.now()}
    if values.enabled and not webhook.enabled:
        cleared = ("disabled_at", "disabled_reason", "failing_since", "failed_at")
        changes |= {**dict.fromkeys(cleared), "failures": 0}
    elif webhook.enabled and not values.enabled:
        changes |= {"disabled_at": func.now(), "disabled_reason": Reason.REQUESTED.value}
    statement = update(webhooks).where(webhooks.c.id == webhook.id).values(changes).returning(*_FIELDS)
    return _webhook((await connection.execute(statement)).one())


async def delete_webhook(connection: AsyncConnection, webhook_id: int) -> None:
    """Hide a webhook for good. Its deliveries are deleted after their retention time."""
    changes = {"deleted_at": func.now(), "enabled": False}
    await connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(changes))


async def disable_webhook(connection: AsyncConnection, webhook_id: int, reason: Reason) -> None:
    """Disable a webhook that its receiver does not serve."""
    changes = {"enabled": False, "disabled_at": func.now(), "disabled_reason": reason.value}
    await connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(changes))


def _describe(values: WebhookValues) -> dict[str, Any]:
    return {
        "url": values.url,
        "description": values.description,
        "events": list(values.events),
        "agent_ids": None if values.agent_ids is None else list(values.agent_ids),
        "enabled": values.enabled,
    }


async def lock_webhooks(connection: AsyncConnection, webhook_ids: Sequence[int]) -> list[Webhook]:
    """Lock these webhooks, in the order of ids, so that deliveries are chosen for one by one transaction at a time."""
    query = select(*_FIELDS).where(webhooks.c.id.in_(list(webhook_ids))).order_by(webhooks.c.id)
    return [_webhook(row) for row in await connection.execute(query.with_for_update(key_share=True))]


async def lock_receivers(
    connection: AsyncConnection, organization_ids: Sequence[int], called: Sequence[int]
) -> list[Webhook]:
    """Lock the enabled webhooks of these organizations and the rows ``called`` of servers with callback URLs.

    One statement locks both in the order of ids, as ``lock_webhooks`` does, so that the two cannot deadlock. Returns
    the webhooks.
    """
    receives = (
        webhooks.c.organization_id.in_(list(organization_ids))
        & webhooks.c.enabled
        & webhooks.c.deleted_at.is_(None)
        & webhooks.c.callback_origin.is_(None)
    )
    query = select(*_FIELDS).where(receives | webhooks.c.id.in_(list(called))).order_by(webhooks.c.id)
    locked = [_webhook(row) for row in await connection.execute(query.with_for_update(key_share=True))]
    return [webhook for webhook in locked if webhook.callback_origin is None]


_ENSURE_ORIGIN = text("""
    INSERT INTO webhooks (organization_id, callback_origin, url) VALUES (:organization_id, :origin, :origin)
    ON CONFLICT (organization_id, callback_origin) WHERE callback_origin IS NOT NULL DO NOTHING
""")


async def ensure_origin(connection: AsyncConnection, organization_id: int, origin: str) -> int:
    """The id of the row that stands for the callback URLs of a server, which is added at its first use."""
    given = {"organization_id": organization_id, "origin": origin}
    query = select(webhooks.c.id).where(
        webhooks.c.organization_id == organization_id, webhooks.c.callback_origin == origin
    )
    found = await connection.scalar(query)
    if found is None:
        await connection.execute(_ENSURE_ORIGIN, given)
        found = await connection.scalar(query)
    return int(found or 0)


_NOTE_FAILURE = text("""
    UPDATE webhooks SET failures = failures + 1, failing_since = coalesce(failing_since, now()), failed_at = now()
    WHERE id = :webhook_id
    RETURNING failing_since < now() - make_interval(days => :days)
""")


async def note_failure(connection: AsyncConnection, webhook_id: int, days: int) -> bool:
    """Count a failed attempt; returns whether every attempt has failed for more than so many days."""
    return bool(await connection.scalar(_NOTE_FAILURE, {"webhook_id": webhook_id, "days": days}))


async def note_success(connection: AsyncConnection, webhook_id: int) -> None:
    """Forget the failures of a webhook."""
    changes = {"failures": 0, "failing_since": None, "failed_at": None}
    await connection.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(changes))


_KEEP_EVENTS = text("""
    UPDATE organizations SET events_until = 'infinity' WHERE id = :id AND events_until IS DISTINCT FROM 'infinity'
""")
_LET_EVENTS_END = text("""
    UPDATE organizations SET events_until = now() + interval '1 day' WHERE id = :id AND events_until = 'infinity'
""")


async def record_events(connection: AsyncConnection, organization_id: int, *, always: bool) -> None:
    """Record the organization's events: for as long as it has a webhook, or for another day."""
    await connection.execute(_KEEP_EVENTS if always else _LET_EVENTS_END, {"id": organization_id})
