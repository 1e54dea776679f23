"""Queries on deliveries: what the log shows, and what an attempt reads and writes. Nothing here commits."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_unless_exists
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables.webhooks import webhook_deliveries, webhooks
from app.domain.records import Listing
from app.domain.webhooks import (
    CALLBACKS,
    LOGGED_ATTEMPTS,
    MOST_ATTEMPTS,
    AttemptLog,
    Delivery,
    DeliveryFilter,
    DeliveryStatus,
    NewDelivery,
)

_FIELDS = [webhook_deliveries.c[name] for name in Delivery.__dataclass_fields__]


def _delivery(row: Any) -> Delivery:
    return Delivery(**{name: getattr(row, name) for name in Delivery.__dataclass_fields__})


async def insert_deliveries(connection: AsyncConnection, deliveries: Sequence[NewDelivery]) -> None:
    """Add deliveries, in the order of the events. An event that the webhook has already is left out."""
    if deliveries:
        statement = insert_unless_exists(webhook_deliveries).on_conflict_do_nothing()
        await connection.execute(statement, [asdict(delivery) for delivery in deliveries])


async def insert_delivery(connection: AsyncConnection, delivery: NewDelivery) -> int:
    """Add one delivery; returns its id."""
    statement = insert(webhook_deliveries).values(asdict(delivery)).returning(webhook_deliveries.c.id)
    return int((await connection.execute(statement)).scalar_one())


def _of(organization_id: int, webhook: int | str) -> ColumnElement[bool]:
    """The deliveries of a webhook, or of all callback URLs of an organization."""
    if webhook == CALLBACKS:
        origins = select(webhooks.c.id).where(
            webhooks.c.organization_id == organization_id, webhooks.c.callback_origin.is_not(None)
        )
        chosen: ColumnElement[bool] = webhook_deliveries.c.webhook_id.in_(origins)
    else:
        chosen = webhook_deliveries.c.webhook_id == webhook
    return chosen & (webhook_deliveries.c.organization_id == organization_id)


def _conditions(organization_id: int, webhook: int | str, wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    columns = webhook_deliveries.c
    given = ((columns.status, wanted.status), (columns.event, wanted.event))
    return [_of(organization_id, webhook), *(column == value for column, value in given if value is not None)]


async def list_deliveries(
    connection: AsyncConnection,
    organization_id: int,
    webhook: int | str,
    wanted: DeliveryFilter,
    *,
    limit: int,
    after: int | None,
) -> Listing[Delivery]:
    """Deliveries, the newest first."""
    conditions = _conditions(organization_id, webhook, wanted)
    return await list_rows(connection, webhook_deliveries, conditions, _delivery, limit=limit, after=after)


async def get_delivery(
    connection: AsyncConnection, organization_id: int, webhook: int | str, delivery_id: int
) -> Delivery | None:
    """One delivery."""
    query = select(*_FIELDS).where(_of(organization_id, webhook), webhook_deliveries.c.id == delivery_id)
    row = (await connection.execute(query)).one_or_none()
    return _delivery(row) if row else None


async def count_deliveries(
    connection: AsyncConnection, organization_id: int, webhook: int | str, wanted: DeliveryFilter
) -> int:
    """The number of deliveries that the filter matches, without pending ones: those are being sent anyway."""
    conditions = [*_conditions(organization_id, webhook, wanted), webhook_deliveries.c.status != DeliveryStatus.PENDING]
    return int(await connection.scalar(select(func.count()).select_from(webhook_deliveries).where(*conditions)) or 0)


async def list_replayable(
    connection: AsyncConnection,
    organization_id: int,
    webhook: int | str,
    wanted: DeliveryFilter,
    *,
    limit: int,
    after: int,
) -> list[int]:
    """The ids of the next deliveries that match and are not pending, in ascending order."""
    conditions = [*_conditions(organization_id, webhook, wanted), webhook_deliveries.c.status != DeliveryStatus.PENDING]
    query = select(webhook_deliveries.c.id).where(*conditions, webhook_deliveries.c.id > after)
    return list((await connection.execute(query.order_by(webhook_deliveries.c.id).limit(limit))).scalars())


async def list_receivers(connection: AsyncConnection, ids: Sequence[int]) -> list[int]:
    """The webhooks of these deliveries."""
    query = select(webhook_deliveries.c.webhook_id).distinct().where(webhook_deliveries.c.id.in_(list(ids)))
    return sorted((await connection.execute(query)).scalars())


_REPLAY = text("""
    UPDATE webhook_deliveries
    SET status = 'pending', attempts = 0, task_id = NULL, next_attempt_at = NULL, completed_at = NULL
    WHERE id = ANY (:ids) AND status <> 'pending'
""")


async def replay_deliveries(connection: AsyncConnection, ids: Sequence[int]) -> int:
    """Let deliveries that are not pending wait to be sent again; returns how many. Their webhooks are locked."""
    return (await connection.execute(_REPLAY, {"ids": list(ids)})).rowcount


async def find_delivery(connection: AsyncConnection, delivery_id: int, task_id: UUID) -> Delivery | None:
    """A delivery, if this is the task that sends it."""
    query = select(*_FIELDS).where(webhook_deliveries.c.id == delivery_id, webhook_deliveries.c.task_id == task_id)
    row = (await connection.execute(query)).one_or_none()
    return _delivery(row) if row else None


async def reopen_delivery(connection: AsyncConnection, delivery_id: int) -> Delivery:
    """Let a delivery that has ended be pending again, as its task is."""
    changes = {"status": DeliveryStatus.PENDING, "attempts": 0, "completed_at": None}
    statement = update(webhook_deliveries).where(webhook_deliveries.c.id == delivery_id).values(changes)
    return _delivery((await connection.execute(statement.returning(*_FIELDS))).one())


_FAILING = text(f"""
    SELECT task_id FROM webhook_deliveries
    WHERE webhook_id = :webhook_id AND status = 'pending' AND task_id IS NOT NULL
      AND attempts BETWEEN 1 AND {MOST_ATTEMPTS // 2}
""")


async def list_failing(connection: AsyncConnection, webhook_id: int) -> list[UUID]:
    """The tasks of a webhook that wait for another attempt.

    Not those that have failed often: their own content may be the reason, and they keep to their schedule.
    """
    return list((await connection.execute(_FAILING, {"webhook_id": webhook_id})).scalars())


_RECORD = text(f"""
    UPDATE webhook_deliveries
    SET status = CASE WHEN CAST(:status AS text) = 'pending' THEN status ELSE CAST(:status AS text) END,
        attempts = :attempts,
        log = CASE WHEN jsonb_array_length(log) < {LOGGED_ATTEMPTS} THEN log ELSE log - 0 END || CAST(:entry AS jsonb),
        next_attempt_at = now() + make_interval(secs => CAST(:delay AS double precision)),
        completed_at = CASE WHEN CAST(:status AS text) = 'pending' THEN completed_at ELSE now() END
    WHERE id = :id AND task_id = :task_id
""")


async def record_attempt(
    connection: AsyncConnection,
    delivery: Delivery,
    status: DeliveryStatus,
    attempts: int,
    entry: AttemptLog,
    delay: float | None = None,
) -> None:
    """Write how an attempt ended, and after how many seconds the next one follows.

    Writes nothing if another task sends the delivery now. With PENDING, a delivery that is held stays held.
    """
    given = {
        "id": delivery.id,
        "task_id": delivery.task_id,
        "status": status.value,
        "attempts": attempts,
        "delay": delay,
    }
    await connection.execute(_RECORD, {**given, "entry": json.dumps([entry.as_json()])})


_FORGET = text("""
    DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
        SELECT id FROM webhook_deliveries
        WHERE organization_id = :organization_id AND created_at < now() - make_interval(days => :days)
          AND status <> 'pending'
        ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED))
""")


async def forget_deliveries(connection: AsyncConnection, organization_id: int, days: int, limit: int) -> int:
    """Delete an organization's deliveries that have ended and are older than so many days; returns how many.

    At most ``limit`` at once: the caller repeats it until it returns fewer.
    """
    given = {"organization_id": organization_id, "days": days, "limit": limit}
    return (await connection.execute(_FORGET, given)).rowcount
