"""Bringing a database up to the schema this version needs."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.hnsw_indexes import belongs_to_schema
from app.db.vector_tables import metadata

# One arbitrary number, so that two processes that start together migrate one after the other.
_LOCK = 0x51_01CE


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if MigrationContext.configure(connection).get_current_revision() != head():
        command.upgrade(_config(connection), "head")


def head() -> str | None:
    """The newest revision there is."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def migrate(engine: AsyncEngine) -> None:
    """Run the migrations that are missing; does nothing when there are none. Safe to call from many processes."""
    async with engine.begin() as connection:
        await connection.run_sync(_upgrade)


async def find_differences(engine: AsyncEngine) -> list[str]:
    """What ``app.db.tables`` says and the database lacks, or the other way round; empty when they agree."""

    def compare(connection: Connection) -> list[str]:
        found = compare_metadata(
            MigrationContext.configure(connection, opts={"include_name": belongs_to_schema}), metadata
        )
        return [str(difference) for difference in found]

    async with engine.connect() as connection:
        return await connection.run_sync(compare)
