"""Migrations and declared tables agree, CHECK constraints hold, and new migrations are written by comparison."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.schema import _config, find_differences, migrate
from app.db.tables.core import agents
from app.db.tables.schema import metadata
from app.settings import Settings
from migrations.new import describe_change, write_migration
from tests.running import ROOT

_TASK = sa.text("""
    INSERT INTO tasks (id, organization_id, agent_id, name, queue)
    SELECT gen_random_uuid(), organization_id, id, 'app.tasks.upkeep_tasks.ping', 'default' FROM agents
""")

_ENDED_TASK = sa.text("""
    INSERT INTO tasks (id, organization_id, agent_id, name, queue, completed_at)
    SELECT gen_random_uuid(), organization_id, id, 'app.tasks.upkeep_tasks.ping', 'default', now() FROM agents
""")

_BLOCKED = sa.text("""
    SELECT CAST(CAST(relation AS regclass) AS text) FROM pg_locks
    WHERE pid = pg_backend_pid() AND mode = 'AccessExclusiveLock' AND relation IN (
        CAST('chunks' AS regclass), CAST('documents' AS regclass), CAST('lexemes' AS regclass),
        CAST('staged_chunks' AS regclass), CAST('tasks' AS regclass), CAST('vectors' AS regclass))
""")


@pytest.fixture
def larger_agents() -> Iterator[None]:
    """Declares a column that no migration adds."""
    column: sa.Column[str] = sa.Column("motto", sa.Text)
    agents.append_column(column)
    yield
    agents._columns.remove(column)


async def add_task(connection: AsyncConnection) -> None:
    await connection.execute(
        sa.text("INSERT INTO agents (organization_id, name, slug) SELECT min(id), 'a', 'a' FROM organizations")
    )
    await connection.execute(_TASK)


async def test_a_new_migration_of_unchanged_tables_is_empty(engine: AsyncEngine, tmp_path: Path) -> None:
    path = await write_migration(engine, "Change nothing", tmp_path)
    assert path.parent == tmp_path
    assert path.name.endswith("_change_nothing.py")
    assert "op.execute(\"SET LOCAL lock_timeout = '5s'\")" in path.read_text()
    assert path.read_text().count("op.") == 2
    assert (await describe_change(engine)).startswith("The tables are unchanged, so the migration is empty")


@pytest.mark.usefixtures("larger_agents")
async def test_a_new_migration_adds_the_columns_that_are_lacking(engine: AsyncEngine, tmp_path: Path) -> None:
    written = (await write_migration(engine, "Give agents a motto", tmp_path)).read_text()
    assert '"""Give agents a motto."""' in written
    assert 'op.add_column("agents", sa.Column("motto", sa.Text(), nullable=True))' in written
    assert 'op.drop_column("agents", "motto")' in written
    assert await describe_change(engine) == ""
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE tasks DROP CONSTRAINT tasks_pid_check"))
    assert await describe_change(engine) == "Add by hand:\nmissing CHECK constraint: tasks.tasks_pid_check"


def test_plain_alembic_reads_the_address_from_the_environment(settings: Settings) -> None:
    assert settings.database_url
    environment = {**os.environ, "DATABASE_URL": settings.database_url}
    alembic = (sys.executable, "-m", "alembic", "current")
    answer = subprocess.run(alembic, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.endswith(" (head)\n")


async def test_check_constraints_say_what_the_tables_declare(engine: AsyncEngine) -> None:
    assert await find_differences(engine) == []
    query = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND connamespace = "
    async with engine.connect() as connection:
        migrated = (await connection.execute(sa.text(f"{query} CAST('public' AS regnamespace)"))).all()
        await connection.execute(sa.text("CREATE SCHEMA declared"))
        await connection.execute(sa.text("SET LOCAL search_path = declared, public"))
        await connection.run_sync(metadata.create_all, checkfirst=False)
        declared = (await connection.execute(sa.text(f"{query} CAST('declared' AS regnamespace)"))).all()
        await connection.rollback()
    assert sorted(map(tuple, migrated)) == sorted(map(tuple, declared))


# SQLAlchemy warns when it reflects a constraint that is not validated.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
async def test_a_missing_check_constraint_is_a_difference(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE tasks DROP CONSTRAINT tasks_pid_check"))
        await connection.execute(sa.text("ALTER TABLE queues ADD CONSTRAINT named CHECK (name <> '') NOT VALID"))
    assert await find_differences(engine) == [
        "missing CHECK constraint: tasks.tasks_pid_check",
        "undeclared CHECK constraint: queues.named",
        "CHECK constraint not validated: queues.named",
    ]


async def test_a_missing_or_disabled_trigger_is_a_difference(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text("DROP TRIGGER record_failed ON documents"))
        await connection.execute(sa.text("ALTER TABLE tasks DISABLE TRIGGER record_event"))
    assert await find_differences(engine) == [
        "missing trigger: documents.record_failed",
        "missing trigger: tasks.record_event",
    ]


async def test_existing_rows_are_checked_in_a_later_transaction_than_new_ones(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), "20261125_03"))
        await add_task(connection)
        await connection.execute(sa.text("UPDATE tasks SET completed_at = now()"))
    with pytest.raises(IntegrityError, match="tasks_completed_check"):
        await migrate(engine)
    async with engine.connect() as connection:
        valid = sa.text("SELECT convalidated FROM pg_constraint WHERE conname = 'tasks_completed_check'")
        assert (await connection.execute(valid)).scalar_one() is False
        with pytest.raises(IntegrityError, match="tasks_completed_check"):
            await connection.execute(_ENDED_TASK)
    async with engine.begin() as connection:
        await connection.execute(sa.text("UPDATE tasks SET completed_at = NULL"))
    await migrate(engine)
    assert await find_differences(engine) == []


async def test_a_dead_letter_that_runs_again_is_none_after_the_migration(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), "20261125_03"))
        await add_task(connection)
        await connection.execute(sa.text("UPDATE tasks SET state = 'EXPANDED', dead_lettered_at = now()"))
    await migrate(engine)
    assert await find_differences(engine) == []
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("SELECT dead_lettered_at FROM tasks"))).scalar_one() is None


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'HALTED'", "state"),
        ("state = 'STARTED', worker_id = gen_random_uuid()", "pid"),
        ("state = 'STARTED', pid = 7", "worker"),
        ("worker_id = gen_random_uuid()", "worker"),
        ("state = 'SUCCESS'", "completed"),
        ("completed_at = now()", "completed"),
        ("dead_lettered_at = now()", "dead_letter"),
        ("attempt = 1, retries = 1, crashes = 1", "attempt"),
        ("history = (SELECT jsonb_agg(n) FROM generate_series(1, 21) AS n)", "history"),
    ],
)
async def test_a_task_that_contradicts_itself_is_refused(
    connection: AsyncConnection, change: str, constraint: str
) -> None:
    await add_task(connection)
    with pytest.raises(IntegrityError, match=f"tasks_{constraint}_check"):
        await connection.execute(sa.text(f"UPDATE tasks SET {change}"))


async def test_no_migration_reads_a_large_table_while_it_blocks_its_readers(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.downgrade(_config(sync), "20261129_02"))
    blocked: list[tuple[str, str]] = []

    def look(connection: sa.Connection, _cursor: object, statement: str, *_: object) -> None:
        if re.match(r"\s*(CREATE INDEX|DELETE FROM|WITH|UPDATE (?!alembic_version))", statement):
            blocked.extend((table, statement) for table in connection.scalars(_BLOCKED))

    sa.event.listen(engine.sync_engine, "before_cursor_execute", look)
    await migrate(engine)
    assert blocked == []
