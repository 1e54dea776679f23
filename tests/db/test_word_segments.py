"""Large agents are searched through word segments, with the same results as without."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.documents.chunks import remove_chunks
from app.db.documents.documents import hide_document
from app.db.search import word_segments
from app.db.search.ranking import Hit
from app.db.search.word_segments import maintain_word_segments
from tests.db.library import EAST, NORTH, Library
from tests.db.segments import add_corpus, make_texts, segment

_QUESTIONS = ["word1 word7 word70", "word0 word0 word2", "word33", "word5 word79 unknown", "nothing of this"]


def describe(hits: Sequence[Hit]) -> list[tuple[str, float]]:
    """The hits by score, and by text where scores are equal but for rounding."""
    return sorted(((hit.text, round(hit.score, 4)) for hit in hits), key=lambda pair: (-pair[1], pair[0]))


async def ask(library: Library, agent_id: int, **options: Any) -> list[list[tuple[str, float]]]:
    return [describe(await library.find(agent_id, question, top_k=200, **options)) for question in _QUESTIONS]


async def count_rows(engine: AsyncEngine, table: str, where: str = "true") -> int:
    async with engine.connect() as connection:
        return int((await connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}"))).scalar_one())


@pytest.mark.parametrize("mode", ["text", "hybrid", "vector"])
async def test_a_search_finds_the_same_with_segments_as_without(library: Library, mode: str) -> None:
    agent_id = await add_corpus(library)
    before = await ask(library, agent_id, mode=mode)
    filtered = await ask(library, agent_id, mode=mode, where={"n": [1, 4]})
    assert await segment(library) == 1
    assert await ask(library, agent_id, mode=mode) == before
    assert await ask(library, agent_id, mode=mode, where={"n": [1, 4]}) == filtered
    assert any(before)


async def test_the_rarest_words_choose_the_chunks_with_segments_too(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_id = await add_corpus(library)
    for module in ("app.db.search.ranking", "app.db.search.word_index"):
        monkeypatch.setattr(f"{module}.MATCHES", 30)
    before = await ask(library, agent_id)
    assert 0 < len(before[0]) < 120
    await segment(library)
    assert await ask(library, agent_id) == before


async def test_chunks_that_are_in_no_segment_are_found_with_the_others(library: Library) -> None:
    agent_id = await add_corpus(library)
    await segment(library)
    await library.add_document(agent_id, *make_texts(7, 30))
    mixed = await ask(library, agent_id)
    await segment(library)
    assert await ask(library, agent_id) == mixed
    assert await count_rows(library.engine, "unsegmented_chunks") == 0
    async with library.engine.begin() as connection:
        await connection.execute(text("DELETE FROM word_segments"))
    assert await ask(library, agent_id) == mixed, "without segments"


async def test_small_segments_are_merged(library: Library) -> None:
    agent_id = await library.add_agent()
    for number in range(12):
        await library.add_document(agent_id, *make_texts(number, 10))
        await segment(library)
    assert await count_rows(library.engine, "word_segments") <= 3
    async with library.engine.connect() as connection:
        total = (await connection.execute(text("SELECT sum(chunk_count) FROM word_segments"))).scalar_one()
    assert total == 120
    assert await count_rows(library.engine, "word_postings", "segment_id NOT IN (SELECT id FROM word_segments)") == 0


async def test_an_agent_with_more_chunks_than_a_segment_may_have_gets_several_at_once(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_id = await add_corpus(library)
    before = await ask(library, agent_id)
    monkeypatch.setattr("app.db.search.word_segments.MOST", 50)
    assert await segment(library) == 3
    assert await count_rows(library.engine, "word_segments", "chunk_count = 40") == 3
    assert await ask(library, agent_id) == before


async def test_documents_that_are_added_during_a_build_wait_for_the_next_one(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_id = await add_corpus(library)
    added = list[int]()

    build = word_segments._build

    async def build_and_add(*arguments: Any) -> None:
        await build(*arguments)
        if len(added) < 3:
            added.append(await library.add_document(agent_id, "a latecomer"))

    monkeypatch.setattr(word_segments, "_build", build_and_add)
    assert await segment(library) == 1
    assert len(added) == 1
    assert len(await library.find(agent_id, "latecomer")) == 1


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
async def test_a_hidden_document_takes_no_place_among_the_hits(library: Library, mode: str) -> None:
    agent_id = await library.add_agent()
    hidden = await library.add_document(agent_id, *["north gate"] * 700)
    seen = await library.add_document(agent_id, "north of the river is another gate", vector=EAST)
    await segment(library)
    async with library.engine.begin() as connection:
        await hide_document(connection, hidden)
    hits = await library.find(agent_id, "north gate", NORTH, mode=mode, top_k=1)
    assert [hit.document_id for hit in hits] == [seen]


async def test_a_replaced_edition_is_not_found_and_the_new_one_is(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(agent_id, "the gate of old", "a lock")
    await segment(library)
    await library.publish(agent_id, document_id, ["the gate anew"])
    assert [hit.text for hit in await library.find(agent_id, "gate lock")] == ["the gate anew"]
    await segment(library, swept=0)
    assert [hit.text for hit in await library.find(agent_id, "gate lock")] == ["the gate anew"]
    assert await count_rows(library.engine, "word_segments", "chunk_count <> 1") == 0


async def test_no_word_of_a_removed_chunk_stays(library: Library) -> None:
    agent_id = await add_corpus(library)
    document_id = await library.add_document(agent_id, "secret word0 word1")
    await segment(library)
    async with library.engine.begin() as connection:
        await hide_document(connection, document_id)
        assert await remove_chunks(connection, document_id) == 1
    assert await count_rows(library.engine, "word_postings", "lexeme LIKE 'secret%'") == 0, (
        "at once, if no other has it"
    )
    postings = "SELECT coalesce(sum(octet_length(postings)), 0) FROM word_postings"
    async with library.engine.connect() as connection:
        before = (await connection.execute(text(postings))).scalar_one()
    assert await segment(library, swept=0) == 1
    async with library.engine.connect() as connection:
        assert (await connection.execute(text(postings))).scalar_one() == before - 3 * 2
    assert await segment(library, swept=0) == 0, "nothing is left to sweep"


async def test_the_segments_of_a_deleted_agent_go(library: Library) -> None:
    agent_id = await add_corpus(library)
    await segment(library)
    async with library.engine.begin() as connection:
        await connection.execute(text("UPDATE agents SET deleted_at = now() WHERE id = :id"), {"id": agent_id})
    await segment(library)
    assert await count_rows(library.engine, "word_segments") == 0
    assert await count_rows(library.engine, "word_postings") == 0


async def test_a_small_agent_gets_no_segments(library: Library) -> None:
    agent_id = await add_corpus(library)
    assert await maintain_word_segments(library.database, large=121) == 0
    assert await maintain_word_segments(library.database, large=120) == 1
    assert await library.find(agent_id, "word0")


async def test_a_chunk_that_is_committed_during_a_build_is_neither_lost_nor_found_twice(library: Library) -> None:
    agent_id = await add_corpus(library)
    await library.get_index()
    late = await library.engine.connect()
    transaction = await late.begin()
    document_id = await library.add_document(agent_id, "first words")
    await late.execute(
        text(
            "INSERT INTO chunks (agent_id, document_id, edition, ordinal, text, start_char, end_char, tsv)"
            " SELECT :agent_id, :document_id, 1, 9, 'latecomer', 0, 9, to_tsvector('simple', 'latecomer')"
        ),
        {"agent_id": agent_id, "document_id": document_id},
    )
    await late.execute(text("INSERT INTO lexemes VALUES (:agent_id, 'latecomer', 1)"), {"agent_id": agent_id})
    assert await segment(library) == 1
    assert await library.find(agent_id, "latecomer") == []
    await transaction.commit()
    await late.close()
    assert [hit.text for hit in await library.find(agent_id, "latecomer")] == ["latecomer"]
    assert await segment(library) == 1
    assert [hit.text for hit in await library.find(agent_id, "latecomer")] == ["latecomer"]


async def test_counts_and_segments_are_exact_after_concurrent_writes_deletes_and_killed_builds(
    library: Library,
) -> None:
    agent_id = await library.add_agent()
    await library.get_index()
    documents = [await library.add_document(agent_id, *make_texts(number, 8)) for number in range(6)]
    await asyncio.gather(
        *(write(library, agent_id, seed) for seed in (1, 2)),
        remove(library, documents[:3]),
        replace(library, agent_id, documents[3:]),
        build(library),
        build_and_die(library),
    )
    await segment(library, swept=0)
    await check_exact(library, agent_id)


async def write(library: Library, agent_id: int, seed: int) -> None:
    for number in range(4):
        await library.add_document(agent_id, *make_texts(1000 * seed + number, 5))


async def remove(library: Library, documents: Sequence[int]) -> None:
    for document_id in documents:
        async with library.engine.begin() as connection:
            await hide_document(connection, document_id)
            await remove_chunks(connection, document_id)


async def replace(library: Library, agent_id: int, documents: Sequence[int]) -> None:
    for document_id in documents:
        await library.publish(agent_id, document_id, make_texts(document_id, 6))


async def build(library: Library) -> None:
    for _ in range(12):
        await segment(library, swept=0)


async def build_and_die(library: Library) -> None:
    """Cancel builds, so that Postgres rolls their transactions back."""
    for _ in range(6):
        doomed = asyncio.create_task(segment(library, swept=0))
        await asyncio.wait([doomed], timeout=0.01)
        doomed.cancel()
        await asyncio.gather(doomed, return_exceptions=True)


async def check_exact(library: Library, agent_id: int) -> None:
    """Compare the counts, and the postings of all segments, with the words of the chunks that exist."""
    async with library.engine.connect() as connection:
        rows = await connection.execute(
            text(
                "SELECT w.lexeme, sum(cardinality(positions)), count(*) FROM chunks, unnest(tsv) AS w GROUP BY w.lexeme"
            )
        )
        expected = {lexeme: (occurrences, chunks) for lexeme, occurrences, chunks in rows}
        found: Counter[str] = Counter()
        occurrences: Counter[str] = Counter()
        for lexeme, postings in await connection.execute(text("SELECT lexeme, postings FROM word_postings")):
            found[lexeme] += len(postings) // 3
            occurrences[lexeme] += sum(postings[2::3])
    assert {lexeme: (occurrences[lexeme], count) for lexeme, count in found.items()} == expected
    counts = dict(await library.count_words(agent_id))
    assert counts.pop("") == await count_rows(library.engine, "chunks")
    assert counts == {lexeme: chunks for lexeme, (_, chunks) in expected.items()}


async def test_a_misspelled_word_and_a_phrase_find_the_same_with_segments(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "the lighthouse keeper", "a keeper of the lighthouse", "nothing of the kind")
    questions = ["lighthuose keeper", '"lighthouse keeper"', '"keeper lighthouse" nothing']
    before = [describe(await library.find(agent_id, question)) for question in questions]
    await segment(library)
    assert [describe(await library.find(agent_id, question)) for question in questions] == before
    assert all(before)
