"""The sentences of passages are embedded once for all sentences of an answer."""

import asyncio
from collections.abc import Sequence

import pytest

from app.domain.vectors import EmbeddingResult
from app.pipeline.answering.citation import cite
from app.pipeline.answering.prompt import Passage
from app.services.answers.similarity import make_similarity

_TEXT = "The boats wait below the old gate. The keeper lives in the white house. Herons nest in the reeds nearby."
_ANSWER = "The keeper resides in a pale dwelling [1]. Boats queue downstream daily [1]. Some herons breed upstream [1]."


class Counting:
    """An embedding model that records the texts of each call. Its vectors depend on the first letter alone."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Unit vectors."""
        self.calls.append(list(texts))
        return EmbeddingResult([[1.0, 0.0] if text[0] in "TV" else [0.0, 1.0] for text in texts], 0)


async def test_cosines_are_those_of_the_texts_whatever_was_compared_before() -> None:
    model = Counting()
    compare = make_similarity(model)  # type: ignore[arg-type]
    assert compare
    for _ in range(2):
        assert await asyncio.to_thread(compare, "Vessel", ["The boat", "Heron", "The boat"]) == [1.0, 0.0, 1.0]
        assert await asyncio.to_thread(compare, "Heron", ["Vessel"]) == [0.0]
        assert await asyncio.to_thread(compare, "Heron", []) == []
    assert [text for call in model.calls for text in call] == ["Vessel", "The boat", "Heron"]


@pytest.mark.parametrize("passages", [1, 5])
async def test_an_answer_embeds_each_sentence_of_a_passage_once(passages: int) -> None:
    model = Counting()
    sources = [Passage(f"{number}. {_TEXT}", f"{number}.txt") for number in range(passages)]
    await asyncio.to_thread(cite, _ANSWER, sources, "Where?", make_similarity(model))  # type: ignore[arg-type]
    texts = [text for call in model.calls for text in call]
    assert len(texts) == len(set(texts))
    assert any("keeper lives" in text for text in texts)
