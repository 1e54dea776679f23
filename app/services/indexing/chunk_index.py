"""The chunk index: makes the words and vectors by which search finds chunks."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from app.db.codecs import EncodedLexemes
from app.db.documents.chunks import ChunkRow
from app.domain.documents import Chunk
from app.domain.errors import RetryLaterError, StartupError
from app.domain.ports import BatchIndexer, Embedder
from app.domain.usage import estimate_tokens
from app.domain.vectors import Account, EmbeddingSpec, Vector, VectorIndex
from app.pipeline.words.lexemes import lexemes
from app.services.providers.embedding import Embedding, OnDone

_BATCH = 128
_SHORT = 20_000  # characters whose words are found in about three milliseconds
_RETRY_SECONDS = 30.0  # for a task on a process that lacks the model's key or package

Result = TypeVar("Result")
Embedders = Callable[[EmbeddingSpec], Embedder]
"""Returns the embedder of a spec."""


async def _ignore(_done: int) -> None:
    """The default ``on_done``."""


@dataclass(frozen=True, slots=True)
class IndexedChunks:
    """Chunks with their words, and their vectors by the chunks' ordinals.

    ``counts`` are the numbers of chunks with each lexeme, where they are counted already.
    """

    rows: Sequence[ChunkRow]
    vectors: Mapping[int, Vector]
    counts: Mapping[str, int] | None = None


class ChunkIndexer:
    """Makes words and vectors of chunks, and vectors of queries.

    Args:
        embedding: Makes the vectors.
        embedders: The models.
        batches: Processes that index batches; None to do that in this process.
    """

    def __init__(self, embedding: Embedding, embedders: Embedders, batches: BatchIndexer | None = None) -> None:
        self._embedding = embedding
        self._embedders = embedders
        self._batches = batches

    def name_model(self, index: VectorIndex) -> str:
        """The name of an index's model, as documents record it."""
        return self._find_embedder(index).model

    def count_local_tokens(self, index: VectorIndex, characters: int) -> int:
        """The approximate tokens of a text for a local model; 0 where a provider counts them."""
        return estimate_tokens(characters) if self._find_embedder(index).provider is None else 0

    async def index(
        self,
        index: VectorIndex,
        chunks: Sequence[Chunk],
        account: Account,
        on_done: OnDone = _ignore,
        *,
        name: str = "",
    ) -> IndexedChunks:
        """Make the words and vectors of chunks.

        Args:
            index: The index whose model makes the vectors.
            chunks: The chunks, in order.
            account: The tenant that usage is charged to.
            on_done: Receives the number of chunks embedded so far.
            name: The name and title of the document, whose words find each chunk. They are no part of its vector,
                which would lose more by them than it gains (docs/search.md).

        Raises:
            RetryLaterError: when this process cannot use the model.
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        vectors = await self.embed(index, chunks, account, on_done)
        rows = list[ChunkRow]()
        for start in range(0, len(chunks), _BATCH):
            batch = chunks[start : start + _BATCH]
            size = sum(len(chunk.text) for chunk in batch)
            words = await run_short(partial(_find_words, batch, name), size)
            rows += [ChunkRow(*row) for row in zip(batch, words, strict=True)]
        return IndexedChunks(rows, vectors)

    async def index_batch(
        self, index: VectorIndex, chunks: Sequence[Chunk], account: Account, *, name: str = ""
    ) -> IndexedChunks:
        """``index`` for a batch of a large document, of which several are made at the same time.

        Raises:
            ServiceUnavailableError: when the process that indexes the batch has ended. Other errors as for ``index``.
        """
        if self._batches is None:
            return await self.index(index, chunks, account, name=name)
        model: str | None = self._find_embedder(index).model
        vectors = dict[int, Vector]()
        if model not in self._batches.models:
            model, vectors = None, await self.embed(index, chunks, account)
        indexed = await self._batches.index(name, [chunk.indexed_text for chunk in chunks], model=model)
        words = map(EncodedLexemes, indexed.words)
        rows = [ChunkRow(*row) for row in zip(chunks, words, strict=True)]
        if model is not None:
            vectors = {chunk.index: vector for chunk, vector in zip(chunks, indexed.vectors, strict=True)}
        return IndexedChunks(rows, vectors, indexed.counts)

    async def embed(
        self,
        index: VectorIndex,
        chunks: Sequence[Chunk],
        account: Account,
        on_done: OnDone = _ignore,
    ) -> dict[int, Vector]:
        """Make only the vectors of chunks, by ordinal; arguments and errors as for ``index``."""
        texts = [chunk.indexed_text for chunk in chunks]
        vectors = await self._embedding.embed(self._find_embedder(index), texts, account, on_done)
        return {chunk.index: vector for chunk, vector in zip(chunks, vectors, strict=True)}

    async def check_model(self, spec: EmbeddingSpec) -> None:
        """Check that a model works, by embedding one text. Bypasses rate limits and usage.

        Raises:
            StartupError: when its key, package or file is missing.
            ProviderDownError, ProviderCredentialsError, ProviderBusyError, ProviderRequestError
        """
        await self._embedders(spec).embed(["ping"])

    def _find_embedder(self, index: VectorIndex) -> Embedder:
        """The embedder of an index.

        Raises:
            RetryLaterError: when this process lacks a key or package, which another process may have.
        """
        try:
            return self._embedders(index.embedding)
        except StartupError as error:
            raise RetryLaterError(
                f"Waiting for {index.embedding.model}: {error.detail}", retry_after=_RETRY_SECONDS
            ) from error

    async def embed_query(self, index: VectorIndex, query: str, account: Account) -> Vector:
        """The vector of a query."""
        return await self._embedding.embed_query(self._find_embedder(index), query, account)


async def run_short(work: Callable[[], Result], characters: int) -> Result:
    """Run work on a text: at once if it is short, which takes less time than switches to a thread, else in a thread."""
    return work() if characters <= _SHORT else await asyncio.to_thread(work)


def _find_words(chunks: Sequence[Chunk], name: str) -> list[dict[str, list[int]]]:
    return [lexemes(f"{name}\n{chunk.indexed_text}") for chunk in chunks]
