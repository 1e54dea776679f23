"""A process that keeps the keys of word segments in memory finds what is in the database."""

from collections.abc import Mapping
from threading import get_ident
from typing import Any

import pytest
from sqlalchemy import text

from app.db.search import word_index
from app.db.search.word_index import WordIndex
from app.db.statements import Statement
from app.domain.vectors import VectorKey
from app.pipeline.words.query import read_query
from tests.db.library import Library
from tests.db.segments import add_corpus, make_texts, segment


async def test_a_process_that_knows_an_old_state_of_the_segments_finds_the_same(library: Library) -> None:
    agent_id, question = await add_corpus(library), read_query("word1 word70")
    index = WordIndex(library.database)
    assert await index.match(agent_id, question) is None
    await segment(library)
    assert await index.match(agent_id, question) is None, "segments are noticed within half a minute"
    index = WordIndex(library.database)
    first = await index.match(agent_id, question)
    await library.add_document(agent_id, "word70 alone")
    await segment(library)
    second = await index.match(agent_id, question)
    assert first
    assert second
    assert len(second.list_best(1000)) == len(first.list_best(1000)) + 1
    async with library.engine.begin() as connection:
        await connection.execute(text("DELETE FROM word_segments"))
    assert await index.match(agent_id, question) is None


async def test_segments_that_are_merged_while_a_search_reads_them_are_no_error(library: Library) -> None:
    agent_id, question = await add_corpus(library), read_query("word1 word70")
    await segment(library)
    index = WordIndex(library.database)
    await index.match(agent_id, question)

    class Late:
        async def fetch(self, statement: Statement, parameters: Mapping[str, Any]) -> list[Any]:
            rows = await library.database.fetch(statement, parameters)
            index._database = library.database
            await library.add_document(agent_id, *make_texts(3, 60))
            await segment(library)
            await index.match(agent_id, question)
            return rows

    index._database = Late()  # type: ignore[assignment]
    matches = await index.match(agent_id, question)
    assert matches
    assert matches.list_best(5)


async def test_a_long_query_is_scored_in_a_thread_with_the_same_result(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_id = await add_corpus(library)
    await segment(library)
    await library.add_document(agent_id, *make_texts(7, 5))
    query, threads = read_query("word1 word7 word70 word33"), set[int]()

    async def match() -> list[VectorKey]:
        matches = await WordIndex(library.database).match(agent_id, query)
        assert matches
        return matches.list_best(200)

    def score(*arguments: Any) -> Any:
        threads.add(get_ident())
        return score_all(*arguments)

    score_all = word_index._score_all
    monkeypatch.setattr(word_index, "_score_all", score)
    inline = await match()
    monkeypatch.setattr(word_index, "_INLINE_STEPS", 0)
    assert await match() == inline
    assert len(inline) > 5
    assert len(threads) == 2
