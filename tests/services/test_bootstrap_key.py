"""The bootstrap key: created at the first start, by one process of several, and never revived."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from app.db.engine import Database
from app.domain.errors import OperatorRequiredError, StartupError, UnauthorizedError
from app.domain.identity import Identity, Scope, make_local_operator
from app.services.tenants.api_keys import ApiKeys
from app.services.tenants.identities import Identities
from app.services.tenants.key_usage import KeyUsage
from app.settings import load_settings

SECRET = "a-bootstrap-key-for-tests"


@pytest.fixture
async def identities(engine: AsyncEngine) -> Identities:
    """The service on a database without keys."""
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE api_keys"))
    database = Database(engine)
    return Identities(database, KeyUsage(database))


@pytest.fixture
async def keys(engine: AsyncEngine) -> ApiKeys:
    """The service that manages keys."""
    return ApiKeys(Database(engine))


async def find_operator(identities: Identities) -> Identity:
    return make_local_operator(await identities.get_default_organization())


async def list_keys(identities: Identities) -> list[tuple[int, bool]]:
    keys = ApiKeys(identities._database)
    listing = await keys.list(await find_operator(identities), limit=10, after=None)
    return [(key.id, key.revoked_at is not None) for key in listing.items]


async def test_a_revoked_bootstrap_key_stays_revoked_and_a_later_start_says_so_in_one_line(
    identities: Identities, keys: ApiKeys
) -> None:
    await identities.bootstrap(SECRET)
    [(key_id, _)] = await list_keys(identities)
    await keys.revoke(await find_operator(identities), key_id)
    with capture_logs() as logs:
        assert await identities.bootstrap(SECRET) is None
    assert [(line["event"], line["key"]) for line in logs] == [("bootstrap_key_revoked", "a-bo")]
    assert await list_keys(identities) == [(key_id, True)]
    with pytest.raises(UnauthorizedError):
        await identities.authenticate(SECRET)


@pytest.mark.parametrize("secret", [None, SECRET])
async def test_processes_that_start_at_the_same_time_create_one_key(identities: Identities, secret: str | None) -> None:
    made = await asyncio.gather(*(identities.bootstrap(secret) for _ in range(8)))
    assert len(await list_keys(identities)) == 1
    assert sum(shown is not None for shown in made) == (0 if secret else 1)


async def test_the_bootstrap_key_is_an_operators(identities: Identities) -> None:
    await identities.bootstrap(SECRET)
    assert (await identities.authenticate(SECRET)).allows(Scope.OPERATOR)


@pytest.mark.parametrize("rotations", [1, 2])
async def test_a_start_with_a_secret_that_was_replaced_creates_no_key(
    identities: Identities, keys: ApiKeys, rotations: int
) -> None:
    await identities.bootstrap(SECRET)
    [(key_id, _)] = await list_keys(identities)
    for _ in range(rotations):
        await keys.rotate(await find_operator(identities), key_id, 0)
    with capture_logs() as logs:
        assert await identities.bootstrap(SECRET) is None
    assert [line["event"] for line in logs] == ["bootstrap_key_replaced"]
    assert await list_keys(identities) == [(key_id, False)]
    with pytest.raises(UnauthorizedError):
        await identities.authenticate(SECRET)


async def test_only_an_operator_revokes_an_operators_key(identities: Identities, keys: ApiKeys) -> None:
    await identities.bootstrap(SECRET)
    [(key_id, _)] = await list_keys(identities)
    admin = replace(await find_operator(identities), scopes=frozenset({Scope.ADMIN}))
    with pytest.raises(OperatorRequiredError):
        await keys.revoke(admin, key_id)
    assert await list_keys(identities) == [(key_id, False)]


@pytest.mark.parametrize("key", ["too-short", "a bootstrap key with spaces", " " * 20, "ein-schlüssel-mit-umlaut"])
def test_a_bootstrap_key_that_no_header_can_carry_is_refused_in_one_line(key: str) -> None:
    with pytest.raises(StartupError) as refused:
        load_settings(bootstrap_api_key=key)
    assert refused.value.message.startswith("Sluice cannot start. BOOTSTRAP_API_KEY: must have")
    assert "\n" not in refused.value.message
    assert key not in refused.value.message
