"""Answers by OpenAI's chat completions, or by any server that speaks that protocol, through OpenAI's own client."""

import json
from typing import Any

from openai import AsyncOpenAI

from app.adapters.openai.client import OpenAIClient
from app.adapters.openai.tokens import TokenCounter, replace_surrogates
from app.domain.errors import ProviderDownError, ProviderRequestError
from app.domain.vectors import Completion

_NEW, _OLD = "max_completion_tokens", "max_tokens"


class OpenAIChat:
    """A language model behind a provider.

    OpenAI's newer models know ``max_completion_tokens`` only; of other servers, some reject that name and some
    ignore it and would write on and on. So OpenAI itself is asked with the new name and others with the old one, and
    who rejects the name is asked again with the other, then and from then on. A temperature is never sent: reasoning
    models reject it.

    Args:
        api_key: None for a server that asks for none.
        base_url: Where the server is; None for OpenAI itself.
        model: The model's name there.
        time_limit: Seconds until a whole answer has to be there.

    Raises:
        StartupError: when the key or the package bpe-openai is missing.
    """

    provider = "openai-chat"

    def __init__(self, *, api_key: str | None, base_url: str | None, model: str, time_limit: float) -> None:
        self._client = OpenAIClient(self.provider, api_key=api_key, base_url=base_url, time_limit=time_limit)
        self._tokens = TokenCounter()
        self._model = model
        self._limit_name = _OLD if base_url else _NEW

    @property
    def model(self) -> str:
        """The model's name."""
        return self._model

    def count_tokens(self, text: str) -> int:
        """Tokens by the count of OpenAI's embedding models, within some percent of what a chat model counts."""
        return self._tokens.count(text)

    async def complete(self, instructions: str, question: str, *, max_tokens: int) -> Completion:
        """Have ``question`` answered as ``instructions`` say, in ``max_tokens`` with those spent on reasoning."""
        asked = [replace_surrogates(text) for text in (instructions, question)]
        body = await self._ask(asked, max_tokens)
        answer, choice = self._read(body)
        text = self._read_text(choice, max_tokens)
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return Completion(
            text=text,
            input_tokens=_read_count(usage.get("prompt_tokens")) or sum(map(self.count_tokens, asked)),
            output_tokens=_read_count(usage.get("completion_tokens")) or self.count_tokens(text),
        )

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def _ask(self, asked: list[str], max_tokens: int) -> bytes:
        name = self._limit_name
        try:
            return await self._client.ask(lambda client: self._send(client, asked, {name: max_tokens}))
        except ProviderRequestError as error:
            if name not in (error.detail or ""):
                raise
        other = _OLD if name == _NEW else _NEW
        body = await self._client.ask(lambda client: self._send(client, asked, {other: max_tokens}))
        self._limit_name = other
        return body

    async def _send(self, client: AsyncOpenAI, asked: list[str], limit: dict[str, Any]) -> Any:
        instructions, question = asked
        return await client.chat.completions.with_raw_response.create(
            model=self._model,
            messages=[{"role": "system", "content": instructions}, {"role": "user", "content": question}],
            **limit,
        )

    def _read(self, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """The answer and its first choice."""
        try:
            answer = json.loads(body)
            choice = answer["choices"][0]
            choice["message"].get("content")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            raise ProviderDownError(f"{self.provider} answered in a form that cannot be read.") from None
        return answer, choice

    def _read_text(self, choice: dict[str, Any], max_tokens: int) -> str:
        message, reason = choice["message"], choice.get("finish_reason")
        text = message.get("content")
        # What no database stores is left out: NUL characters and halves of characters.
        text = replace_surrogates(text.replace("\0", "")).strip() if isinstance(text, str) else ""
        if reason == "content_filter":
            raise ProviderRequestError(f"{self.provider}: the answer was withheld by a content filter.")
        if not text and message.get("refusal"):
            raise ProviderRequestError(f"{self.provider}: {self.model} declines to answer that.")
        if not text and reason == "length":
            raise ProviderRequestError(f"{self.provider}: {self.model} spent {max_tokens} tokens before it answered.")
        if not text:
            raise ProviderDownError(f"{self.provider}: {self.model} answered with nothing.")
        return text


def _read_count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
