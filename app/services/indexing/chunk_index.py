"""Indexing: chunks get what they are found by, their words and their vectors."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from app.db.chunks import ChunkRow
from app.domain.documents import Chunk
from app.domain.errors import RetryLaterError, StartupError
from app.domain.ports import Embedder
from app.domain.vectors import Account, EmbeddingSpec, Vector, VectorIndex
from app.pipeline.lexemes import lexemes
from app.services.providers.embedding import Embedding

_BATCH = 128
_LACK_SECONDS = 30.0  # until a process is looked at again that lacks a key or a package

Embedders = Callable[[EmbeddingSpec], Embedder]
"""Finds the embedder that a spec names."""


async def _say_nothing(_done: int) -> None:
    """Nobody wants to know how far it is."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """Chunks as the index takes them: rows with their words, and vectors by the chunks' ordinals."""

    rows: Sequence[ChunkRow]
    vectors: Mapping[int, Vector]


class ChunkIndexer:
    """Makes the words and the vectors of chunks."""

    def __init__(self, embedding: Embedding, embedders: Embedders) -> None:
        self._embedding = embedding
        self._embedders = embedders

    def name_model(self, index: VectorIndex) -> str:
        """The name of an index's model, as documents record it."""
        return self._find_embedder(index).model

    async def index(
        self,
        index: VectorIndex,
        chunks: Sequence[Chunk],
        account: Account,
        on_done: Callable[[int], Awaitable[None]] = _say_nothing,
    ) -> Indexed:
        """Rows and vectors of the chunks, in order. ``on_done`` is told how many are done, again and again."""
        vectors = await self.embed(index, chunks, account, on_done)
        rows = list[ChunkRow]()
        for start in range(0, len(chunks), _BATCH):
            batch = chunks[start : start + _BATCH]
            words = await asyncio.to_thread(_count_words, batch)
            rows += [ChunkRow(*row) for row in zip(batch, words, strict=True)]
        return Indexed(rows, vectors)

    async def embed(
        self,
        index: VectorIndex,
        chunks: Sequence[Chunk],
        account: Account,
        on_done: Callable[[int], Awaitable[None]] = _say_nothing,
    ) -> dict[int, Vector]:
        """The chunks' vectors alone, by ordinal."""
        texts = [chunk.indexed_text for chunk in chunks]
        vectors = await self._embedding.embed(self._find_embedder(index), texts, account, on_done)
        return {chunk.index: vector for chunk, vector in zip(chunks, vectors, strict=True)}

    async def check_model(self, spec: EmbeddingSpec) -> None:
        """Have a model make a vector, uncounted.

        Raises:
            StartupError: when something that it needs is missing.
            ProviderDownError, ProviderCredentialsError, ProviderBusyError, ProviderRequestError
        """
        await self._embedders(spec).embed(["Is anybody there?"])

    def _find_embedder(self, index: VectorIndex) -> Embedder:
        """The model of an index.

        Raises:
            RetryLaterError: when this process lacks what it takes: others may not, and this one will not for ever.
        """
        try:
            return self._embedders(index.embedding)
        except StartupError as error:
            raise RetryLaterError(
                f"Waiting for {index.embedding.model}: {error.detail}", retry_after=_LACK_SECONDS
            ) from error

    async def embed_query(self, index: VectorIndex, query: str, account: Account) -> Vector:
        """The vector of a question."""
        return await self._embedding.embed_query(self._find_embedder(index), query, account)


def _count_words(chunks: Sequence[Chunk]) -> list[dict[str, list[int]]]:
    return [lexemes(chunk.indexed_text) for chunk in chunks]
