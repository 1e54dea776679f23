"""The plan of the statement that authenticates every request."""

import asyncpg
import pytest

from app.db.tenants.identities import _FIND_IDENTITIES
from app.settings import Settings

_ADD_KEYS = """
    INSERT INTO api_keys (organization_id, name, prefix, hash, scopes)
    SELECT min(o.id), 'key', 'sk', sha256(CAST(CAST(n AS text) AS bytea)), '{read}'
    FROM organizations AS o, generate_series(1, $1::integer) AS n GROUP BY n RETURNING hash
"""
_PLANNED = "SELECT custom_plans FROM pg_prepared_statements WHERE statement = $1"


@pytest.mark.parametrize("keys", [1, 300, 3000])
async def test_a_request_is_authenticated_without_planning_the_statement_again(settings: Settings, keys: int) -> None:
    connection = await asyncpg.connect(settings.database_url)
    try:
        digests = [row["hash"] for row in await connection.fetch(_ADD_KEYS, keys)]
        await connection.execute("ANALYZE")
        statement = await connection.prepare(_FIND_IDENTITIES.sql)
        for digest in (digests[:20] * 20)[:20]:
            assert len(await statement.fetch([digest])) == 1
        # Postgres plans the first five executions of a prepared statement in any case.
        assert await connection.fetchval(_PLANNED, _FIND_IDENTITIES.sql) == 5
    finally:
        await connection.close()
