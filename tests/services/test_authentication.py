"""Authentication: concurrent requests share statements, and a revoked key is invalid at once in every process."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.db.tenants.identities import find_identities
from app.domain.errors import UnauthorizedError
from app.domain.identity import NewKey, Scope, make_local_operator
from app.services.tenants.api_keys import ApiKeys
from app.services.tenants.identities import Identities
from app.services.tenants.key_usage import KeyUsage


def open_identities(engine: AsyncEngine) -> Identities:
    """The service of a process of its own."""
    database = Database(engine)
    return Identities(database, KeyUsage(database))


@pytest.fixture
async def keys(engine: AsyncEngine) -> list[tuple[int, str]]:
    """The id and the secret of three new keys."""
    organization = await open_identities(engine).get_default_organization()
    service, operator = ApiKeys(Database(engine)), make_local_operator(organization)
    made = [await service.create(operator, NewKey(f"key {number}", [Scope.WRITE])) for number in range(3)]
    return [(key.id, secret) for key, secret in made]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many digests each statement was given, in order."""
    counts: list[int] = []

    async def counted(database: Database, hashes: Sequence[bytes]) -> Any:
        counts.append(len(hashes))
        return await find_identities(database, hashes)

    monkeypatch.setattr("app.services.tenants.identities.find_identities", counted)
    return counts


async def test_twenty_requests_at_once_share_three_statements(
    engine: AsyncEngine, keys: list[tuple[int, str]], statements: list[int]
) -> None:
    identities = open_identities(engine)
    found = await asyncio.gather(*(identities.authenticate(keys[number % 3][1]) for number in range(20)))
    assert [one.key_prefix for one in found] == [keys[number % 3][1][:16] for number in range(20)]
    assert (sum(statements), len(statements) <= 3) == (20, True), statements


async def test_an_unknown_key_is_refused_alone_among_valid_ones(
    engine: AsyncEngine, keys: list[tuple[int, str]]
) -> None:
    identities = open_identities(engine)
    secrets = [keys[0][1], "unknown", keys[1][1], "", keys[0][1]]
    results = await asyncio.gather(*map(identities.authenticate, secrets), return_exceptions=True)
    assert [isinstance(result, UnauthorizedError) for result in results] == [False, True, False, True, False]


async def test_a_revoked_key_is_refused_at_once_by_every_process_under_load(
    engine: AsyncEngine, keys: list[tuple[int, str]]
) -> None:
    """A request that begins after the revocation was answered is refused, also if it shares a statement."""
    here, there = open_identities(engine), open_identities(engine)
    (key_id, secret), (_, other) = keys[:2]
    revoked = asyncio.Event()
    late: list[BaseException | Any] = []

    async def send() -> None:
        while len(late) < 50:
            began_late = revoked.is_set()
            results = await asyncio.gather(
                *(identities.authenticate(one) for identities in (here, there) for one in (secret, other)),
                return_exceptions=True,
            )
            assert not isinstance(results[1], BaseException)
            assert not isinstance(results[3], BaseException)
            if began_late:
                late.extend([results[0], results[2]])

    async def revoke() -> None:
        operator = make_local_operator(await here.get_default_organization())
        await ApiKeys(Database(engine)).revoke(operator, key_id)
        revoked.set()

    await asyncio.gather(*(send() for _ in range(4)), revoke())
    assert all(isinstance(result, UnauthorizedError) for result in late)
