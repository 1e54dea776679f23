"""Questions of a conversation: a question that follows others becomes one that can be understood alone."""

from collections.abc import Mapping, Sequence

import structlog

from app.domain.errors import ProviderDownError, ProviderRequestError
from app.domain.vectors import Account
from app.pipeline.answering.follow_up import (
    REWRITE_TOKENS,
    Turn,
    compose_rewriting,
    read_rewriting,
    rewrite_by_rule,
)
from app.pipeline.answering.visible import VisibleText
from app.services.answers.generation import Generation, Usage

log = structlog.get_logger()


class Conversation:
    """Rewrites questions: by one short call of the language model or, without one, by a rule."""

    def __init__(self, generation: Generation | None) -> None:
        self._generation = generation

    async def rewrite(self, account: Account, question: str, history: Sequence[Mapping[str, str]], usage: Usage) -> str:
        """The question, complete in itself. If the model's answer is no question, the rule is used.

        Raises:
            ProviderBusyError, ProviderPausedError
        """
        turns = [Turn(turn["role"], turn["content"]) for turn in history]
        if not turns:
            return question
        model = self._generation
        written = await self._ask_model(model, account, question, turns, usage) if model else None
        return written or rewrite_by_rule(question, turns)

    async def _ask_model(
        self, model: Generation, account: Account, question: str, turns: Sequence[Turn], usage: Usage
    ) -> str | None:
        prompt = compose_rewriting(question, turns)
        try:
            completion = await model.complete(account, prompt, max_tokens=REWRITE_TOKENS, usage=usage)
        except (ProviderRequestError, ProviderDownError) as error:
            log.info("question_not_rewritten", reason=error.message)
            return None
        visible = VisibleText()
        shown = visible.feed(completion.text)
        return read_rewriting(shown + visible.end(), question)
