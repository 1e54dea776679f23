"""Chat completions of OpenAI, or of a server that uses its protocol, through OpenAI's client."""

import re
from typing import Any

from app.adapters.openai.client import OpenAIClient
from app.adapters.openai.completions import Answer, CompletionReader
from app.adapters.openai.tokens import TokenCounter, replace_surrogates
from app.domain.counting import read_count
from app.domain.errors import ProviderContextError, ProviderRequestError
from app.domain.ports import OnText
from app.domain.vectors import Completion

_STREAM = re.compile(r"\bstream(?:ing)?\b", re.IGNORECASE)
_NEW, _OLD = "max_completion_tokens", "max_tokens"


class OpenAIChat:
    """A language model of a provider.

    OpenAI's newer models accept only ``max_completion_tokens``. Other servers may reject that name, or ignore it and
    write without a limit. So requests to OpenAI use the new name and requests to other servers ``max_tokens``. If a
    server rejects the name, the request is sent again with the other one, which is used from then on; so it is with
    ``stream`` and ``stream_options``, without which an answer arrives whole, and its tokens are counted here. No
    temperature is sent, because reasoning models reject it.

    Args:
        api_key: The API key; None for a server without authentication.
        base_url: The address of the server; None for OpenAI.
        model: The name of the model.
        time_limit: Seconds until the whole answer must have arrived or, of an answer that streams, its next piece.

    Raises:
        StartupError: the key or the package bpe-openai is missing.
    """

    provider = "openai-chat"

    def __init__(self, *, api_key: str | None, base_url: str | None, model: str, time_limit: float) -> None:
        self._client = OpenAIClient(self.provider, api_key=api_key, base_url=base_url, time_limit=time_limit)
        self._tokens = TokenCounter()
        self._model = model
        self._limit_name = _OLD if base_url else _NEW
        self._has_swapped = False
        self._streams = self._counts_streams = True

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._model

    def count_tokens(self, text: str) -> int:
        """Count tokens as OpenAI's embedding models do, which differs from a chat model's count by some percent."""
        return self._tokens.count(text)

    async def complete(
        self, instructions: str, question: str, *, max_tokens: int, on_text: OnText | None = None
    ) -> Completion:
        """Answer ``question`` according to ``instructions``. ``max_tokens`` includes the tokens for reasoning."""
        prompt = [replace_surrogates(text) for text in (instructions, question)]
        answer = await self._request(prompt, max_tokens, on_text)
        answer.check(self.provider, self._model, max_tokens)
        text = replace_surrogates(answer.text).strip()
        usage = answer.usage
        return Completion(
            text=text,
            input_tokens=read_count(usage.get("prompt_tokens")) or sum(map(self.count_tokens, prompt)),
            output_tokens=read_count(usage.get("completion_tokens")) or self.count_tokens(text),
            is_truncated=answer.reason == "length",
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _request(self, prompt: list[str], max_tokens: int, on_text: OnText | None) -> Answer:
        """Send the request, again without each parameter that the server rejects by its name."""
        while True:
            options = self._choose_options(max_tokens, streams=on_text is not None)
            try:
                return await (self._stream(prompt, options, on_text) if on_text else self._send(prompt, options))
            except ProviderContextError:
                raise  # its message may name the limit, too
            except ProviderRequestError as error:
                if not self._adapt(error.detail or "", options):
                    raise

    def _choose_options(self, max_tokens: int, *, streams: bool) -> dict[str, Any]:
        options: dict[str, Any] = {self._limit_name: max_tokens}
        if streams and self._streams:
            options["stream"] = True
            if self._counts_streams:
                options["stream_options"] = {"include_usage": True}
        return options

    def _adapt(self, detail: str, options: dict[str, Any]) -> bool:
        """Choose other parameters from now on, if the server's message names one; False if there is no other choice."""
        if "stream_options" in options and "stream_options" in detail:
            self._counts_streams = False
        elif "stream" in options and _STREAM.search(detail):
            self._streams = False
        elif self._limit_name in options and self._limit_name in detail and not self._has_swapped:
            self._limit_name = _OLD if self._limit_name == _NEW else _NEW
            self._has_swapped = True
        else:
            return False
        return True

    async def _send(self, prompt: list[str], options: dict[str, Any]) -> Answer:
        messages = _make_messages(prompt)
        body = await self._client.call(
            lambda client: client.chat.completions.with_raw_response.create(
                model=self._model, messages=messages, **options
            )
        )
        reader = CompletionReader(self.provider, self._client.secret)
        reader.read_whole(body)
        return reader.answer

    async def _stream(self, prompt: list[str], options: dict[str, Any], on_text: OnText) -> Answer:
        reader, messages = CompletionReader(self.provider, self._client.secret), _make_messages(prompt)

        async def read(line: str) -> bool | None:
            text = reader.feed(line)
            if text:
                await on_text(replace_surrogates(text))
            return None if reader.is_done else text is not None

        await self._client.read_lines(
            lambda client: client.chat.completions.with_streaming_response.create(
                model=self._model, messages=messages, **options
            ),
            read,
        )
        if rest := reader.end():
            await on_text(replace_surrogates(rest))
        return reader.answer


def _make_messages(prompt: list[str]) -> Any:
    instructions, question = prompt
    return [{"role": "system", "content": instructions}, {"role": "user", "content": question}]
