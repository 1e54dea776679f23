"""Provider usage adds up by hour, agent and model, and each organization sees its own."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.providers.usage import ProviderUsage, count_usage, list_usage
from app.domain.usage import UsageKind
from app.domain.vectors import Account

HOUR = timedelta(hours=1)
OURS, THEIRS = Account(1, 7), Account(2, 9)


async def count(connection: AsyncConnection, account: Account, model: str = "small", **counts: int) -> None:
    await count_usage(connection, account, UsageKind.CHAT, "paid", model, **counts)


async def find_hour(connection: AsyncConnection) -> datetime:
    """The hour of the transaction by the database's clock."""
    now = (await connection.execute(text("SELECT now()"))).scalar_one()
    assert isinstance(now, datetime)
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


async def list_all(connection: AsyncConnection, organization_id: int) -> list[ProviderUsage]:
    hour = await find_hour(connection)
    return await list_usage(connection, organization_id, begin=hour - HOUR, end=hour + HOUR)


async def test_counts_of_an_hour_add_up_by_agent_and_model(connection: AsyncConnection) -> None:
    await count(connection, OURS, input_tokens=10)
    await count(connection, OURS, requests=3, input_tokens=5, output_tokens=2)
    await count(connection, OURS, "large", input_tokens=1)
    await count(connection, Account(1, 8), input_tokens=100)
    hour = await find_hour(connection)
    assert await list_all(connection, 1) == [
        ProviderUsage(hour, 1, 7, "paid", "large", 1, 1, 0),
        ProviderUsage(hour, 1, 7, "paid", "small", 4, 15, 2),
        ProviderUsage(hour, 1, 8, "paid", "small", 1, 100, 0),
    ]


async def test_what_others_were_charged_for_is_not_seen(connection: AsyncConnection) -> None:
    await count(connection, OURS, input_tokens=10)
    await count(connection, THEIRS, input_tokens=20)
    assert [used.input_tokens for used in await list_all(connection, 1)] == [10]
    assert [used.input_tokens for used in await list_all(connection, 2)] == [20]
    hour = await find_hour(connection)
    assert await list_usage(connection, 1, begin=hour, end=hour + HOUR, agent_id=THEIRS.agent_id) == []


async def test_a_range_holds_the_hour_it_begins_with_and_not_the_one_it_ends_with(connection: AsyncConnection) -> None:
    await count(connection, OURS, input_tokens=10)
    await connection.execute(text("UPDATE provider_usage SET hour = hour - interval '1 hour'"))
    await count(connection, OURS, input_tokens=20)
    now = await find_hour(connection)
    before = now - HOUR

    async def add_up(begin: datetime, end: datetime) -> int:
        return sum(used.input_tokens for used in await list_usage(connection, 1, begin=begin, end=end))

    assert await add_up(before, now) == 10
    assert await add_up(now, now + HOUR) == 20
    assert await add_up(before, now + HOUR) == 30
    assert await add_up(before + timedelta(seconds=1), now) == 0
    assert await add_up(now, now) == 0


async def test_hours_begin_in_utc_wherever_the_session_is(connection: AsyncConnection) -> None:
    await connection.execute(text("SET LOCAL TimeZone = 'Asia/Kolkata'"))  # half an hour off
    await count(connection, OURS, input_tokens=10)
    [used] = await list_all(connection, 1)
    assert used.hour == await find_hour(connection)
