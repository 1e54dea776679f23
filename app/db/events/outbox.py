"""The outbox: writes events, and says for which organizations they are written."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events import EventType

_INSERT = text("""
    INSERT INTO events (organization_id, agent_id, document_id, task_id, type, data)
    SELECT o.id, CAST(:agent_id AS bigint), CAST(:document_id AS bigint), :task_id, :type, :data
    FROM organizations AS o WHERE o.id = CAST(:organization_id AS bigint) AND o.events_until > now()
""").bindparams(bindparam("data", type_=JSONB), bindparam("task_id", type_=UUID_TYPE(as_uuid=True)))


async def insert_event(
    connection: AsyncConnection,
    organization_id: int,
    type: EventType,  # noqa: A002 - the name of the field
    data: Mapping[str, Any],
    *,
    agent_id: int | None = None,
    document_id: int | None = None,
    task_id: UUID | None = None,
) -> None:
    """Write an event in the transaction that makes it true, if the organization has events on.

    Args:
        connection: The transaction, or the statement that commits by itself.
        organization_id: The organization.
        type: The type. Those of tasks, documents and circuits are written by triggers.
        data: The payload, as the catalogue describes it: less than 20 KB as JSON, and no text of documents.
        agent_id: The agent that it is about.
        document_id: The document that it is about.
        task_id: The task that it is about.
    """
    parameters = {
        "organization_id": organization_id,
        "agent_id": agent_id,
        "document_id": document_id,
        "task_id": task_id,
        "type": type.value,
        "data": dict(data),
    }
    await connection.execute(_INSERT, parameters)


_KEEP_ON = text("""
    UPDATE organizations SET events_until = now() + make_interval(days => :days)
    WHERE id = :organization_id
        AND (events_until IS NULL OR events_until < now() + make_interval(days => :days) - interval '1 hour')
""")


async def keep_events_on(connection: AsyncConnection, organization_id: int, days: int) -> None:
    """Have the events of an organization written for so many days from now on, or longer if they are already.

    The row is written once an hour at most.
    """
    await connection.execute(_KEEP_ON, {"organization_id": organization_id, "days": days})
