"""Answers from quotes: their sentences and references."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.bootstrap.adapters import Adapters
from app.bootstrap.builders.answers import _build_extraction
from app.bootstrap.models import Embedders
from app.services.answers.extractive import Extraction
from app.services.search.search import Search
from app.settings import Settings
from tests.services.answering import ACCOUNT, Sink, make_hits

KEEPER = "The keeper of the harbour is Ines Holm [2] [12]."
HERON = "Herons nest in the reeds [1]."


class Counts:
    """Counts no word."""

    async def count_words(self, *_: Any) -> dict[str, int]:
        """As ``Search`` does."""
        return {"": 100}


async def answer(question: str, *passages: str) -> tuple[dict[str, Any], Sink]:
    sink = Sink()
    extraction = Extraction(cast("Search", Counts()), None)
    return await extraction.answer(ACCOUNT, question, make_hits(passages), sink), sink


async def test_a_number_in_brackets_within_a_document_is_no_reference() -> None:
    result, sink = await answer("Who is the keeper of the harbour?", KEEPER, HERON)
    assert result["answer"] == "The keeper of the harbour is Ines Holm {2} {12}. [1]"
    assert [reference["quote"] for reference in result["references"]] == [KEEPER], "the quote is exact"
    [sentence] = sink.sentences
    assert sentence["text"] == result["answer"]
    assert [(one["number"], one["document_id"]) for one in sentence["citations"]] == [(1, 1)]


async def test_a_refusal_is_a_sentence_without_citations() -> None:
    result, sink = await answer("What is the capital of Mongolia?", KEEPER, HERON)
    assert sink.sentences == [{"text": result["answer"], "citations": []}]
    assert (result["answered"], result["references"]) == (False, [])


@pytest.mark.parametrize("given", [{}, {"embedding_model": "minilm"}, {"embedding_provider": "openai"}])
async def test_the_default_model_compares_texts_whatever_model_the_settings_have(given: dict[str, Any]) -> None:
    adapters = cast("Adapters", SimpleNamespace(embedders=Embedders(Settings(_env_file=None, **given))))
    extraction = _build_extraction(adapters, cast("Search", Counts()))
    passages = make_hits([KEEPER, HERON, "The Alder Gate is the key of a large reed bed."])
    refused = await extraction.answer(ACCOUNT, "Which key opens a large safe in the bank of Ulan Bator?", passages)
    assert refused["answered"] is False
    answered = await extraction.answer(ACCOUNT, "Who is the keeper of the harbour?", passages)
    assert answered["answered"] is True
    assert extraction._find_embedder is not None
    assert extraction._find_embedder().model == "wordllama-l2-256"
