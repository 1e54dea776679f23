"""The last use of API keys: written together, and each key at most once a minute."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
from app.domain.identity import NewKey, make_local_operator
from app.services.tenants import key_usage
from app.services.tenants.api_keys import ApiKeys
from app.services.tenants.key_usage import KeyUsage
from tests.round_trips import record_sent


@pytest.fixture
async def key_ids(engine: AsyncEngine) -> list[int]:
    """Three new keys of the first organization."""
    keys = ApiKeys(Database(engine))
    made = [await keys.create(make_local_operator(1), NewKey(f"key {number}")) for number in range(3)]
    return [key.id for key, _ in made]


async def read_uses(engine: AsyncEngine, key_ids: list[int]) -> list[datetime | None]:
    keys = ApiKeys(Database(engine))
    return [(await keys.get(make_local_operator(1), key_id)).last_used_at for key_id in key_ids]


async def test_a_thousand_uses_of_three_keys_are_one_statement(engine: AsyncEngine, key_ids: list[int]) -> None:
    usage = KeyUsage(Database(engine))
    with record_sent(engine) as sent:
        for _ in range(1000):
            for key_id in key_ids:
                usage.note(key_id)
        await usage.write()
        usage.note(key_ids[0])  # within the minute
        await usage.write()
    assert sum("api_keys" in statement for statement in sent) == 1, sent
    assert None not in await read_uses(engine, key_ids)


async def test_a_process_writes_no_use_within_a_minute_of_what_another_wrote(
    engine: AsyncEngine, key_ids: list[int]
) -> None:
    async def use() -> list[datetime | None]:
        usage = KeyUsage(Database(engine))
        usage.note(key_ids[0])
        await usage.write()
        return await read_uses(engine, key_ids)

    first = await use()
    assert await use() == first
    async with Database(engine).statement() as connection:
        await connection.exec_driver_sql("UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'")
    assert first[0]
    [later, *others] = await use()
    assert later
    assert later - first[0] < timedelta(minutes=1)
    assert others == first[1:] == [None, None]


async def test_uses_are_written_when_the_process_ends(engine: AsyncEngine, key_ids: list[int]) -> None:
    usage = KeyUsage(Database(engine))
    async with usage.writing():
        usage.note(key_ids[1])
    assert [used is not None for used in await read_uses(engine, key_ids)] == [False, True, False]


@pytest.mark.parametrize("error", [DatabaseUnavailableError(), RuntimeError("a fault")])
async def test_uses_that_could_not_be_written_are_written_later(
    engine: AsyncEngine, key_ids: list[int], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object) -> None:
        raise error

    usage = KeyUsage(Database(engine))
    usage.note(key_ids[1])
    with monkeypatch.context() as patch:
        patch.setattr(key_usage, "note_use", fail)
        await usage.write()
    usage.note(key_ids[2])
    await usage.write()
    assert [used is not None for used in await read_uses(engine, key_ids)] == [False, True, True]
