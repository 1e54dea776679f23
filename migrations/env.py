"""Alembic's environment, for ``app.db.schema`` and for ``alembic`` on the command line.

On the command line, DATABASE_URL names the database. ``alembic.ini`` holds no address.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

from alembic import context
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection

from app.db.engine import create_engine
from app.db.tables.schema import metadata
from app.db.vectors.hnsw_indexes import belongs_to_schema
from app.settings import load_settings


def _number_revision(_context: MigrationContext, _revision: Any, directives: list[MigrationScript]) -> None:
    """Name a new revision after the day, with the number after the highest of that day: ``20261129_01``."""
    day = datetime.now(UTC).strftime("%Y%m%d")
    known = [script.revision.partition("_") for script in context.script.walk_revisions()]
    last = max((int(number) for date, _, number in known if date == day), default=0)
    for directive in directives:
        directive.rev_id = f"{day}_{last + 1:02}"


def _run(connection: Connection | None) -> None:
    context.configure(
        connection=connection,
        dialect_name="postgresql",
        target_metadata=metadata,
        include_name=belongs_to_schema,
        process_revision_directives=_number_revision,
        # A migration that scans a table must not hold the locks of those before it.
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _connect() -> None:
    database_url = load_settings().database_url
    if database_url is None:
        raise CommandError("Set DATABASE_URL. `./sluice migrate` migrates the embedded database.")
    engine = create_engine(database_url, pool_size=1, register_types=False)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    _run(None)
elif (given := context.config.attributes.get("connection")) is not None:
    _run(given)
else:
    asyncio.run(_connect())
