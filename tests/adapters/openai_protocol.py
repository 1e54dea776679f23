"""OpenAI's API: its checks, limits and errors, with vectors of a real model and answers that a test chooses."""

import base64
import json
import math
import re
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.adapters.openai.tokens import TokenCounter
from app.domain.vectors import Vector

DIMENSIONS = 256
EMBEDDING_MODELS = {"text-embedding-3-small": True, "text-embedding-3-large": True, "text-embedding-ada-002": False}
"""Whether a model can shorten its vectors."""
CHAT_MODELS = {
    "gpt-4o-mini": {"max_tokens", "max_completion_tokens"},
    "gpt-5-mini": {"max_completion_tokens"},  # it accepts no temperature either
    "of-another-maker": {"max_tokens"},
}
"""The names of the answer's length limit that a model accepts."""
MOST_TEXTS, MOST_TEXT_TOKENS, MOST_TOKENS = 2048, 8192, 300_000

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Reply:
    """A response. ``tokens`` and ``paid`` state what is charged for. A body that is an iterator is sent in pieces."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 0
    paid: Sequence[str] = ()


class ProtocolError(Exception):
    """A request to which the response is an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.reply = Reply(status, body, headers or {})


def quote(messages: Messages) -> str:
    """Answer with the first forty words of the question."""
    return " ".join(str(messages[-1]["content"]).split()[:40])


class Protocol:
    """Answers requests as OpenAI does.

    ``write`` writes the answers of the language models. With ``reverse``, the vectors are sent in reverse order, with
    correct numbers. ``scale`` is their length.
    """

    def __init__(self, *, reverse: bool = False, scale: float = 1.0) -> None:
        self.write: Callable[[Messages], str] = quote
        self.reverse = reverse
        self.scale = scale
        self._model = WordLlamaEmbedder()
        self._tokens = TokenCounter()

    def count(self, path: str, body: Mapping[str, Any]) -> int:
        """Count the tokens of a request, before it is checked."""
        if path == "/v1/embeddings":
            return sum(map(self._tokens.count, read_texts(body)))
        return sum(3 + self._tokens.count(str(message.get("content", ""))) for message in body.get("messages", []))

    def answer(self, path: str, body: Mapping[str, Any]) -> Reply:
        """Answer a request that is within the limits.

        Raises:
            ProtocolError: the request is invalid.
        """
        if path == "/v1/embeddings":
            return self._embed(body)
        if path == "/v1/chat/completions":
            return self._complete(body)
        raise ProtocolError(404, f"Invalid URL (POST {path})")

    def _embed(self, body: Mapping[str, Any]) -> Reply:
        model, form = body.get("model"), body.get("encoding_format", "float")
        if model not in EMBEDDING_MODELS:
            raise ProtocolError(404, f"The model `{model}` does not exist.", code="model_not_found")
        if form not in {"float", "base64"}:
            raise ProtocolError(400, f"Invalid value: {form!r}.", param="encoding_format")
        dimensions = _check_dimensions(body.get("dimensions"), changeable=EMBEDDING_MODELS[model])
        texts = _check_input(body.get("input"))
        tokens = self._check_tokens(texts)
        rows = [
            {"object": "embedding", "index": index, "embedding": self._write_vector(vector, dimensions, form)}
            for index, vector in enumerate(self._model.embed_now(texts))
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        rows = rows[::-1] if self.reverse else rows
        return Reply(200, {"object": "list", "data": rows, "model": model, "usage": usage}, {}, tokens, texts)

    def _check_tokens(self, texts: Sequence[str]) -> int:
        counts = [self._tokens.count(text) for text in texts]
        if max(counts) > MOST_TEXT_TOKENS:
            raise ProtocolError(
                400, f"This model's maximum context length is {MOST_TEXT_TOKENS} tokens, you requested {max(counts)}."
            )
        if sum(counts) > MOST_TOKENS:
            raise ProtocolError(400, f"Requested {sum(counts)} tokens, max {MOST_TOKENS} tokens per request")
        return sum(counts)

    def _write_vector(self, vector: Vector, dimensions: int, form: str) -> Any:
        kept = vector[:dimensions]
        length = math.hypot(*kept) or 1.0
        scaled = [number / length * self.scale for number in kept]
        if form == "base64":
            return base64.b64encode(array("f", scaled).tobytes()).decode()
        return [round(number, 10) for number in scaled]

    def _complete(self, body: Mapping[str, Any]) -> Reply:
        model, messages = body.get("model"), body.get("messages")
        if model not in CHAT_MODELS:
            raise ProtocolError(404, f"The model `{model}` does not exist.", code="model_not_found")
        if not isinstance(messages, list) or not messages:
            raise ProtocolError(400, "Invalid value.", param="messages")
        limit = _check_limit(model, body)
        whole = self.write(messages)
        text, written = self._tokens.cut(whole, limit)
        asked = 3 + self.count("/v1/chat/completions", body)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "finish_reason": "stop" if text == whole else "length",
        }
        usage = {"prompt_tokens": asked, "completion_tokens": written, "total_tokens": asked + written}
        if body.get("stream"):
            counted = usage if body.get("stream_options", {}).get("include_usage") else None
            pieces = re.findall(r"\s*\S+", text)
            return stream(pieces, finish_reason=str(choice["finish_reason"]), usage=counted, tokens=asked + written)
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": int(time.time()), "model": model}
        return Reply(200, {**head, "choices": [choice], "usage": usage}, {}, asked + written)


def write_event(delta: Mapping[str, Any], **members: Any) -> bytes:
    """One event of a stream."""
    event = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, **members}]}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def stream(
    pieces: Iterable[str], *, finish_reason: str = "stop", usage: Mapping[str, int] | None = None, tokens: int = 0
) -> Reply:
    """A completion that arrives in these pieces."""

    def send() -> Iterator[bytes]:
        yield write_event({"role": "assistant", "content": ""})
        for piece in pieces:
            yield write_event({"content": piece})
        yield write_event({}, finish_reason=finish_reason)
        if usage:
            yield b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n"
        yield b"data: [DONE]\n\n"

    return Reply(200, send(), {"content-type": "text/event-stream"}, tokens)


def read_texts(body: Mapping[str, Any]) -> list[str]:
    """The texts of a request for embeddings."""
    given = body.get("input")
    given = given if isinstance(given, list) else [given]
    return [text for text in given if isinstance(text, str)]


def _check_input(given: Any) -> list[str]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise ProtocolError(400, "'$.input' is invalid: strings, none of them empty.", param="input")
    if len(texts) > MOST_TEXTS:
        raise ProtocolError(400, f"'$.input' is invalid: at most {MOST_TEXTS} inputs.", param="input")
    return texts


def _check_dimensions(given: Any, *, changeable: bool) -> int:
    if given is None:
        return DIMENSIONS
    if not changeable:
        raise ProtocolError(400, "This model does not support specifying dimensions.", param="dimensions")
    if not isinstance(given, int) or not 1 <= given <= DIMENSIONS:
        raise ProtocolError(400, f"Invalid value for 'dimensions' = {given}. Must be 1 to {DIMENSIONS}.")
    return given


def _check_limit(model: str, body: Mapping[str, Any]) -> int:
    """The largest number of tokens of an answer."""
    names = [name for name in ("max_tokens", "max_completion_tokens") if name in body]
    if len(names) > 1:
        raise ProtocolError(400, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    for name in set(names) - CHAT_MODELS[model]:
        if model == "of-another-maker":
            error = {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
            refusal = ProtocolError(422, json.dumps([error]))
            refusal.reply = Reply(422, {"detail": [error]})
            raise refusal
        raise ProtocolError(
            400,
            f"Unsupported parameter: '{name}' is not supported with this model. Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param=name,
        )
    if "max_tokens" not in CHAT_MODELS[model] and body.get("temperature", 1) != 1:
        raise ProtocolError(400, "Unsupported value: 'temperature'.", code="unsupported_value", param="temperature")
    return int(body[names[0]]) if names else 4096
