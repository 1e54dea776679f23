"""Indexing: chunks get what they are found by, their words and their vectors."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from app.db.chunks import ChunkRow
from app.domain.documents import Chunk
from app.domain.ports import Embedder
from app.pipeline.lexemes import lexemes

_BATCH = 128


async def _say_nothing(_done: int) -> None:
    """Nobody wants to know how far it is."""


class Indexing:
    """Turns chunks into rows of the index."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def model(self) -> str:
        """The name of the embedding model."""
        return self._embedder.model

    async def index(
        self, chunks: Sequence[Chunk], on_done: Callable[[int], Awaitable[None]] = _say_nothing
    ) -> list[ChunkRow]:
        """One row a chunk, in order. ``on_done`` is told how many are done, again and again."""
        rows = list[ChunkRow]()
        for start in range(0, len(chunks), _BATCH):
            batch = chunks[start : start + _BATCH]
            vectors = await self._embedder.embed([chunk.indexed_text for chunk in batch])
            words = await asyncio.to_thread(_count_words, batch)
            rows += [ChunkRow(*row) for row in zip(batch, vectors, words, strict=True)]
            await on_done(len(rows))
        return rows


def _count_words(chunks: Sequence[Chunk]) -> list[dict[str, list[int]]]:
    return [lexemes(chunk.indexed_text) for chunk in chunks]
