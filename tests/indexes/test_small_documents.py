"""A small document needs few statements, and leaves the same rows as one that is written table by table."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.domain.errors import DocumentSupersededError
from app.domain.states import State
from app.services.indexing import publication
from tests.adapters.qdrant_server import QdrantServer
from tests.indexes.world import World
from tests.round_trips import record_sent

LINES = ["the keeper's barge", "a lock, a lock and a weir", "12 kg of coal"]
ROWS = {
    "chunks": "edition, ordinal, text, context, start_char, end_char, page, tsv::text",
    "vectors": "edition, ordinal, index_id, embedding::text",
    "editions": "index_id, edition, complete",
    "unsegmented_chunks": "edition, ordinals",
}


@pytest.fixture
def engine(world: World) -> AsyncEngine:
    """The engine of the world's database."""
    return world.database._engine


async def publish(world: World, name: str, lines: Sequence[str] = LINES) -> dict[str, Any]:
    """Publish a document; returns its rows in each table, and its row."""
    document_id = await world.publish(*lines, name=name)
    rows: dict[str, Any] = {
        table: [
            tuple(row)
            for row in await world.fetch(
                f"SELECT {columns} FROM {table} WHERE document_id = :id ORDER BY 1, 2", id=document_id
            )
        ]
        for table, columns in ROWS.items()
    }
    [document] = await world.fetch(
        "SELECT edition, last_edition, status, version, page_count, chunk_count, embedding_model, metadata, "
        "content_key = sha256 AS keyed FROM documents WHERE id = :id",
        id=document_id,
    )
    return {**rows, "document": tuple(document)}


async def list_wrong_counts(world: World) -> list[str]:
    """The words whose stored count differs from the number of chunks that have them."""
    query = """
        SELECT coalesce(f.lexeme, k.lexeme) AS lexeme FROM (
            SELECT lexeme, count(*) AS found FROM chunks, unnest(tsvector_to_array(tsv) || ''::text) AS lexeme
            GROUP BY lexeme
        ) AS f FULL JOIN lexemes AS k USING (lexeme)
        WHERE found IS DISTINCT FROM chunk_count
    """
    return [row.lexeme for row in await world.fetch(query)]


async def test_a_small_document_takes_one_statement_to_load_and_two_to_publish(
    world: World, engine: AsyncEngine
) -> None:
    await world.indexes("old").ensure()
    with record_sent(engine) as sent:
        for name in ("first.txt", "second.txt"):  # a connection first asks for the types of the arrays
            attempt = await world.begin_attempt(await world.upload(*LINES, name, name=name))
            sent.clear()
            outcome = await world.ingestion.ingest(attempt)
            body = [statement for statement in sent if "UPDATE tasks" not in statement]
            sent.clear()
            await world.apply(outcome)
    assert len(body) == 1, "the document, its settings and the index"
    assert [statement.split()[0] for statement in sent] == ["BEGIN", "WITH", "WITH", "COMMIT;"]


async def test_one_statement_writes_the_rows_that_a_copy_for_each_table_writes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.indexes("old").ensure()
    await world.begin("new")
    small = await publish(world, "barge.txt")
    assert await list_wrong_counts(world) == []
    monkeypatch.setattr(publication, "MOST_CHUNKS", 0)
    await world.fetch("UPDATE documents SET filename = 'other.txt', content_key = NULL")
    assert await publish(world, "barge.txt") == small
    assert await list_wrong_counts(world) == []
    assert (len(small["editions"]), len(small["vectors"]), len(small["unsegmented_chunks"])) == (2, 3, 1)


async def test_words_that_exist_are_counted_on_and_former_editions_leave(world: World) -> None:
    await world.indexes("old").ensure()
    await world.publish(*LINES, name="a.txt")
    await world.publish(*LINES, "a new line", name="b.txt")
    assert await list_wrong_counts(world) == []
    await world.publish("a new line", name="b.txt")
    assert await list_wrong_counts(world) == []
    assert await world.count("chunks") == len(LINES) + 1
    assert await world.list_editions() == {(1, 1, True), (2, 2, True)}


async def test_an_attempt_that_publishes_nothing_reserves_no_edition_in_postgres(world: World) -> None:
    await world.indexes("old").ensure()
    _, outcome = await world.attempt(task_id := await world.upload(*LINES))
    assert await world.count("editions") == 0
    await world.fetch("UPDATE documents SET task_id = gen_random_uuid()")
    with pytest.raises(DocumentSupersededError):
        await world.apply(outcome)
    assert [await world.count(table) for table in ("editions", "chunks", "vectors", "lexemes")] == [0, 0, 0, 0]
    assert (await world.get_task(task_id)).state is not State.SUCCESS


async def test_the_edition_of_a_remote_store_is_reserved_before_its_vectors_are_written(
    world: World, qdrant: QdrantServer
) -> None:
    await world.indexes("old", "qdrant").ensure()
    _, outcome = await world.attempt(await world.upload(*LINES))
    assert await world.list_editions() == {(1, 1, False)}
    assert qdrant.collections
    await world.apply(outcome)
    assert await world.list_editions() == {(1, 1, True)}
