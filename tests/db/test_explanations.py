"""An explanation says which words of the query a chunk has, and what they and its meaning contribute to the score."""

import pytest

from app.services.search.explanations import Explanation
from app.services.search.results import Result
from tests.db.library import BETWEEN, EAST, NORTH, Library


def why(result: Result) -> Explanation:
    assert result.explanation
    return result.explanation


async def test_the_parts_add_up_to_the_score(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "north heron", vector=NORTH)
    await library.add_document(agent_id, "east weir", vector=EAST)
    for mode in ("text", "vector", "hybrid"):
        results = await library.show([agent_id], "heron weir east", BETWEEN, mode=mode, explain=True)
        assert len(results) == 2
        for result in results:
            assert why(result).words_part + why(result).meaning_part == pytest.approx(result.hit.score)
            cosine = 0.8 if result.hit.text == "north heron" else 0.6
            assert why(result).cosine == (None if mode == "text" else pytest.approx(cosine, abs=1e-3))


async def test_the_words_found_come_with_their_weights_the_rarest_first(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "heron opens the gate", "gate opening", "the gate", "another one")
    results = await library.show([agent_id], "heron gate openings boat", explain=True)
    words = why(results[0]).words
    assert [word.forms[0] for word in words] == ["heron", "open", "gate"]
    assert [word.weight for word in words] == sorted((word.weight for word in words), reverse=True)
    assert 0 < why(results[-1]).share < why(results[0]).share < 1, "no chunk has the last word"


async def test_a_chunk_with_every_word_has_the_whole_share(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "heron gate", "gate")
    results = await library.show([agent_id], "the heron gate", explain=True)
    assert why(results[0]).share == pytest.approx(1)


async def test_a_chunk_found_by_meaning_alone_has_no_words(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "north")
    (result,) = await library.show([agent_id], "weir", BETWEEN, mode="hybrid", explain=True)
    assert (list(why(result).words), why(result).words_part, why(result).share) == ([], 0, 0)


async def test_over_several_agents_the_weights_are_those_of_all(library: Library) -> None:
    first, second = await library.add_agent(), await library.add_agent()
    await library.add_document(first, "heron weir")
    await library.add_document(second, "heron gate", "heron")
    results = await library.show([first, second], "heron weir", explain=True)
    weights = {word.forms[0]: word.weight for word in why(results[0]).words}
    assert weights["weir"] > weights["heron"]
    assert {round(word.weight, 6) for result in results for word in why(result).words if "heron" in word.forms} == {
        round(weights["heron"], 6)
    }


async def test_without_a_request_there_is_no_explanation(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "heron")
    (result,) = await library.show([agent_id], "heron")
    assert result.explanation is None
