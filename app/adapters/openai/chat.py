"""Chat completions of OpenAI, or of a server that uses its protocol, through OpenAI's client."""

import json
from typing import Any

from openai import AsyncOpenAI

from app.adapters.openai.client import OpenAIClient
from app.adapters.openai.tokens import TokenCounter, replace_surrogates
from app.domain.errors import ProviderDownError, ProviderRequestError
from app.domain.vectors import Completion

_NEW, _OLD = "max_completion_tokens", "max_tokens"


class OpenAIChat:
    """A language model of a provider.

    OpenAI's newer models accept only ``max_completion_tokens``. Other servers may reject that name, or ignore it and
    write without a limit. So requests to OpenAI use the new name and requests to other servers ``max_tokens``. If a
    server rejects the name, the request is sent again with the other one, which is used from then on. No temperature is
    sent, because reasoning models reject it.

    Args:
        api_key: The API key; None for a server without authentication.
        base_url: The address of the server; None for OpenAI.
        model: The name of the model.
        time_limit: Seconds until the whole answer must have arrived.

    Raises:
        StartupError: the key or the package bpe-openai is missing.
    """

    provider = "openai-chat"

    def __init__(self, *, api_key: str | None, base_url: str | None, model: str, time_limit: float) -> None:
        self._client = OpenAIClient(self.provider, api_key=api_key, base_url=base_url, time_limit=time_limit)
        self._tokens = TokenCounter()
        self._model = model
        self._limit_name = _OLD if base_url else _NEW

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._model

    def count_tokens(self, text: str) -> int:
        """Count tokens as OpenAI's embedding models do, which differs from a chat model's count by some percent."""
        return self._tokens.count(text)

    async def complete(self, instructions: str, question: str, *, max_tokens: int) -> Completion:
        """Answer ``question`` according to ``instructions``. ``max_tokens`` includes the tokens for reasoning."""
        prompt = [replace_surrogates(text) for text in (instructions, question)]
        body = await self._request(prompt, max_tokens)
        answer, choice = self._read(body)
        text = self._read_text(choice, max_tokens)
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return Completion(
            text=text,
            input_tokens=_read_count(usage.get("prompt_tokens")) or sum(map(self.count_tokens, prompt)),
            output_tokens=_read_count(usage.get("completion_tokens")) or self.count_tokens(text),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _request(self, prompt: list[str], max_tokens: int) -> bytes:
        name = self._limit_name
        try:
            return await self._client.call(lambda client: self._send(client, prompt, {name: max_tokens}))
        except ProviderRequestError as error:
            if name not in (error.detail or ""):
                raise
        other = _OLD if name == _NEW else _NEW
        body = await self._client.call(lambda client: self._send(client, prompt, {other: max_tokens}))
        self._limit_name = other
        return body

    async def _send(self, client: AsyncOpenAI, prompt: list[str], limit: dict[str, Any]) -> Any:
        instructions, question = prompt
        return await client.chat.completions.with_raw_response.create(
            model=self._model,
            messages=[{"role": "system", "content": instructions}, {"role": "user", "content": question}],
            **limit,
        )

    def _read(self, body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parse the answer; returns it and its first choice."""
        try:
            answer = json.loads(body)
            choice = answer["choices"][0]
            choice["message"].get("content")
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            raise ProviderDownError(f"The answer of {self.provider} cannot be read.") from None
        return answer, choice

    def _read_text(self, choice: dict[str, Any], max_tokens: int) -> str:
        message, reason = choice["message"], choice.get("finish_reason")
        text = message.get("content")
        # NUL characters and surrogates cannot be stored in the database.
        text = replace_surrogates(text.replace("\0", "")).strip() if isinstance(text, str) else ""
        if reason == "content_filter":
            raise ProviderRequestError(f"{self.provider}: a content filter withheld the answer.")
        if not text and message.get("refusal"):
            raise ProviderRequestError(f"{self.provider}: {self.model} refused to answer.")
        if not text and reason == "length":
            raise ProviderRequestError(
                f"{self.provider}: {self.model} used all {max_tokens} tokens before it answered."
            )
        if not text:
            raise ProviderDownError(f"{self.provider}: the answer of {self.model} is empty.")
        return text


def _read_count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
