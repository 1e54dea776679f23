"""The usage that providers charge for, by hour: the basis of a bill. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.vectors import provider_usage
from app.domain.vectors import Account


@dataclass(frozen=True, slots=True)
class ProviderUsage:
    """The charged usage of one model by one agent in the hour that begins at ``hour``."""

    hour: datetime
    organization_id: int
    agent_id: int
    provider: str
    model: str
    requests: int
    input_tokens: int
    output_tokens: int


async def count_usage(
    connection: AsyncConnection,
    account: Account,
    provider: str,
    model: str,
    *,
    requests: int = 1,
    input_tokens: int = 0,
    output_tokens: int = 0,
) -> None:
    """Add to an agent's usage in the current hour."""
    table = provider_usage.c
    statement = insert(provider_usage).values(
        hour=func.date_trunc("hour", func.now(), "UTC"),
        organization_id=account.organization_id,
        agent_id=account.agent_id,
        provider=provider,
        model=model,
        requests=requests,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )
    added = {
        column.name: column + statement.excluded[column.name]
        for column in (table.requests, table.input_tokens, table.output_tokens)
    }
    await connection.execute(statement.on_conflict_do_update(constraint=provider_usage.primary_key, set_=added))


async def list_usage(
    connection: AsyncConnection,
    organization_id: int,
    *,
    begin: datetime,
    end: datetime,
    agent_id: int | None = None,
) -> list[ProviderUsage]:
    """List the usage of an organization's agents, or of one, from ``begin`` until before ``end``."""
    table = provider_usage.c
    query = select(provider_usage).where(
        table.organization_id == organization_id, table.hour >= begin, table.hour < end
    )
    if agent_id is not None:
        query = query.where(table.agent_id == agent_id)
    rows = await connection.execute(query.order_by(table.hour, table.agent_id, table.provider, table.model))
    return [ProviderUsage(**row) for row in rows.mappings()]
