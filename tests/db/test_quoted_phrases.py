"""A search for a quoted phrase finds only chunks that have its words next to each other."""

import pytest

from app.pipeline.words.query import read_query
from tests.db.library import EAST, NORTH, Library


@pytest.mark.parametrize("query", ['"alder gate"', "“alder gate”", "«alder gate»", "„Alder Gate“"])
@pytest.mark.parametrize("mode", ["text", "hybrid"])
async def test_only_chunks_with_the_phrase_are_found(library: Library, query: str, mode: str) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "the gate by the alder is open", vector=NORTH)
    await library.add_document(agent_id, "the Alder Gate is shut", vector=EAST)
    hits = await library.find(agent_id, f"when is the {query} open", NORTH, mode=mode)
    assert [hit.text for hit in hits] == ["the Alder Gate is shut"]


async def test_a_phrase_of_function_words_is_found(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "tickets for the band", "to be or not to be", "not to be opened or shut")
    assert [hit.text for hit in await library.find(agent_id, '"to be or not to be"')] == ["to be or not to be"]
    assert [hit.text for hit in await library.find(agent_id, 'tickets "or not to be"')] == ["to be or not to be"]


async def test_a_phrase_that_no_chunk_has_does_not_empty_the_results(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "the gate by the alder is open")
    hits = await library.find(agent_id, '"alder gate"', NORTH, mode="hybrid")
    assert [hit.text for hit in hits] == ["the gate by the alder is open"]


async def test_a_phrase_of_compounds_or_of_characters_is_found(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(
        agent_id, "certified to ISO-9001 standards", "standards 9001 to ISO", "水門は東京都にある", "門水東京"
    )
    assert [hit.text for hit in await library.find(agent_id, '"ISO 9001 standards"')] == [
        "certified to ISO-9001 standards"
    ]
    assert [hit.text for hit in await library.find(agent_id, "「水門は東京」")] == ["水門は東京都にある"]


@pytest.mark.parametrize("mode", ["text", "hybrid"])
@pytest.mark.parametrize("query", ['"running"', 'is "Running" water', "the “running” water"])
async def test_a_single_quoted_word_is_found_only_as_it_is_written(library: Library, query: str, mode: str) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "water runs and runs and runs", "the Running water", vector=NORTH)
    hits = await library.find(agent_id, query, NORTH, mode=mode)
    assert [hit.text for hit in hits] == ["the Running water"]


async def test_a_single_quoted_word_that_no_chunk_has_as_it_is_written_finds_its_other_forms(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "water runs")
    assert [hit.text for hit in await library.find(agent_id, '"running"')] == ["water runs"]


@pytest.mark.parametrize("mode", ["text", "hybrid"])
async def test_a_text_that_has_the_words_next_to_each_other_is_first(library: Library, mode: str) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "the gate by the alder is open", "the alder gate is by the weir")
    hits = await library.find(agent_id, "where is the alder gate", NORTH, mode=mode)
    assert [hit.text for hit in hits] == ["the alder gate is by the weir", "the gate by the alder is open"]
    assert 0 < hits[1].score < hits[0].score <= 1


async def test_signs_of_a_phrase_are_no_syntax(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "it's a keeper's gate & lock | weir")
    assert len(await library.find(agent_id, '"keeper\'s gate" "gate & lock"')) == 1


@pytest.mark.parametrize(
    "query", ['a 19" rack of 24" depth', "the keepers' gates'", '""', '" "', '"', "x " * 200 + '"alder gate"']
)
def test_other_signs_are_no_phrases(query: str) -> None:
    assert read_query(query).phrases == ()
