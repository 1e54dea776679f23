"""The part of a specification that a language model writes: section by section, from facts and code."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import structlog

from app.domain.documents import AttachedFile
from app.domain.errors import (
    ProviderBusyError,
    ProviderContextError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderPausedError,
    ProviderRequestError,
)
from app.domain.specs import SpecType
from app.domain.vectors import Account
from app.pipeline.answering.prompt import Prompt
from app.pipeline.specs.claims import INSTRUCTIONS, Claims, Question, choose_files, compose, list_questions, read_claims
from app.pipeline.specs.facts import Repository
from app.pipeline.specs.markdown import section
from app.services.answers.generation import Generation, Usage

_MAX_TOKENS = 1500
_SHARES = (1.0, 0.5, 0.25)
"""The shares of the facts and of the code that requests have, as far as the model's context requires."""
_FILES = 40
"""The number of files of which a question may show the beginning."""
_FAILURES = (
    ProviderBusyError, ProviderCredentialsError, ProviderDownError, ProviderPausedError, ProviderRequestError,
)  # fmt: skip
_NOTHING = "The language model made no claim whose places in the sources exist."

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Written:
    """What a language model wrote. ``lines`` are Markdown, ``claims`` and ``dropped`` count its claims.

    ``model`` is None without a model. ``fallback`` says why the specification has nothing that a model wrote.
    """

    lines: list[str] = field(default_factory=list)
    claims: int = 0
    dropped: int = 0
    model: str | None = None
    fallback: str | None = None

    def as_result(self) -> dict[str, Any]:
        """The fields of the task's result."""
        mode = {"mode": "llm" if self.lines else "plain"}
        if self.model is None:
            return mode
        counts = {"claims": self.claims, "dropped_claims": self.dropped}
        return {**mode, "model": self.model, **counts, "fallback": self.fallback}


class SpecWriting:
    """Has a language model write the sections that facts alone do not give.

    Args:
        generation: Sends the requests, and counts their usage.
        model: The model's name, for the result.
    """

    def __init__(self, generation: Generation, model: str) -> None:
        self._generation = generation
        self._model = model

    async def write(
        self, account: Account, repository: Repository, kind: SpecType, sources: Mapping[str, AttachedFile]
    ) -> Written:
        """The sections, with the claims whose places exist. A failure of the model leaves all of them out.

        Args:
            account: Whose usage is counted.
            repository: The facts.
            kind: What the specification describes.
            sources: The files by their paths.
        """
        lines, count, dropped = list[str](), 0, 0
        for question in list_questions(kind):
            try:
                claims = await self._ask(account, question, repository, sources)
            except _FAILURES as error:
                log.warning("spec_model_failed", code=error.code)
                return Written(model=self._model, fallback=error.message)
            lines += section(question.heading, claims.lines)
            count, dropped = count + len(claims.lines), dropped + claims.dropped
        return Written(lines, count, dropped, self._model, None if lines else _NOTHING)

    async def _ask(
        self, account: Account, question: Question, repository: Repository, sources: Mapping[str, AttachedFile]
    ) -> Claims:
        """The claims of one section. A request that is longer than the model's context is sent again with less."""
        for share in _SHARES:
            text = await asyncio.to_thread(compose, question, repository, _read_texts(repository, sources), share)
            prompt = Prompt(INSTRUCTIONS, text)
            try:
                completion = await self._generation.complete(account, prompt, max_tokens=_MAX_TOKENS, usage=Usage())
            except ProviderContextError as error:
                failure = error
            else:
                return read_claims(completion.text, repository)
        raise failure


def _read_texts(repository: Repository, sources: Mapping[str, AttachedFile]) -> Iterator[tuple[str, str]]:
    """The files that a question may show, read one at a time."""
    for path in islice((path for path in choose_files(repository) if path in sources), _FILES):
        yield path, sources[path].content.decode("utf-8", "replace")
