"""What a language model adds to a profile: a summary whose sentences cite, and words for the industry."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.db.search.ranking import Hit
from app.domain.documents import Page
from app.domain.errors import (
    ProviderBusyError,
    ProviderContextError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderFilteredError,
    ProviderPausedError,
    ProviderRefusedError,
    ProviderRequestError,
)
from app.domain.profiles import Fact, SourceKind
from app.domain.vectors import Account
from app.pipeline.answering.prompt import NO_ANSWER, Passage, compose_prompt, fit_passages
from app.pipeline.chunking.chunk import split
from app.services.answers.generation import Generation, Usage
from app.services.profiles.reading import CompanyPage

_QUESTION = (
    "What does this company offer, for whom, where, and since when? Answer in three to five sentences, each with its "
    "passages, in the language of most passages."
)
_WORDS = (
    "In which industries does this company work? Answer with one to five words or short names of industries in English,"
    " separated by commas, and nothing else."
)
_MARK = re.compile(r"\s*\[\d{1,3}\]")
_WORD = re.compile(r"[^\W\d_][\w &/'-]{1,39}")
_CHARACTERS = 6_000
"""The characters of passages from which words for the industry are chosen."""
_SIZE = 1_200
_MOST_SENTENCES, _MOST_WORDS, _WORD_TOKENS = 5, 5, 60
_FAILURES = (
    ProviderBusyError, ProviderContextError, ProviderCredentialsError, ProviderDownError, ProviderFilteredError,
    ProviderPausedError, ProviderRefusedError, ProviderRequestError,
)  # fmt: skip

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a model wrote. ``fallback`` says why it wrote nothing."""

    sentences: Sequence[Mapping[str, Any]] = ()
    facts: Sequence[Fact] = ()
    model: str | None = None
    fallback: str | None = None

    def as_json(self) -> dict[str, Any] | None:
        """The object that a profile's row contains; None without a sentence."""
        return {"sentences": list(self.sentences), "model": self.model} if self.sentences else None


@dataclass
class _Sentences:
    """Receives the sentences of an answer; see ``SentenceSink``."""

    received: list[Mapping[str, Any]] = field(default_factory=list)

    async def send(self, sentences: Sequence[Mapping[str, Any]]) -> None:
        """Keep sentences."""
        self.received += sentences

    async def restart(self) -> None:
        """Drop the sentences."""
        self.received.clear()


class Summaries:
    """Has a language model summarise what was read.

    Args:
        generation: Sends the requests, checks the citations and counts the usage.
        model: The model's name.
    """

    def __init__(self, generation: Generation, model: str) -> None:
        self._generation = generation
        self._model = model

    async def write(self, account: Account, hits: Sequence[Hit]) -> Summary:
        """The sentences that the passages support, and words for the industry. A failure of the model leaves them out.

        Args:
            account: Whose usage is counted.
            hits: The passages, of pages or of documents.
        """
        sink, usage = _Sentences(), Usage()
        try:
            await self._generation.answer(account, _QUESTION, hits, sink, usage)
            words = await self._ask_for_words(account, hits, usage)
        except _FAILURES as error:
            log.warning("profile_model_failed", code=error.code)
            return Summary(model=self._model, fallback=error.message)
        cited = [sentence for sentence in sink.received if sentence["citations"]]
        return Summary([_describe(one) for one in cited[:_MOST_SENTENCES]], words, self._model)

    async def _ask_for_words(self, account: Account, hits: Sequence[Hit], usage: Usage) -> list[Fact]:
        passages = fit_passages([Passage(hit.text, hit.filename) for hit in hits], len, _CHARACTERS)
        prompt = compose_prompt(_WORDS, passages)
        completion = await self._generation.complete(account, prompt, max_tokens=_WORD_TOKENS, usage=usage)
        if NO_ANSWER in completion.text:
            return []
        words = (_MARK.sub("", word).strip(" .*\n") for word in completion.text.split(",")[:_MOST_WORDS])
        return [Fact("industries", word.lower(), SourceKind.MODEL) for word in words if _WORD.fullmatch(word)]


def make_hits(pages: Sequence[CompanyPage], agent_id: int) -> list[Hit]:
    """The pages as passages. Their place is that in the text of the page, whose address is the ``filename``."""
    hits = list[Hit]()
    for number, page in enumerate(pages):
        for chunk in split([Page(None, page.text)], _SIZE, 0):
            place = (agent_id, -1 - number, 0, len(hits))
            hits.append(Hit(*place, page.url, 0, chunk.text, "", 1.0, None, chunk.start, chunk.end, {}))
    return hits


def _describe(sentence: Mapping[str, Any]) -> dict[str, Any]:
    """A sentence without its marks, and the quotes that support it."""
    return {"text": _MARK.sub("", sentence["text"]).strip(), "quotes": [_cite(one) for one in sentence["citations"]]}


def _cite(citation: Mapping[str, Any]) -> dict[str, Any]:
    """A quote with its place: the page's address, or the document with page and characters."""
    if citation["document_id"] < 0:
        return {"quote": citation["quote"], "url": citation["filename"]}
    return {name: citation[name] for name in ("quote", "document_id", "page", "start", "end")}
