"""Embeddings of OpenAI, or of a server that uses its protocol, through OpenAI's client."""

import asyncio
import json
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from openai import AsyncOpenAI, omit

from app.adapters.openai.client import OpenAIClient
from app.adapters.openai.tokens import TokenCounter
from app.domain.counting import count_of, read_count
from app.domain.errors import ProviderDownError
from app.domain.vectors import EmbeddingResult, TextBatch, Vector

_TEXT_TOKENS = 8191
_REQUEST_TOKENS = 100_000
_REQUEST_TEXTS = 100


class OpenAIEmbedder:
    """Vectors of a provider, scaled to unit length, because not every server does that.

    A request holds up to 100 texts and 100,000 tokens; OpenAI accepts 2,048 and 300,000. With chunks of 1,000
    characters, that is 100 KB and about 25,000 tokens. Larger requests would not be faster, because OpenAI limits
    tokens, and more work is lost when one fails. Other servers accept fewer texts (Gemini 100, hence the number) and
    count more tokens in the same text. OpenAI's models read at most 8,191 tokens of a text: a longer text is cut
    between two tokens, because it would be rejected. An empty text would also be rejected, and is sent as a space.

    Args:
        api_key: The API key; None for a server without authentication.
        base_url: The address of the server; None for OpenAI.
        model: The name of the model.
        dimensions: The length of the vectors, for models that can shorten them; None for the model's own length.
        time_limit: Seconds until the whole answer must have arrived.
        texts: The largest number of texts in a request, for servers that accept fewer.

    Raises:
        StartupError: the key or the package bpe-openai is missing.
    """

    provider = "openai-embeddings"

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None,
        model: str,
        dimensions: int | None,
        time_limit: float,
        texts: int = _REQUEST_TEXTS,
    ) -> None:
        self._client = OpenAIClient(self.provider, api_key=api_key, base_url=base_url, time_limit=time_limit)
        self._tokens = TokenCounter()
        self._model = model
        self._dimensions = dimensions
        self._texts = texts

    @property
    def model(self) -> str:
        """The name of the model, with the dimensions if they were set: ``text-embedding-3-small:512``."""
        return f"{self._model}:{self._dimensions}" if self._dimensions else self._model

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Batches of as many texts as fit into a request, each with its number of tokens as OpenAI counts them."""
        batches: list[TextBatch] = []
        start = total = 0
        for position, text in enumerate(texts):
            tokens = self._prepare(text)[1]
            if position - start == self._texts or total + tokens > _REQUEST_TOKENS:
                batches.append(TextBatch(start, position, total))
                start, total = position, 0
            total += tokens
        return [*batches, TextBatch(start, len(texts), total)] if texts else []

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Embed one batch by one request."""
        if not texts:
            return EmbeddingResult([])
        prepared = [self._prepare(text) for text in texts]
        body = await self._client.call(lambda client: self._send(client, [text for text, _ in prepared]))
        if len(texts) == 1:  # a question: parsing takes less time than a switch to a thread
            vectors, charged = self._read(body, 1)
        else:
            vectors, charged = await asyncio.to_thread(self._read, body, len(texts))
        return EmbeddingResult(vectors, charged or sum(tokens for _, tokens in prepared))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _prepare(self, text: str) -> tuple[str, int]:
        sendable, tokens = self._tokens.cut(text, _TEXT_TOKENS)
        return (sendable, tokens) if sendable else (" ", 1)

    async def _send(self, client: AsyncOpenAI, texts: list[str]) -> Any:
        """Request floats, which more servers support than base64. Returns the raw answer: the client parses slowly."""
        return await client.embeddings.with_raw_response.create(
            model=self._model, input=texts, dimensions=self._dimensions or omit, encoding_format="float"
        )

    def _read(self, body: bytes, count: int) -> tuple[list[Vector], int]:
        try:
            answer = json.loads(body)
            vectors = _order_vectors(answer["data"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ProviderDownError(f"{self.provider} answered with JSON that cannot be read.") from None
        if len(vectors) != count:
            raise ProviderDownError(
                f"{self.provider} answered {count_of(count, 'text')} with {count_of(len(vectors), 'vector')}."
            )
        return vectors, _read_usage(answer)


def _order_vectors(rows: list[dict[str, Any]]) -> list[Vector]:
    """The vectors, ordered by ``index`` if the server sends it, and scaled to unit length (zeros stay zeros).

    Raises:
        ValueError: the numbering has gaps, the lengths differ, or a value is not a number.
    """
    numbered = {row.get("index", position): row["embedding"] for position, row in enumerate(rows)}
    if not rows:
        return []
    matrix = np.array([numbered[position] for position in range(len(rows))], dtype=np.float64)
    _, length = matrix.shape
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not length or not np.isfinite(norms).all():
        raise ValueError
    unit = (matrix / np.where(norms == 0, 1, norms)).astype(np.float32)
    return [array("f", row.tobytes()) for row in unit]


def _read_usage(answer: dict[str, Any]) -> int:
    """The number of tokens that the server counted; 0 if it does not state it."""
    usage = answer.get("usage")
    stated = (usage.get(name) for name in ("prompt_tokens", "total_tokens")) if isinstance(usage, dict) else ()
    return next(filter(None, map(read_count, stated)), 0)
