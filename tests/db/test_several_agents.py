"""A search over several agents ranks their chunks as if they belonged to one agent."""

import pytest

from app.services.search.results import Result
from tests.db.library import BETWEEN, EAST, NORTH, Library

FILLER = [f"filler number {number} about something else" for number in range(40)]


def texts_of(results: list[Result]) -> list[str]:
    return [result.hit.text for result in results]


async def test_every_agent_that_is_named_is_searched_and_no_other(library: Library) -> None:
    first, second, third = [await library.add_agent() for _ in range(3)]
    for agent_id in (first, second, third):
        await library.add_document(agent_id, f"heron of {agent_id}")
    results = await library.show([first, third], "heron")
    assert {result.hit.agent_id for result in results} == {first, third}
    assert {result.hit.text for result in results} == {f"heron of {first}", f"heron of {third}"}


@pytest.mark.parametrize("mode", ["text", "hybrid"])
async def test_a_poor_best_match_of_one_agent_does_not_displace_a_good_match_of_another(
    library: Library, mode: str
) -> None:
    good, poor = await library.add_agent(), await library.add_agent()
    await library.add_document(good, "the alder gate has a maximum draught of two metres", *FILLER)
    # The other agent has one of the words only; among its own few chunks it is the best match by far.
    await library.add_document(poor, "the maximum is unknown", "another subject", "a third one", vector=NORTH)
    results = await library.show([poor, good], "maximum draught alder gate", mode=mode, top_k=2)
    assert texts_of(results)[0].startswith("the alder gate")
    assert results[0].hit.score > 1.5 * results[1].hit.score


async def test_the_size_of_an_agent_does_not_decide(library: Library) -> None:
    small, large = await library.add_agent(), await library.add_agent()
    # Among two chunks no word is rare, so by its own counts the full match of the small agent would have a low score.
    await library.add_document(small, "heron at the weir", "heron")
    await library.add_document(large, "heron alone in this text", *FILLER)
    results = await library.show([small, large], "heron weir", top_k=3)
    assert texts_of(results)[0] == "heron at the weir"


async def test_the_order_is_that_of_one_agent_with_all_documents(library: Library) -> None:
    first, second, both = [await library.add_agent() for _ in range(3)]
    one = ["gate weir heron", "gate weir", "gate", *FILLER[:10]]
    other = ["gate heron boat", "boat", "heron heron boat weir", *FILLER[10:14]]
    await library.add_document(first, *one)
    await library.add_document(second, *other)
    await library.add_document(both, *one, *other)
    for query in ("gate", "gate heron", "boat weir gate", "heron"):
        apart = await library.show([first, second], query)
        together = await library.show([both], query)
        scores = [round(result.hit.score, 4) for result in together]
        assert [round(result.hit.score, 4) for result in apart] == pytest.approx(scores, abs=0.05), query
        assert texts_of(apart)[0] == texts_of(together)[0], query


async def test_by_meaning_the_nearest_of_all_agents_come_first(library: Library) -> None:
    first, second = await library.add_agent(), await library.add_agent()
    await library.add_document(first, "north", vector=NORTH)
    await library.add_document(second, "east", vector=EAST)
    results = await library.show([first, second], "west", BETWEEN, mode="vector")
    assert texts_of(results) == ["north", "east"]


async def test_a_filter_and_neighbours_apply_to_each_agent(library: Library) -> None:
    first, second = await library.add_agent(), await library.add_agent()
    for agent_id in (first, second):
        await library.add_document(agent_id, "old heron", "next", metadata='{"year": 2019}')
        await library.add_document(agent_id, "new heron", "next", metadata='{"year": 2024}')
    where = {"type": "gt", "key": "year", "value": 2020}
    results = await library.show([first, second], "heron", where=where, neighbours=1)
    assert [(result.hit.agent_id, result.hit.text) for result in results] == [
        (first, "new heron"),
        (second, "new heron"),
    ]
    assert all(result.surroundings and result.surroundings.text.endswith("next") for result in results)


async def test_agents_without_a_match_add_nothing(library: Library) -> None:
    first, empty = await library.add_agent(), await library.add_agent()
    await library.add_document(first, "heron")
    assert texts_of(await library.show([empty, first], "heron", mode="hybrid")) == ["heron"]
    assert await library.show([empty], "heron", mode="hybrid") == []


async def test_a_misspelled_word_finds_the_near_words_of_every_agent(library: Library) -> None:
    first, second = await library.add_agent(), await library.add_agent()
    await library.add_document(first, "the chancellor speaks", *FILLER[:5])
    await library.add_document(second, "a chancellor listens", *FILLER[5:12])
    results = await library.show([first, second], "chancelor", explain=True)
    assert {result.hit.agent_id for result in results} == {first, second}
    assert all(result.hit.score > 0.5 for result in results)
    assert all(result.explanation and result.explanation.words[0].forms == ("chancellor",) for result in results)


async def test_a_word_that_one_agent_has_is_not_misspelled_for_the_others(library: Library) -> None:
    first, second = await library.add_agent(), await library.add_agent()
    await library.add_document(first, "the chancelor of the play", *FILLER[:5])
    await library.add_document(second, "a chancellor listens", *FILLER[5:12])
    results = await library.show([first, second], "chancelor")
    assert results[0].hit.agent_id == first
    assert all(result.hit.score == 0 for result in results[1:])


async def test_a_phrase_that_one_agent_has_leaves_out_the_agents_without_it(library: Library) -> None:
    first, second = await library.add_agent(), await library.add_agent()
    await library.add_document(first, "the alder gate opens", *FILLER[:5])
    await library.add_document(second, "a gate of alder wood", *FILLER[5:12])
    for mode in ("text", "hybrid"):
        assert texts_of(await library.show([second, first], '"alder gate"', mode=mode)) == ["the alder gate opens"]
        assert texts_of(await library.show([second], '"alder gate"', mode=mode))[0] == "a gate of alder wood"
