"""Records what was used, in the transaction that makes it true. Nothing here commits."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.usage import usage_records
from app.domain.usage import UsageKind, UsageRecord
from app.domain.vectors import Account

_INSERT = insert(usage_records)

COUNT_HIDDEN = f"""
    INSERT INTO usage_records (organization_id, agent_id, kind, stored_bytes)
    SELECT organization_id, agent_id, '{UsageKind.DELETION}', -sum(counted_bytes) FROM hidden
    WHERE counted_bytes > 0 GROUP BY 1, 2
"""
"""Records that the files of the documents in ``hidden`` are deleted, in the statement that hides them."""


async def record_usage(connection: AsyncConnection, records: Sequence[UsageRecord]) -> None:
    """Record what was used. With no record, nothing is sent."""
    if records:
        await connection.execute(_INSERT, [asdict(record) for record in records])


# A batch whose commit was not confirmed may be written already.
_INSERT_SEARCHES = text(f"""
    INSERT INTO usage_records (organization_id, agent_id, kind, task_id, searches)
    SELECT g.organization_id, g.agent_id, '{UsageKind.SEARCH}', CAST(:batch AS uuid), g.searches
    FROM unnest(CAST(:organization_ids AS bigint[]), CAST(:agent_ids AS bigint[]), CAST(:counts AS bigint[]))
         AS g (organization_id, agent_id, searches)
    WHERE NOT EXISTS (
        SELECT FROM usage_records AS r
        WHERE r.organization_id = g.organization_id AND r.task_id = CAST(:batch AS uuid)
          AND r.occurred_at > now() - interval '1 day')
""")


async def record_searches(connection: AsyncConnection, batch: UUID, counts: Mapping[Account, int]) -> None:
    """Record a batch of searches. A batch that is written already is not written again."""
    accounts = list(counts)
    parameters = {
        "batch": batch,
        "organization_ids": [account.organization_id for account in accounts],
        "agent_ids": [account.agent_id for account in accounts],
        "counts": [counts[account] for account in accounts],
    }
    await connection.execute(_INSERT_SEARCHES, parameters)
