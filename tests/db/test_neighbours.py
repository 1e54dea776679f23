"""A hit comes with the chunks before and after it, when they are requested."""

import pytest
from sqlalchemy import text

from app.db.documents.chunks import ChunkRow, count_words, replace_chunks
from app.db.documents.documents import hide_document
from app.domain.documents import Chunk
from app.pipeline.chunking.joining import join_chunks
from app.pipeline.words.lexemes import lexemes
from app.services.search import neighbours as module
from tests.db.library import Library

SENTENCES = ["One is here.", "Two is here.", "The heron waits.", "Four is here.", "Five is here.", "Six is here."]
TEXT = " ".join(SENTENCES)


async def add_overlapping(library: Library, agent_id: int) -> int:
    """Add a document of ``TEXT``; each chunk has a sentence and repeats the one before it, from the second page on."""
    document_id = await library.add_document(agent_id, "soon replaced")
    starts = [TEXT.index(sentence) for sentence in SENTENCES]
    rows = []
    for ordinal, sentence in enumerate(SENTENCES):
        start = starts[ordinal - 1] if ordinal > 1 else starts[ordinal]
        end = starts[ordinal] + len(sentence)
        chunk = Chunk(ordinal, TEXT[start:end], start, end, 1 if ordinal < 2 else 2)
        rows.append(ChunkRow(chunk, lexemes(sentence)))
    async with library.engine.begin() as connection:
        edition = await connection.scalar(text("SELECT edition FROM documents WHERE id = :id"), {"id": document_id})
        await connection.execute(text("DELETE FROM chunks WHERE document_id = :id"), {"id": document_id})
        place = {"agent_id": agent_id, "document_id": document_id, "edition": edition}
        written = await replace_chunks(connection, **place, rows=rows)
        await count_words(connection, written.words)
    return document_id


async def test_the_chunks_on_both_sides_come_in_order_with_their_places(library: Library) -> None:
    agent_id = await library.add_agent()
    await add_overlapping(library, agent_id)
    (result,) = await library.show([agent_id], "heron", neighbours=2)
    around = result.surroundings
    assert around
    assert [chunk.ordinal for chunk in around.before] == [0, 1]
    assert [chunk.ordinal for chunk in around.after] == [3, 4]
    for chunk in [*around.before, *around.after]:
        assert TEXT[chunk.start : chunk.end] == chunk.text
    assert [chunk.page for chunk in around.before] == [1, 1]


async def test_the_expanded_text_repeats_nothing_and_leaves_nothing_out(library: Library) -> None:
    agent_id = await library.add_agent()
    await add_overlapping(library, agent_id)
    for count, first, last in ((1, 1, 3), (2, 0, 4), (5, 0, 5)):
        (result,) = await library.show([agent_id], "heron", neighbours=count)
        assert result.surroundings
        # The space between chunks that do not overlap becomes a line break.
        expected = " ".join(SENTENCES[first : last + 1])
        assert result.surroundings.text.split() == expected.split()
        assert len(result.surroundings.text) == len(expected)


async def test_the_ends_of_a_document_have_fewer_neighbours_and_none_of_another_document(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "left", "middle")
    await library.add_document(agent_id, "heron", "after")
    (result,) = await library.show([agent_id], "heron", neighbours=5)
    assert result.surroundings
    assert list(result.surroundings.before) == []
    assert [chunk.text for chunk in result.surroundings.after] == ["after"]


async def test_only_the_edition_that_search_finds_gives_neighbours(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(agent_id, "old before", "old heron", "old after")
    await library.publish(agent_id, document_id, ["new before", "new heron", "new after"])
    await library.stage(agent_id, document_id, ["next before", "next heron", "next after"])
    (result,) = await library.show([agent_id], "heron", neighbours=1)
    assert result.surroundings
    around = [*result.surroundings.before, *result.surroundings.after]
    assert [chunk.text for chunk in around] == ["new before", "new after"]
    async with library.engine.begin() as connection:
        await hide_document(connection, document_id)
    found = await module.Neighbours(library.database).find([result.hit], 1)
    assert (list(found[0].before), list(found[0].after)) == ([], [])


async def test_without_a_request_there_are_no_neighbours(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "before", "heron", "after")
    (result,) = await library.show([agent_id], "heron")
    assert result.surroundings is None


async def test_when_the_neighbours_are_too_long_the_nearest_of_the_first_hits_are_returned(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "aaaa", "bbbb", "heron heron", "cccc", "dddd")
    await library.add_document(agent_id, "eeee", "heron and more words that make it the second", "ffff")
    monkeypatch.setattr(module, "MAX_CHARACTERS", 12)
    first, second = await library.show([agent_id], "heron", neighbours=2)
    assert first.surroundings
    assert second.surroundings
    assert [chunk.text for chunk in (*first.surroundings.before, *first.surroundings.after)] == ["aaaa", "bbbb", "cccc"]
    assert second.surroundings.text == second.hit.text


def test_text_is_joined_from_any_first_chunk() -> None:
    chunks = [Chunk(0, "abc", 5, 8, 1), Chunk(1, "bcd", 6, 9, 1), Chunk(2, "cd", 7, 9, 1), Chunk(3, "f", 11, 12, 2)]
    assert join_chunks(chunks, 5) == "abcd\n\nf"
