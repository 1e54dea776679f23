from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from app.db.documents.chunks import remove_chunks
from app.db.documents.documents import hide_document
from app.db.documents.editions import publish_edition
from app.domain.queries import AskedWord, Phrase, PhraseWord, Query
from tests.db.library import BETWEEN, EAST, NORTH, NOWHERE, Library


async def test_a_chunk_is_found_by_its_words_with_its_place(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(
        agent_id, "the gate is shut", "the lock is open", metadata='{"author": "Ann"}'
    )
    (hit,) = await library.find(agent_id, "lock")
    assert (hit.document_id, hit.filename, hit.text, hit.page) == (document_id, "a.txt", "the lock is open", 1)
    assert (hit.start, hit.end, hit.score, hit.metadata) == (10, 26, 1.0, {"author": "Ann"})


async def test_a_rare_word_counts_for_more_than_a_common_one(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "common words here", "rare words here", *["common words there"] * 5)
    assert (await library.find(agent_id, "common rare"))[0].text == "rare words here"


async def test_the_common_words_of_a_question_are_not_needed_to_find_but_help_to_rank(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.search.ranking.MATCHES", 3)
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "rare and so on", "rare common now on", *["common thing"] * 5)
    assert [hit.text for hit in await library.find(agent_id, "common rare")] == [
        "rare common now on",
        "rare and so on",
    ]


async def test_meaning_alone_ranks_by_the_angle_and_needs_no_common_word(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "north", vector=NORTH)
    await library.add_document(agent_id, "east", vector=EAST)
    hits = await library.find(agent_id, "west", BETWEEN, mode="vector")
    assert [hit.text for hit in hits] == ["north", "east"]
    assert [hit.score for hit in hits] == pytest.approx([0.8, 0.6], abs=1e-3)


async def test_hybrid_is_the_mean_of_words_and_meaning(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "north", vector=NORTH)
    await library.add_document(agent_id, "east", vector=EAST)
    hits = await library.find(agent_id, "east", BETWEEN, mode="hybrid")
    assert [(hit.text, round(hit.score, 2)) for hit in hits] == [("east", 0.8), ("north", 0.4)]


async def test_a_question_of_no_known_word_finds_nothing_by_text(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "north")
    assert await library.find(agent_id, "south ?") == []


async def test_a_zero_vector_neither_finds_nor_breaks_the_order(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "blank", vector=NOWHERE)
    await library.add_document(agent_id, "north", vector=NORTH)
    hits = await library.find(agent_id, "?", NORTH, mode="vector")
    assert [(hit.text, round(hit.score, 2)) for hit in hits] == [("north", 1.0), ("blank", 0.0)]


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
async def test_a_hidden_document_takes_no_place_among_the_hits(library: Library, mode: str) -> None:
    agent_id = await library.add_agent()
    hidden = await library.add_document(agent_id, *["north gate"] * 300)
    seen = await library.add_document(agent_id, "north of the river is another gate", vector=BETWEEN)
    async with library.engine.begin() as connection:
        await hide_document(connection, hidden)
    hits = await library.find(agent_id, "north gate", NORTH, mode=mode, top_k=1)
    assert [hit.document_id for hit in hits] == [seen]


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
async def test_another_agents_chunks_are_never_found(library: Library, mode: str) -> None:
    mine, other = await library.add_agent(), await library.add_agent()
    await library.add_document(other, "north")
    assert await library.find(mine, "north", NORTH, mode=mode) == []


async def test_a_filter_narrows_by_metadata_and_by_document(library: Library) -> None:
    agent_id = await library.add_agent()
    first = await library.add_document(agent_id, "north", metadata='{"year": 2024, "tags": ["a", "b"]}')
    second = await library.add_document(agent_id, "north", metadata='{"year": 2025}')

    async def found(wanted: Mapping[str, Any]) -> set[int]:
        return {hit.document_id for hit in await library.find(agent_id, "north", where=wanted)}

    assert await found({"year": 2024}) == {first}
    assert await found({"tags": ["b"]}) == {first}
    assert await found({"document_id": second}) == {second}
    assert await found({"document_id": [first, second], "year": 2025}) == {second}
    assert await found({"document_id": []}) == set()


async def test_an_edition_is_found_only_once_it_is_the_documents(library: Library) -> None:
    agent_id = await library.add_agent()
    document_id = await library.add_document(agent_id, "north gate of old")
    staged = await library.stage(agent_id, document_id, ["north gate anew", "north gate again"])
    for mode in ("text", "vector", "hybrid"):
        hits = await library.find(agent_id, "north gate", NORTH, mode=mode)
        assert [hit.text for hit in hits] == ["north gate of old"]
    index = await library.get_index()
    async with library.engine.begin() as connection:
        await connection.execute(
            text("UPDATE documents SET edition = :edition WHERE id = :id"), {"id": document_id, "edition": staged}
        )
        await publish_edition(connection, index.id, document_id, staged)
    assert {hit.text for hit in await library.find(agent_id, "north gate")} == {
        "north gate anew",
        "north gate again",
    }
    async with library.engine.begin() as connection:
        assert await remove_chunks(connection, document_id, last=1) == 1
    counts = await library.count_words(agent_id)
    assert (counts[""], counts["north"], counts["gate"]) == (2, 2, 2)


@pytest.mark.parametrize("mode", ["text", "hybrid"])
async def test_a_phrase_finds_only_the_chunks_that_have_it_and_is_ignored_where_none_has(
    library: Library, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "the north gate is shut", "a gate in the north", "neither of them")

    async def find(first: str, second: str) -> list[str]:
        phrase = Phrase((PhraseWord((first,)), PhraseWord((second,))))
        query = Query((AskedWord(("north",)), AskedWord(("gate",))), (phrase,))
        monkeypatch.setattr("app.services.search.search.read_query", lambda _text: query)
        return [hit.text for hit in await library.find(agent_id, "?", NORTH, mode=mode)]

    assert await find("north", "gate") == ["the north gate is shut"]
    assert len(await find("gate", "north")) >= 2
