"""Migrations: bring a database to this version's schema, and compare the two."""

import logging
from functools import partial
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.tables import events, operations
from app.db.tables.schema import metadata
from app.db.vectors.hnsw_indexes import belongs_to_schema
from app.domain.errors import StartupError

# An arbitrary number. An advisory lock: processes that start at the same time migrate one after the other.
_LOCK = 0x51_01CE


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection, *, create: bool) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    revision = check_revision(connection)
    if revision is None and not create:
        raise StartupError("The database of DATABASE_URL has no tables of Sluice. `./sluice migrate` creates them.")
    connection.commit()  # Alembic begins a transaction for each migration
    if revision != head():
        # A new database runs every migration there is: a line for each says nothing to its operator.
        logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING if revision is None else logging.NOTSET)
        command.upgrade(_config(connection), "head")


def head() -> str | None:
    """Return the newest revision."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def check_revision(connection: Connection) -> str | None:
    """Return the database's revision; None when it has no schema yet.

    Raises:
        StartupError: when this version contains no such migration.
    """
    # Alembic's own way to read it logs two lines, in every process that starts.
    exists = connection.scalar(text("SELECT to_regclass('alembic_version')"))
    revision = connection.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise StartupError(
            f"The database is at revision {revision}, which this version does not contain. "
            "Start the version that migrated it, or use another database (DATABASE_URL, DATA_DIR)."
        )
    return revision


async def migrate(engine: AsyncEngine, *, create: bool = True) -> None:
    """Run the missing migrations, each in its own transaction. Safe to call from many processes at once.

    Raises:
        StartupError: when the database is at a revision that this version does not contain, or (unless ``create``)
            has no schema yet.
    """
    async with engine.connect() as connection:
        try:
            await connection.run_sync(partial(_upgrade, create=create))
        finally:
            await connection.invalidate()  # the session ends, and with it the lock


async def find_differences(engine: AsyncEngine) -> list[str]:
    """List the differences between the database and the tables declared in ``app.db``; empty when they agree."""
    async with engine.connect() as connection:
        return await connection.run_sync(_compare)


def _compare(connection: Connection) -> list[str]:
    context = MigrationContext.configure(connection, opts={"include_name": belongs_to_schema})
    found = [str(difference) for difference in compare_metadata(context, metadata)]
    return found + _compare_checks(connection) + _compare_triggers(connection)


_CHECKS = text("""
    SELECT c.conrelid::regclass::text AS table, c.conname AS name, c.convalidated AS valid
    FROM pg_constraint AS c
    WHERE c.contype = 'c' AND c.connamespace = CAST(current_schema() AS regnamespace)
""")


def _compare_checks(connection: Connection) -> list[str]:
    """Compare the names of CHECK constraints, which Alembic does not compare."""
    declared = {
        (table.name, str(check.name))
        for table in metadata.tables.values()
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }
    present = {(row.table, row.name) for row in connection.execute(_CHECKS)}
    return [
        *(f"missing CHECK constraint: {table}.{name}" for table, name in sorted(declared - present)),
        *(f"undeclared CHECK constraint: {table}.{name}" for table, name in sorted(present - declared)),
        *(
            f"CHECK constraint not validated: {row.table}.{row.name}"
            for row in connection.execute(_CHECKS)
            if not row.valid
        ),
    ]


_TRIGGERS = text("""
    SELECT c.relname AS table, t.tgname AS name
    FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND t.tgenabled IN ('O', 'A')
""")


def _compare_triggers(connection: Connection) -> list[str]:
    """Find triggers that are missing or disabled, which Alembic does not compare."""
    present = {(row.table, row.name) for row in connection.execute(_TRIGGERS)}
    return [
        f"missing trigger: {table}.{name}" for table, name in sorted((events.TRIGGERS | operations.TRIGGERS) - present)
    ]
