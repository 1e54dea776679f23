"""The migration that gives the scope ``operator`` to the keys that operated the installation before."""

import sqlalchemy as sa
from alembic import command
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.schema import _config, migrate


async def test_admin_keys_of_the_first_organization_become_operators(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), "20261129_02"))
        await connection.execute(sa.text("INSERT INTO organizations (name) VALUES ('Another')"))
        await connection.execute(
            sa.text(
                "INSERT INTO api_keys (organization_id, name, prefix, hash, scopes) "
                "SELECT o.id, o.name || k.scope, 'p', sha256((o.name || k.scope)::bytea), ARRAY[k.scope] "
                "FROM organizations AS o, (VALUES ('admin'), ('write')) AS k (scope)"
            )
        )
    await migrate(engine)
    async with engine.connect() as connection:
        operators = await connection.scalars(sa.text("SELECT organization_id FROM api_keys WHERE operator"))
        scopes = await connection.scalars(sa.text("SELECT scopes FROM api_keys WHERE operator"))
        first = await connection.scalar(sa.text("SELECT min(id) FROM organizations"))
        assert (operators.all(), scopes.all()) == ([first], [["admin"]])
