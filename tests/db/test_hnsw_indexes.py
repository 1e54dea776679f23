"""Agents with many vectors get an HNSW index, which searches use and which is dropped when it is no longer needed."""

import asyncio

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import create_engine
from app.db.schema import find_differences
from app.db.statements import Statement
from app.db.vectors import pgvector_store
from app.db.vectors.hnsw_indexes import HnswIndex, belongs_to_schema, find_hnsw_indexes, maintain_hnsw_indexes
from app.settings import Settings
from tests.db.library import NORTH, NOWHERE, Library

_MANY = 60
_ESTIMATE = _MANY * 403 / 1e6  # milliseconds, for vectors of three numbers


async def tend(library: Library) -> int:
    return await maintain_hnsw_indexes(library.database, built_over=_ESTIMATE / 2, dropped_under=_ESTIMATE / 4)


async def list_graphs(library: Library) -> dict[HnswIndex, bool]:
    async with library.engine.connect() as connection:
        return await find_hnsw_indexes(connection)


async def add_large_agent(library: Library) -> tuple[int, int]:
    """Insert an agent with a document of many chunks; returns both ids."""
    agent_id = await library.add_agent()
    return agent_id, await library.add_document(agent_id, *["word"] * _MANY)


async def execute(engine: AsyncEngine, statement: str) -> None:
    async with engine.begin() as connection:
        await connection.execute(text(statement))


async def test_only_a_large_agent_gets_a_graph_and_only_once(library: Library) -> None:
    await library.add_document(await library.add_agent(), "word")
    agent_id, _ = await add_large_agent(library)
    index = await library.get_index()
    assert await tend(library) == 1
    assert await list_graphs(library) == {HnswIndex(index.id, agent_id): True}
    assert await tend(library) == 0


async def test_a_graph_goes_when_its_agent_shrinks(library: Library) -> None:
    agent_id, document_id = await add_large_agent(library)
    await tend(library)
    await library.publish(agent_id, document_id, ["word"] * (_MANY // 3))
    assert await tend(library) == 0, "not before it is much smaller"
    await library.publish(agent_id, document_id, ["word"])
    assert await tend(library) == 1
    assert await list_graphs(library) == {}


@pytest.mark.parametrize(
    "statement", ["UPDATE agents SET deleted_at = now()", "UPDATE vector_indexes SET state = 'retired'"]
)
async def test_a_graph_goes_with_its_agent_and_with_its_index(library: Library, statement: str) -> None:
    await add_large_agent(library)
    await tend(library)
    await execute(library.engine, statement)
    assert await tend(library) == 1
    assert await list_graphs(library) == {}


async def test_what_a_broken_build_left_is_built_anew(library: Library) -> None:
    agent_id, _ = await add_large_agent(library)
    graph = HnswIndex((await library.get_index()).id, agent_id)
    await tend(library)
    await execute(
        library.engine, f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = CAST('{graph.name}' AS regclass)"
    )
    assert await list_graphs(library) == {graph: False}
    assert await tend(library) == 2
    assert await list_graphs(library) == {graph: True}


async def test_one_process_at_a_time_builds(library: Library) -> None:
    await add_large_agent(library)
    assert sorted(await asyncio.gather(tend(library), tend(library))) == [0, 1]


async def test_migrations_do_not_answer_for_graphs(library: Library, settings: Settings) -> None:
    await add_large_agent(library)
    await tend(library)
    [graph] = await list_graphs(library)
    assert not belongs_to_schema(graph.name, "index", {})
    assert belongs_to_schema("vectors_agent_id_index_id_idx", "index", {})
    engine = create_engine(settings.database_url or "", pool_size=1)
    assert await find_differences(engine) == []
    await engine.dispose()


async def test_the_limits_of_a_builder_do_not_stay_behind(library: Library) -> None:
    await add_large_agent(library)
    await tend(library)
    async with library.engine.connect() as connection:
        assert await connection.scalar(text("SHOW statement_timeout")) == "30s"


async def add_spread(library: Library, agent_id: int) -> None:
    """Insert documents with one vector each, in all directions."""
    spread = np.random.default_rng(1).normal(size=(_MANY, 3))
    for numbers in spread / np.linalg.norm(spread, axis=1, keepdims=True):
        await library.add_document(agent_id, "word", vector=numbers.tolist())


async def prefer_graphs(library: Library) -> None:
    """Make Postgres use so small an index: by its own estimate it would compare so few vectors one by one."""
    async with library.engine.begin() as connection:
        name = await connection.scalar(text("SELECT current_database()"))
        await connection.execute(text(f'ALTER DATABASE "{name}" SET enable_sort = off'))
    await library.engine.dispose()


async def count_reads(library: Library) -> int:
    """The number of scans of HNSW indexes so far."""
    async with library.engine.connect() as connection:
        await connection.execute(text("SELECT pg_stat_force_next_flush()"))
        await connection.commit()
        reads = "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname LIKE 'vectors_hnsw%'"
        return int(await connection.scalar(text(reads)) or 0)


async def test_vectors_written_before_and_after_are_found_through_the_graph(library: Library) -> None:
    await prefer_graphs(library)
    agent_id = await library.add_agent()
    await add_spread(library, agent_id)
    await tend(library)
    late = await library.add_document(agent_id, "word", vector=[0.0, 0.0, 1.0])
    index = await library.get_index()
    for asked in range(1, 9):  # more often than it takes until the plan is cached
        [first, *others] = await library.store.query(index, agent_id, [0.0, 0.0, 1.0], limit=_MANY)
        assert first.key.document_id == late
        assert first.similarity == pytest.approx(1)
        similarities = [match.similarity for match in others]
        assert len(others) == _MANY - 1
        assert similarities == sorted(similarities, reverse=True)
        assert await count_reads(library) == asked


async def test_what_is_hidden_is_left_out_within_the_graph(library: Library) -> None:
    await prefer_graphs(library)
    agent_id = await library.add_agent()
    await add_spread(library, agent_id)
    await tend(library)
    index = await library.get_index()
    near = await library.store.query(index, agent_id, [0.0, 0.0, 1.0], limit=20)
    hidden = [(match.key.document_id, match.key.edition) for match in near[:10]]
    rest = await library.store.query(index, agent_id, [0.0, 0.0, 1.0], limit=10, without=hidden)
    assert rest == near[10:]
    assert await count_reads(library) == 2


async def test_a_scan_continues_where_most_of_its_candidates_are_hidden(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector_store, "ALONE", 5)
    await prefer_graphs(library)
    agent_id = await library.add_agent()
    await add_spread(library, agent_id)
    await tend(library)
    index = await library.get_index()
    near = await library.store.query(index, agent_id, [0.0, 0.0, 1.0], limit=20)
    hidden = [(match.key.document_id, match.key.edition) for match in near[:10]]
    before = await count_reads(library)
    assert await library.store.query(index, agent_id, [0.0, 0.0, 1.0], limit=5, without=hidden) == near[10:15]
    assert await count_reads(library) == before + 2


async def test_the_candidates_of_a_scan_are_set_for_its_statement_alone(library: Library) -> None:
    await prefer_graphs(library)
    agent_id = await library.add_agent()
    await add_spread(library, agent_id)
    await tend(library)
    await library.store.query(await library.get_index(), agent_id, [0.0, 0.0, 1.0], limit=5)
    shown = Statement("SELECT current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan')")
    assert [tuple(row) for row in await library.database.fetch(shown, {})] == [("200", "strict_order")]


async def test_documents_that_are_named_and_questions_without_a_meaning_are_compared_exactly(library: Library) -> None:
    await prefer_graphs(library)
    agent_id, document_id = await add_large_agent(library)
    await tend(library)
    index = await library.get_index()
    assert len(await library.store.query(index, agent_id, NORTH, limit=200, document_ids=[document_id])) == _MANY
    assert len(await library.store.query(index, agent_id, NOWHERE, limit=200)) == _MANY
    assert await count_reads(library) == 0
