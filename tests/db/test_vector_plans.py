"""The frequent queries of search and upkeep find incomplete editions by index, however many editions there are."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.documents.edition_lists import lacks_old, list_lacking, list_stale, list_unswept
from app.db.documents.editions import list_hidden
from app.db.engine import create_engine
from app.domain.tasks import Queue, TaskName
from app.ledger.read import count_unfinished
from app.ledger.reprioritise import reprioritise_reembedding

_TABLES = {"documents", "editions", "tasks"}
Statement = Callable[[AsyncConnection], Awaitable[Any]]

STATEMENTS: dict[str, Statement] = {
    "list_hidden": lambda connection: list_hidden(connection, 1, 1),
    "list_lacking": lambda connection: list_lacking(connection, 1, 500),
    "list_lacking, of the one that is built": lambda connection: list_lacking(connection, 2, 500),
    "lacks_old": lambda connection: lacks_old(connection, 2, 60.0),
    "list_unswept": lambda connection: list_unswept(connection, 500),
    "list_stale": lambda connection: list_stale(connection, 77),
    "count_unfinished": lambda connection: count_unfinished(connection, TaskName.REEMBED_DOCUMENT),
    "reprioritise_reembedding": lambda connection: reprioritise_reembedding(connection, 1, Queue.HIGH),
}

# 30,000 documents of ten agents, each indexed and with two finished tasks. The index that is being built lacks a
# hundred, the active one fifty. Fifty have stale editions. About forty tasks are submitted for these.
_FILL = """
    INSERT INTO agents (organization_id, name, slug) SELECT 1, 'a', n::text FROM generate_series(1, 10) AS n;
    INSERT INTO vector_indexes (store, provider, model, state)
    VALUES ('pgvector', 'local', 'old', 'active'), ('pgvector', 'local', 'new', 'building');
    INSERT INTO documents (organization_id, agent_id, task_id, filename, media_type, edition, chunk_count)
    SELECT 1, 1 + n % 10, gen_random_uuid(), n || '.txt', 'text/plain', 2, 5 FROM generate_series(1, 30000) AS n;
    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue, state, completed_at)
    SELECT task_id, 1, agent_id, id, 'app.tasks.document_tasks.process_document', 'high_priority', 'SUCCESS', now()
    FROM documents;
    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue, state, completed_at)
    SELECT gen_random_uuid(), 1, agent_id, id, 'app.tasks.embedding_tasks.reembed_document', 'low_priority', 'SUCCESS',
           now()
    FROM documents;
    INSERT INTO editions (index_id, document_id, edition, agent_id, complete)
    SELECT 1, id, 2, agent_id, id % 600 <> 0 FROM documents;
    INSERT INTO editions (index_id, document_id, edition, agent_id)
    SELECT 2, id, 2, agent_id FROM documents WHERE id % 300 = 0;
    INSERT INTO editions (index_id, document_id, edition, agent_id)
    SELECT 1, id, 1, agent_id FROM documents WHERE id % 600 = 77;
    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue, arguments)
    SELECT gen_random_uuid(), 1, agent_id, id, CASE id % 600
               WHEN 77 THEN 'app.tasks.vector_tasks.sweep_document'
               ELSE 'app.tasks.embedding_tasks.reembed_document' END,
           'low_priority', '{"index_id": 1}'
    FROM documents WHERE id % 600 IN (0, 77) AND id < 12000;
    ANALYZE
"""


@pytest.fixture(scope="module")
def database_url(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[str]:
    """A database shared by the tests of this module."""
    with make_database() as (url, _):
        yield url


@pytest.fixture
async def filled(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database of a large installation."""
    engine = create_engine(database_url, pool_size=1)
    async with engine.begin() as connection:
        if not await connection.scalar(text("SELECT count(*) FROM agents")):
            for statement in _FILL.split(";"):
                await connection.exec_driver_sql(statement)
    yield engine
    await engine.dispose()


def walk(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Iterate over a plan's nodes, from the top."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from walk(inner)


async def listen(engine: AsyncEngine, run: Statement) -> list[tuple[str, Any]]:
    """The statements that ``run`` executes, each with its parameters. Its changes are rolled back."""
    executed: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        executed.append((statement, parameters))

    async with engine.connect() as connection:
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        await run(connection)
        event.remove(engine.sync_engine, "before_cursor_execute", note)
        await connection.rollback()
    return executed


async def explain(engine: AsyncEngine, run: Statement, mode: str) -> list[dict[str, Any]]:
    """The nodes of the plans of the statements that ``run`` executes, in that ``plan_cache_mode``."""
    nodes: list[dict[str, Any]] = []
    for statement, parameters in await listen(engine, run):
        given = f"({', '.join(map(repr, parameters))})" if parameters else ""
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"SET LOCAL plan_cache_mode = '{mode}'")
            await connection.exec_driver_sql(f"PREPARE asked AS {statement}")
            plan = (await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE asked{given}")).scalar_one()
            await connection.exec_driver_sql("DEALLOCATE asked")
            await connection.rollback()
        nodes += walk((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
    return nodes


# After some executions of a statement, a connection may use a generic plan, for any parameters.
@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
async def test_the_statement_reads_what_it_needs_by_index_alone(filled: AsyncEngine, name: str, mode: str) -> None:
    nodes = await explain(filled, STATEMENTS[name], mode)
    scans = [
        node["Node Type"] for node in nodes if node.get("Relation Name") in _TABLES and "Scan" in node["Node Type"]
    ]
    assert scans
    assert "Seq Scan" not in scans, json.dumps(nodes[0], indent=1)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("list_hidden", "editions_incomplete_idx"),
        ("list_lacking", "editions_lacking_idx"),
        ("lacks_old", "editions_lacking_idx"),
        ("list_unswept", "tasks_keeping_vectors_idx"),
        ("count_unfinished", "tasks_keeping_vectors_idx"),
        ("reprioritise_reembedding", "tasks_keeping_vectors_idx"),
    ],
)
async def test_the_statement_goes_by_the_index_that_was_made_for_it(filled: AsyncEngine, name: str, index: str) -> None:
    nodes = await explain(filled, STATEMENTS[name], "force_custom_plan")
    assert index in {node.get("Index Name") for node in nodes}


async def test_the_statements_find_what_there_is(filled: AsyncEngine) -> None:
    async with filled.connect() as connection:
        assert len(await list_hidden(connection, 1, 8)) == 50
        assert len(await list_lacking(connection, 1, 500)) == 50 - 19
        assert len(await list_lacking(connection, 2, 500)) == 100
        assert len(await list_unswept(connection, 500)) == 50 - 20
        assert await count_unfinished(connection, TaskName.REEMBED_DOCUMENT) == 19
