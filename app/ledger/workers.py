"""Workers and their leases. All times are the database's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import WorkerId
from app.domain.states import RUNNING
from app.ledger.statement import LEASE_LIVE, quoted


@dataclass(frozen=True, slots=True)
class NewWorker:
    """What a worker process registers. ``continues`` says whether a slot may run several tasks for one message."""

    id: WorkerId
    name: str
    host: str
    pid: int
    queues: Sequence[str]
    concurrency: int
    continues: bool = False


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker with a live lease; ``running`` counts its tasks."""

    id: UUID
    name: str
    host: str
    pid: int
    queues: Sequence[str]
    concurrency: int
    started_at: datetime
    lease_expires_at: datetime
    running: int


_REGISTER = text(
    """
    INSERT INTO workers (id, name, host, pid, queues, concurrency, continues, lease_expires_at)
    VALUES (:id, :name, :host, :pid, :queues, :concurrency, :continues, now() + make_interval(secs => :lease))
    """
)


async def register(connection: AsyncConnection, worker: NewWorker, lease: float) -> None:
    """Add a worker with a lease of ``lease`` seconds."""
    parameters = {
        "id": worker.id,
        "name": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "queues": list(worker.queues),
        "concurrency": worker.concurrency,
        "continues": worker.continues,
        "lease": lease,
    }
    await connection.execute(_REGISTER, parameters)


# An expired lease stays expired: the worker's tasks may have been given to others.
_HEARTBEAT = text(
    """
    UPDATE workers SET lease_expires_at = now() + make_interval(secs => :lease)
    WHERE id = :worker_id AND lease_expires_at > now()
    RETURNING id
    """
)


async def heartbeat(connection: AsyncConnection, worker_id: WorkerId, lease: float) -> bool:
    """Renew the lease. False when it has run out: the worker must stop its tasks and register again."""
    row = await connection.execute(_HEARTBEAT, {"worker_id": worker_id, "lease": lease})
    return row.one_or_none() is not None


# A worker without queues adds no slots to a window and receives no messages. Its running tasks continue.
_DRAIN = text("UPDATE workers SET queues = '{}' WHERE id = :worker_id")


async def drain(connection: AsyncConnection, worker_id: WorkerId) -> None:
    """Stop giving tasks to a worker: its slots no longer count."""
    await connection.execute(_DRAIN, {"worker_id": worker_id})


_RETIRE = text("UPDATE workers SET lease_expires_at = now() WHERE id = :worker_id AND lease_expires_at > now()")


async def retire(connection: AsyncConnection, worker_id: WorkerId) -> None:
    """End the lease now: the worker has stopped."""
    await connection.execute(_RETIRE, {"worker_id": worker_id})


_LIST = text(
    f"""
    SELECT w.id, w.name, w.host, w.pid, w.queues, w.concurrency, w.started_at, w.lease_expires_at,
           (SELECT count(*) FROM tasks AS t
            WHERE t.worker_id = w.id AND t.state IN ({quoted(RUNNING)})
              AND (CAST(:organization_id AS bigint) IS NULL OR t.organization_id = :organization_id)) AS running
    FROM workers AS w
    WHERE {LEASE_LIVE}
    ORDER BY w.name, w.id
    """
)


async def list_workers(connection: AsyncConnection, organization_id: int | None = None) -> list[Worker]:
    """List the workers whose lease is live, by name; ``running`` counts one organization's tasks, or all."""
    rows = await connection.execute(_LIST, {"organization_id": organization_id})
    return [Worker(**row) for row in rows.mappings()]
