"""A reranker orders the best hits of a search; where it fails, they keep their order."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from app.domain.errors import ProviderCredentialsError, ProviderDownError, ProviderRequestError, StartupError
from app.domain.vectors import Relevance
from app.services.search.results import Found
from tests.db.library import BETWEEN, Library


class Judge:
    """A reranker that prefers texts with a word, and records what it reads."""

    model = "judge"

    def __init__(self, *, provider: str | None = None, word: str = "best", batch_size: int = 32) -> None:
        self.provider = provider
        self.batch_size = batch_size
        self.word = word
        self.read: list[list[str]] = []
        self.error: Exception | None = None
        self.measure: Callable[[str], float] = lambda words: 0.9 if self.word in words else 0.1

    async def score(self, _query: str, texts: Sequence[str]) -> Relevance:
        """Score by the word."""
        self.read.append(list(texts))
        if self.error:
            raise self.error
        return Relevance([self.measure(words) for words in texts], 10 * len(texts))

    async def close(self) -> None:
        """Do nothing."""


async def search(library: Library, judge: Judge, agent_ids: Sequence[int], **options: Any) -> Found:
    return await library.search(agent_ids, "heron", BETWEEN, reranker=judge, **{"mode": "hybrid", **options})


@pytest.fixture
async def agent_id(library: Library) -> int:
    made = await library.add_agent()
    await library.add_document(made, "heron heron heron", "heron", "a heron among the best of texts", "heron in a boat")
    return made


async def test_the_reranker_decides_the_order_and_the_score(library: Library, agent_id: int) -> None:
    judge = Judge()
    found = await search(library, judge, [agent_id], explain=True)
    assert found.results[0].hit.text == "a heron among the best of texts"
    assert [result.hit.score for result in found.results] == [0.9, 0.1, 0.1, 0.1]
    assert [why.rerank_score for result in found.results if (why := result.explanation)] == [0.9, 0.1, 0.1, 0.1]
    assert not found.reranking_failed


async def test_it_reads_more_than_are_requested_and_no_more_than_its_candidates(
    library: Library, agent_id: int
) -> None:
    judge = Judge()
    found = await search(library, judge, [agent_id], top_k=1, candidates=3)
    assert [len(texts) for texts in judge.read] == [3]
    assert len(found.results) == 1
    await search(library, judge, [agent_id], top_k=4, candidates=3)
    assert [len(texts) for texts in judge.read] == [3, 4], "every result is read"


async def test_large_requests_are_split(library: Library, agent_id: int) -> None:
    judge = Judge(batch_size=3)
    found = await search(library, judge, [agent_id])
    assert [len(texts) for texts in judge.read] == [3, 1]
    assert len(found.results) == 4


@pytest.mark.parametrize("mode", ["text", "vector"])
async def test_words_alone_and_meaning_alone_are_not_reranked(library: Library, agent_id: int, mode: str) -> None:
    judge = Judge()
    found = await search(library, judge, [agent_id], mode=mode)
    assert judge.read == []
    assert not found.reranking_failed


@pytest.mark.parametrize(
    "error",
    [ProviderDownError("down"), ProviderRequestError("no"), ProviderCredentialsError("key"), StartupError("no model")],
)
@pytest.mark.parametrize("provider", [None, "rerank"])
async def test_where_it_fails_the_results_keep_their_order_and_say_so(
    library: Library, agent_id: int, error: Exception, provider: str | None
) -> None:
    plain = await library.show([agent_id], "heron", BETWEEN, mode="hybrid")
    judge = Judge(provider=provider)
    judge.error = error
    found = await search(library, judge, [agent_id])
    assert found.reranking_failed
    assert [(result.hit.text, result.hit.score) for result in found.results] == [
        (result.hit.text, result.hit.score) for result in plain
    ]


async def test_a_reranker_that_is_down_is_not_called_until_its_pause_is_over(library: Library, agent_id: int) -> None:
    judge = Judge(provider="rerank")
    judge.error = ProviderDownError("down")
    for _ in range(8):
        assert (await search(library, judge, [agent_id])).reranking_failed
    assert len(judge.read) == 5, "the circuit opens at the fifth failure"
    judge.error = None
    async with library.engine.begin() as connection:
        await connection.execute(text("UPDATE providers SET ask_at = now() - interval '1 second'"))
    assert not (await search(library, judge, [agent_id])).reranking_failed


async def test_usage_is_counted_for_the_agent(library: Library, agent_id: int) -> None:
    await search(library, Judge(provider="rerank"), [agent_id])
    async with library.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT agent_id, provider, model, requests, input_tokens FROM provider_usage")
        )
        assert rows.all() == [(agent_id, "rerank", "judge", 1, 40)]


async def test_scores_of_any_scale_become_0_to_1_in_the_same_order(library: Library, agent_id: int) -> None:
    judge = Judge()
    judge.measure = lambda words: 5000.0 if "best" in words else -3.0 - len(words)
    scores = [result.hit.score for result in (await search(library, judge, [agent_id])).results]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert scores[0] == pytest.approx(1)


async def test_it_orders_the_hits_of_several_agents(library: Library, agent_id: int) -> None:
    other = await library.add_agent()
    await library.add_document(other, "the very best heron of all", "nothing")
    found = await search(library, Judge(word="very best"), [agent_id, other])
    assert found.results[0].hit.agent_id == other


async def test_what_the_query_excludes_stays_low(library: Library) -> None:
    agent_id = await library.add_agent()
    await library.add_document(agent_id, "cake with nuts, the best", "cake without nuts")
    found = await library.search(
        [agent_id], "cake without nuts", BETWEEN, reranker=Judge(word="cake"), mode="hybrid", top_k=2
    )
    assert [result.hit.text for result in found.results] == ["cake without nuts", "cake with nuts, the best"]


async def test_nothing_found_is_not_reranked(library: Library) -> None:
    judge = Judge()
    found = await search(library, judge, [await library.add_agent()])
    assert (list(found.results), found.reranking_failed, judge.read) == ([], False, [])
