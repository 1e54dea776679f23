import asyncio
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.chunks import REMOVED_AT_ONCE, ChunkRow, Hit, add_chunks, remove_chunks, replace_chunks, search
from app.db.codecs import decode_halfvec, decode_tsvector, encode_halfvec, encode_tsvector
from app.domain.documents import Chunk
from app.domain.ports import Vector
from app.pipeline.lexemes import lexemes, query_lexemes

pytestmark = pytest.mark.anyio

NORTH, EAST, BETWEEN = (array("f", numbers) for numbers in ((1, 0, 0), (0, 1, 0), (0.8, 0.6, 0)))


def make_rows(texts: Sequence[str], vector: Vector = NORTH) -> list[ChunkRow]:
    return [
        ChunkRow(Chunk(index, words, 10 * index, 10 * index + len(words), 1), vector, lexemes(words))
        for index, words in enumerate(texts)
    ]


async def add_agent(connection: AsyncConnection) -> int:
    statement = "INSERT INTO agents (organization_id, name, slug) VALUES (1, 'a', gen_random_uuid()) RETURNING id"
    return int((await connection.execute(text(statement))).scalar_one())


async def add_document(
    connection: AsyncConnection, agent_id: int, *texts: str, metadata: str = "{}", vector: Vector = NORTH
) -> int:
    statement = text(
        "INSERT INTO documents"
        " (organization_id, agent_id, filename, media_type, size_bytes, sha256, blob_key, metadata)"
        " VALUES (1, :agent_id, 'a.txt', 'text/plain', 1, '', '', CAST(:metadata AS jsonb)) RETURNING id"
    )
    added = await connection.execute(statement, {"agent_id": agent_id, "metadata": metadata})
    document_id = int(added.scalar_one())
    await put_chunks(connection, agent_id, document_id, make_rows(texts, vector))
    return document_id


async def put_chunks(connection: AsyncConnection, agent_id: int, document_id: int, rows: list[ChunkRow]) -> None:
    """A new edition of a document's chunks, in place of the old."""
    statement = text("UPDATE documents SET edition = edition + 1 WHERE id = :id RETURNING edition")
    edition = int((await connection.execute(statement, {"id": document_id})).scalar_one())
    assert await replace_chunks(connection, agent_id=agent_id, document_id=document_id, edition=edition, rows=rows)


async def find(
    connection: AsyncConnection, agent_id: int, question: str, vector: Vector | None = None, **options: Any
) -> list[Hit]:
    return await search(
        connection,
        agent_id=agent_id,
        query_lexemes=query_lexemes(question),
        query_vector=vector,
        **{"mode": "text", **options},
    )


async def count_words(connection: AsyncConnection, agent_id: int) -> Mapping[str, int]:
    rows = await connection.execute(
        text("SELECT lexeme, chunk_count FROM lexemes WHERE agent_id = :agent_id AND chunk_count <> 0"),
        {"agent_id": agent_id},
    )
    return {row.lexeme: row.chunk_count for row in rows}


async def test_a_tsvector_written_in_binary_is_what_postgres_reads(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    document_id = await add_document(connection, agent_id, "b bb a é 漢字 it's b a_b", "")
    rows = await connection.execute(
        text("SELECT tsv::text FROM chunks WHERE document_id = :id ORDER BY ordinal"), {"id": document_id}
    )
    assert rows.scalars().all() == [
        "'a':3,10 'ab':11 'b':1,9,11 'bb':2 'e':4 'it':7 'its':8 's':8 '字':6 '漢':5 '漢字':5",
        "",
    ]


def test_the_binary_forms_are_read_as_they_were_written() -> None:
    words = {"b": [1, 3], "a": [2], "é": [16_383], "none": []}
    assert decode_tsvector(encode_tsvector(words)) == words
    assert list(decode_halfvec(encode_halfvec(BETWEEN))) == pytest.approx(list(BETWEEN), abs=1e-3)


async def test_a_chunk_is_found_by_its_words_with_its_place(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    document_id = await add_document(
        connection, agent_id, "the gate is shut", "the lock is open", metadata='{"author": "Ann"}'
    )
    (hit,) = await find(connection, agent_id, "lock")
    assert (hit.document_id, hit.filename, hit.text, hit.page) == (document_id, "a.txt", "the lock is open", 1)
    assert (hit.start, hit.end, hit.score, hit.metadata) == (10, 26, 1.0, {"author": "Ann"})


async def test_a_rare_word_counts_for_more_than_a_common_one(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    await add_document(connection, agent_id, "common words here", "rare words here", *["common words there"] * 5)
    assert (await find(connection, agent_id, "common rare"))[0].text == "rare words here"


async def test_the_common_words_of_a_question_are_not_needed_to_find_but_help_to_rank(
    connection: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.chunks.MATCHES", 3)
    agent_id = await add_agent(connection)
    await add_document(connection, agent_id, "rare and so on", "rare common now on", *["common thing"] * 5)
    assert [hit.text for hit in await find(connection, agent_id, "common rare")] == [
        "rare common now on",
        "rare and so on",
    ]


async def test_meaning_alone_ranks_by_the_angle_and_needs_no_common_word(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    await add_document(connection, agent_id, "north", vector=NORTH)
    await add_document(connection, agent_id, "east", vector=EAST)
    hits = await find(connection, agent_id, "west", BETWEEN, mode="vector")
    assert [hit.text for hit in hits] == ["north", "east"]
    assert [hit.score for hit in hits] == pytest.approx([0.8, 0.6], abs=1e-3)


async def test_hybrid_is_the_mean_of_words_and_meaning(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    await add_document(connection, agent_id, "north", vector=NORTH)
    await add_document(connection, agent_id, "east", vector=EAST)
    hits = await find(connection, agent_id, "east", BETWEEN, mode="hybrid")
    assert [(hit.text, round(hit.score, 2)) for hit in hits] == [("east", 0.8), ("north", 0.4)]


async def test_hybrid_without_a_vector_is_text(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    await add_document(connection, agent_id, "north")
    assert [hit.score for hit in await find(connection, agent_id, "north", mode="hybrid")] == [1.0]


async def test_a_question_of_no_known_word_finds_nothing_by_text(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    await add_document(connection, agent_id, "north")
    assert await find(connection, agent_id, "south ?") == []


async def test_a_zero_vector_neither_finds_nor_breaks_the_order(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    await add_document(connection, agent_id, "blank", vector=array("f", (0, 0, 0)))
    await add_document(connection, agent_id, "north", vector=NORTH)
    hits = await find(connection, agent_id, "", NORTH, mode="vector")
    assert [(hit.text, round(hit.score, 2)) for hit in hits] == [("north", 1.0), ("blank", 0.0)]


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
async def test_a_hidden_document_takes_no_place_among_the_hits(connection: AsyncConnection, mode: str) -> None:
    agent_id = await add_agent(connection)
    hidden = await add_document(connection, agent_id, *["north gate"] * 300)
    seen = await add_document(connection, agent_id, "north of the river is another gate", vector=BETWEEN)
    await connection.execute(text("UPDATE documents SET deleted_at = now() WHERE id = :id"), {"id": hidden})
    hits = await find(connection, agent_id, "north gate", NORTH, mode=mode, top_k=1)
    assert [hit.document_id for hit in hits] == [seen]


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
async def test_another_agents_chunks_are_never_found(connection: AsyncConnection, mode: str) -> None:
    mine, other = await add_agent(connection), await add_agent(connection)
    await add_document(connection, other, "north")
    assert await find(connection, mine, "north", NORTH, mode=mode) == []


async def test_a_filter_narrows_by_metadata_and_by_document(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    first = await add_document(connection, agent_id, "north", metadata='{"year": 2024, "tags": ["a", "b"]}')
    second = await add_document(connection, agent_id, "north", metadata='{"year": 2025}')

    async def found(wanted: Mapping[str, Any]) -> set[int]:
        return {hit.document_id for hit in await find(connection, agent_id, "north", filter=wanted)}

    assert await found({"year": 2024}) == {first}
    assert await found({"tags": ["b"]}) == {first}
    assert await found({"document_id": second}) == {second}
    assert await found({"document_id": [first, second], "year": 2025}) == {second}
    assert await found({"document_id": []}) == set()


async def test_replacing_and_deleting_chunks_keeps_the_counts_of_words(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    document_id = await add_document(connection, agent_id, "red red green", "red")
    await add_document(connection, agent_id, "green")
    assert await count_words(connection, agent_id) == {"": 3, "red": 2, "green": 2}

    await put_chunks(connection, agent_id, document_id, make_rows(["blue red"]))
    assert await count_words(connection, agent_id) == {"": 2, "red": 1, "green": 1, "blue": 1}

    await remove_chunks(connection, document_id)
    await remove_chunks(connection, document_id)
    assert await count_words(connection, agent_id) == {"": 1, "green": 1}


async def test_an_edition_is_found_only_once_it_is_the_documents(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    document_id = await add_document(connection, agent_id, "north gate of old")
    rows = make_rows(["north gate anew", "north gate again"])
    await add_chunks(connection, agent_id=agent_id, document_id=document_id, edition=2, rows=rows)
    for mode in ("text", "vector", "hybrid"):
        hits = await find(connection, agent_id, "north gate", NORTH, mode=mode)
        assert [hit.text for hit in hits] == ["north gate of old"]
    await connection.execute(text("UPDATE documents SET edition = 2 WHERE id = :id"), {"id": document_id})
    assert {hit.text for hit in await find(connection, agent_id, "north gate")} == {
        "north gate anew",
        "north gate again",
    }
    assert await remove_chunks(connection, document_id, last=1) == 1
    counts = await count_words(connection, agent_id)
    assert (counts[""], counts["north"], counts["gate"]) == (2, 2, 2)


async def test_many_chunks_are_removed_some_at_a_time(connection: AsyncConnection) -> None:
    agent_id = await add_agent(connection)
    document_id = await add_document(connection, agent_id, *["north"] * (REMOVED_AT_ONCE + 1))
    assert await remove_chunks(connection, document_id) == REMOVED_AT_ONCE
    assert await count_words(connection, agent_id) == {"": 1, "north": 1}
    assert await remove_chunks(connection, document_id) == 1
    assert await count_words(connection, agent_id) == {}


async def test_chunks_are_not_written_outside_a_transaction(engine: AsyncEngine) -> None:
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(RuntimeError, match="transaction"):
            await replace_chunks(connection, agent_id=1, document_id=1, edition=1, rows=make_rows(["a"]))


async def test_documents_that_finish_at_once_wait_for_each_other_and_never_deadlock(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        agent_id = await add_agent(connection)

    async def finish(number: int) -> None:
        words = [f"word{n}" for n in range(40)]
        async with engine.begin() as connection:
            document_id = await add_document(connection, agent_id, " ".join(words[:: number % 2 * -2 + 1]))
        async with engine.begin() as connection:
            await remove_chunks(connection, document_id)

    await asyncio.gather(*map(finish, range(24)))
    async with engine.connect() as connection:
        assert await count_words(connection, agent_id) == {}
