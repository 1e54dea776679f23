"""The usage that providers charge for, by hour: the basis of a bill. Nothing here commits."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.vectors import provider_usage
from app.domain.usage import UsageKind
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


_COUNT = text("""
    WITH recorded AS (
        INSERT INTO usage_records (organization_id, agent_id, kind, model, tokens_in, tokens_out)
        VALUES (:organization_id, :agent_id, :kind, :model, :input_tokens, :output_tokens)
    )
    INSERT INTO provider_usage AS u (
        hour, organization_id, agent_id, provider, model, requests, input_tokens, output_tokens)
    VALUES (date_trunc('hour', now(), 'UTC'), :organization_id, :agent_id, :provider, :model, :requests,
            :input_tokens, :output_tokens)
    ON CONFLICT (hour, organization_id, agent_id, provider, model) DO UPDATE
    SET requests = u.requests + excluded.requests, input_tokens = u.input_tokens + excluded.input_tokens,
        output_tokens = u.output_tokens + excluded.output_tokens
""")


async def count_usage(
    connection: AsyncConnection,
    account: Account,
    kind: UsageKind,
    provider: str,
    model: str,
    *,
    requests: int = 1,
    input_tokens: int = 0,
    output_tokens: int = 0,
) -> None:
    """Record the tokens of an answer, and add them to the agent's usage of the provider in the current hour.

    Call it in the transaction that stores the answer. What was paid for then counts once, whatever becomes of the
    attempt that asked for it.

    Args:
        connection: The transaction.
        account: The agent that is charged.
        kind: What the model was used for.
        provider: The provider.
        model: The model.
        requests: The requests.
        input_tokens: The tokens that the model read.
        output_tokens: The tokens that it wrote.
    """
    parameters = {
        "organization_id": account.organization_id,
        "agent_id": account.agent_id,
        "kind": kind.value,
        "provider": provider,
        "model": model,
        "requests": requests,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
    }
    await connection.execute(_COUNT, parameters)


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
