"""Embeddings by OpenAI, or by any server that speaks its protocol, through OpenAI's own client."""

import asyncio
import json
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from openai import AsyncOpenAI, omit

from app.adapters.openai.client import OpenAIClient
from app.adapters.openai.tokens import TokenCounter
from app.domain.errors import ProviderDownError
from app.domain.vectors import EmbeddingResult, TextBatch, Vector

_TEXT_TOKENS = 8191
_REQUEST_TOKENS = 100_000
_REQUEST_TEXTS = 100


class OpenAIEmbedder:
    """Vectors by a provider, made to unit length since not every server does that.

    A request holds up to 100 texts and 100,000 tokens, of the 2,048 and 300,000 that OpenAI takes. With chunks of
    1,000 characters that is 100 KB and about 25,000 tokens: fewer requests would not be faster, as OpenAI counts
    tokens, and more is lost when one fails. Other servers take fewer texts (Gemini 100, hence the figure) and count
    more tokens in the same text. A text's first 8,191 tokens count, the most that OpenAI's models read: a longer one
    is cut between two tokens rather than rejected. An empty text, which is rejected too, is sent as a space.

    Args:
        api_key: None for a server that asks for none.
        base_url: Where the server is; None for OpenAI itself.
        model: The model's name there.
        dimensions: Numbers a vector, for models that make shorter ones when asked; None for the model's own.
        time_limit: Seconds until a whole answer has to be there.
        texts: Texts in a request at most, for servers that take fewer.

    Raises:
        StartupError: when the key or the package bpe-openai is missing.
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
        """The model's name, with the dimensions where some were asked for: ``text-embedding-3-small:512``."""
        return f"{self._model}:{self._dimensions}" if self._dimensions else self._model

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """As many texts a request as fit, each with what it is charged for by OpenAI's count."""
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
        """One request, of one batch."""
        if not texts:
            return EmbeddingResult([])
        prepared = [self._prepare(text) for text in texts]
        body = await self._client.ask(lambda client: self._send(client, [text for text, _ in prepared]))
        if len(texts) == 1:  # a question: read sooner than a thread is reached
            vectors, charged = self._read(body, 1)
        else:
            vectors, charged = await asyncio.to_thread(self._read, body, len(texts))
        return EmbeddingResult(vectors, charged or sum(tokens for _, tokens in prepared))

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    def _prepare(self, text: str) -> tuple[str, int]:
        sendable, tokens = self._tokens.cut(text, _TEXT_TOKENS)
        return (sendable, tokens) if sendable else (" ", 1)

    async def _send(self, client: AsyncOpenAI, texts: list[str]) -> Any:
        """As floats, since few servers know base64; and unread, since the client takes 0.3 s to read a hundred."""
        return await client.embeddings.with_raw_response.create(
            model=self._model, input=texts, dimensions=self._dimensions or omit, encoding_format="float"
        )

    def _read(self, body: bytes, count: int) -> tuple[list[Vector], int]:
        try:
            answer = json.loads(body)
            vectors = _order_vectors(answer["data"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ProviderDownError(f"{self.provider} answered in a form that cannot be read.") from None
        if len(vectors) != count:
            raise ProviderDownError(f"{self.provider} answered {count} texts with {len(vectors)} vectors.")
        return vectors, _read_usage(answer)


def _order_vectors(rows: list[dict[str, Any]]) -> list[Vector]:
    """The vectors by ``index``, or in their order for a server that names none; of unit length, or zero.

    Raises:
        ValueError: when they are not numbered through, not of one length, or hold what is no number.
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
    """The tokens charged for; 0 where the server does not say."""
    usage = answer.get("usage")
    told = (usage.get(name) for name in ("prompt_tokens", "total_tokens")) if isinstance(usage, dict) else ()
    return next((tokens for tokens in told if isinstance(tokens, int) and tokens > 0), 0)
