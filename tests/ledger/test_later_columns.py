"""The migrations of a later version may add a column to the tasks while this version runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import TextualSelect
from sqlalchemy.ext.asyncio import AsyncConnection

import app.ledger
from app.ledger.read import get_task
from tests.ledger.bench import Bench
from tests.ledger.planner_world import WITHOUT_ROWS, fill, find_parameters
from tests.ledger.test_planner_settings import get_text, list_statements

STATEMENTS = {
    name: statement
    for name, statement in list_statements(app.ledger)
    if isinstance(statement, TextualSelect) and name not in WITHOUT_ROWS
}


def test_statements_that_return_tasks_work_with_a_column_of_a_later_version(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]],
) -> None:
    with make_database() as (database_url, _):
        bench = Bench(database_url)
        fill(bench)
        bench.sql("ALTER TABLE tasks ADD COLUMN added_later text DEFAULT 'x'")
        expected = set(vars_of(bench))
        for name, statement in STATEMENTS.items():
            values = find_parameters(bench, name)
            parameters = {needed: values[needed] for needed in get_text(statement)._bindparams}
            assert set(bench.do(read_columns, statement, parameters)) == expected, name
        bench.close()


def vars_of(bench: Bench) -> list[str]:
    """The columns that this version reads."""
    task = bench.do(get_task, bench.submit().id)
    assert task is not None
    return list(task.__slots__)


async def read_columns(connection: AsyncConnection, statement: Any, parameters: dict[str, Any]) -> list[str]:
    """Run a statement, change nothing, and return the names of its columns."""
    savepoint = await connection.begin_nested()
    row = (await connection.execute(statement, parameters)).mappings().first()
    await savepoint.rollback()
    assert row is not None
    return [str(name) for name in row]
