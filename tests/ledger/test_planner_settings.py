"""Every statement of the ledger affects the same number of rows, whatever plan PostgreSQL chooses.

A plan may run a joined subquery more than once. With a limit and row locks, it then finds other rows each time, and the
statement affects more rows than its limit.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import TextClause, TextualSelect, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

import app.db
import app.ledger
from app.db.statements import Statement
from app.db.tables.core import tasks
from tests.ledger.bench import Bench
from tests.ledger.planner_world import WITHOUT_ROWS, fill, find_parameters

KINDS = ["hashjoin", "mergejoin", "nestloop", "hashagg", "sort", "incremental_sort", "material", "memoize", "seqscan"]
KINDS += ["indexscan", "indexonlyscan", "bitmapscan", "tidscan", "gathermerge", "parallel_append"]
# The second to the last are plans that PostgreSQL chose for tables without statistics.
OFF: list[tuple[str, ...]] = [(kind,) for kind in KINDS]
OFF += [("hashjoin", "hashagg", "sort", "material", "memoize"), ("hashjoin", "mergejoin"), ("mergejoin", "nestloop")]
OFF += [("hashjoin", "nestloop"), ("hashjoin", "mergejoin", "material", "memoize"), ("seqscan", "bitmapscan", "sort")]


def list_statements(package: ModuleType) -> Iterator[tuple[str, Any]]:
    """Each statement of a package's modules, and of the packages in it, with its name."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, (Statement, TextClause, TextualSelect)):
                yield f"{found.name.removeprefix(f'{package.__name__}.')}.{name}", as_clause(value)


def as_clause(statement: Any) -> Any:
    """A statement as SQLAlchemy runs it. One that goes to the driver takes JSON as text."""
    if not isinstance(statement, Statement):
        return statement
    json = [
        bindparam(name, type_=JSONB) for name in statement.names if name in {"arguments", "error", "reports", "result"}
    ]
    clause = text(statement.text).bindparams(*json)
    return clause.columns(*tasks.c) if "WITH changed AS" in statement.text else clause


def get_text(statement: Any) -> TextClause:
    clause = statement.element if isinstance(statement, TextualSelect) else statement
    assert isinstance(clause, TextClause)
    return clause


LEDGER = {name: statement for name, statement in list_statements(app.ledger) if name not in WITHOUT_ROWS}
LIMITED = {
    name: statement
    for name, statement in list_statements(app.db)
    if "LIMIT :" in get_text(statement).text and " FOR " in get_text(statement).text
}


@pytest.fixture(scope="module")
def world(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[Bench]:
    """A ledger with tasks in every state."""
    with make_database() as (database_url, _):
        bench = Bench(database_url)
        fill(bench)
        yield bench
        bench.close()


async def count_rows(
    connection: AsyncConnection, statement: Any, parameters: dict[str, Any], off: tuple[str, ...]
) -> int:
    """How many rows the statement returns or changes with these kinds of plans switched off. Nothing stays changed."""
    savepoint = await connection.begin_nested()
    for kind in off:
        await connection.execute(text(f"SET LOCAL enable_{kind} = off"))
    result = await connection.execute(statement, parameters)
    rows = len(result.all()) if result.returns_rows else result.rowcount
    await savepoint.rollback()
    return rows


@pytest.mark.parametrize("name", [*LEDGER, *LIMITED])
def test_the_statement_affects_the_same_number_of_rows_under_every_plan(world: Bench, name: str) -> None:
    statement = {**LEDGER, **LIMITED}[name]
    needed = get_text(statement)._bindparams
    values = find_parameters(world, name)
    parameters = {parameter: values[parameter] for parameter in needed}

    async def count_all(connection: AsyncConnection) -> dict[tuple[str, ...], int]:
        # Otherwise PostgreSQL keeps the plan of the first executions.
        await connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        return {off: await count_rows(connection, statement, parameters, off) for off in [(), *OFF]}

    counts = world.do(count_all)
    assert counts[()] > 0, "the statement finds nothing here: give it other parameters"
    assert counts == dict.fromkeys(counts, counts[()])
