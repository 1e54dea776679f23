"""Queries on the signing secrets of webhooks and of callbacks. Nothing here commits.

A secret is stored as it is, since every delivery is signed with it. It is never logged.
"""

from typing import Any

from sqlalchemy import ColumnElement, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.webhooks import webhook_secrets
from app.domain.webhooks import Secret

_CALLBACKS = None
"""In place of a webhook's id: the secret of the organization's callbacks."""


def _of(organization_id: int, webhook_id: int | None) -> ColumnElement[bool]:
    return (webhook_secrets.c.organization_id == organization_id) & webhook_secrets.c.webhook_id.is_not_distinct_from(
        webhook_id
    )


async def insert_secret(connection: AsyncConnection, organization_id: int, webhook_id: int | None, secret: str) -> None:
    """Add the current secret of a webhook, or that of callbacks. The caller has let the former one expire."""
    values: dict[str, Any] = {"organization_id": organization_id, "webhook_id": webhook_id, "secret": secret}
    await connection.execute(insert(webhook_secrets).values(values))


_ENSURE = text("""
    INSERT INTO webhook_secrets (organization_id, secret) VALUES (:organization_id, :secret)
    ON CONFLICT (organization_id) WHERE webhook_id IS NULL AND expires_at IS NULL DO NOTHING
""")


async def ensure_callback_secret(connection: AsyncConnection, organization_id: int, secret: str) -> None:
    """Add the secret of an organization's callbacks unless it has one."""
    if not await list_secrets(connection, organization_id, _CALLBACKS):
        await connection.execute(_ENSURE, {"organization_id": organization_id, "secret": secret})


async def list_secrets(connection: AsyncConnection, organization_id: int, webhook_id: int | None) -> list[Secret]:
    """The valid secrets of a webhook, or of callbacks, the current one first."""
    query = (
        select(webhook_secrets.c.secret, webhook_secrets.c.created_at, webhook_secrets.c.expires_at)
        .where(
            _of(organization_id, webhook_id),
            webhook_secrets.c.expires_at.is_(None) | (webhook_secrets.c.expires_at > func.now()),
        )
        .order_by(webhook_secrets.c.id.desc())
    )
    return [Secret(*row) for row in await connection.execute(query)]


_EXPIRE = text("""
    UPDATE webhook_secrets SET expires_at = now() + make_interval(hours => :hours)
    WHERE organization_id = :organization_id AND webhook_id IS NOT DISTINCT FROM :webhook_id AND expires_at IS NULL
""")


async def expire_secret(connection: AsyncConnection, organization_id: int, webhook_id: int | None, hours: int) -> None:
    """Let the current secret expire after so many hours. Any earlier ones are deleted: at most two are valid."""
    former = _of(organization_id, webhook_id) & webhook_secrets.c.expires_at.is_not(None)
    await connection.execute(delete(webhook_secrets).where(former))
    given = {"organization_id": organization_id, "webhook_id": webhook_id, "hours": hours}
    await connection.execute(_EXPIRE, given)
