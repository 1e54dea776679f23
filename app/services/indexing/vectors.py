"""Vectors: writes, finds and removes them in the store that holds an index."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.edition_lists import list_stale
from app.db.documents.editions import forget_edition, list_hidden, renew_edition, reserve_edition, unreserve_edition
from app.db.engine import Database
from app.db.search.ranking import list_visible
from app.db.vectors.indexes import find_index, fix_dimensions, get_index
from app.domain.errors import (
    DocumentDeletedError,
    RetryLaterError,
    StartupError,
    VectorLengthError,
)
from app.domain.ports import VectorStore
from app.domain.vectors import AssumedIndex, IndexState, Nearest, Vector, VectorBatch, VectorIndex, VectorKey
from app.services.providers.calls import ProviderCalls

_RETRY_SECONDS = 30.0  # for a task on a process that lacks the store's key or package
_WRITE_MAX_WAIT = 20.0  # seconds; longer than a store's rate limit lasts, since a deferred task repeats its writes

Stores = Callable[[str], VectorStore]
"""Returns the store of a name."""

Result = TypeVar("Result")


class Vectors:
    """Reads and writes vector indexes through their stores."""

    def __init__(self, database: Database, stores: Stores, providers: ProviderCalls) -> None:
        self._database = database
        self._stores = stores
        self._providers = providers
        self._assumed: AssumedIndex | None = None

    async def get_active(self) -> VectorIndex:
        """The index that searches read and that new documents are written to.

        Raises:
            StartupError: when there is none yet.
        """
        async with self._database.statement() as connection:
            index = await find_index(connection, IndexState.ACTIVE)
        if index is None:
            raise StartupError("There is no vector index yet. Start the API once: it creates the index.")
        return index

    async def choose(self) -> VectorIndex:
        """The active index, for one search.

        For an index in Postgres this rarely takes a statement: ``find`` checks that it still is the active one.

        Raises:
            StartupError: when there is none yet.
        """
        return self._assumed or await self.choose_again()

    async def choose_again(self) -> VectorIndex:
        """``choose`` after a search has failed, maybe because another index has become active."""
        self._assumed, index = None, await self.get_active()
        if index.embedding.dimensions is not None and self._find_store(index).search is not None:
            self._assumed = AssumedIndex(index.id, index.store, index.embedding, index.place, index.state)
        return self._assumed or index

    async def get(self, index_id: int) -> VectorIndex | None:
        """An index that is active or being built; None when it is retired or gone."""
        async with self._database.statement() as connection:
            index = await get_index(connection, index_id)
        return index if index and index.state is not IndexState.RETIRED else None

    async def get_for_batch(self, index_id: int | None, document_id: int, edition: int) -> VectorIndex:
        """The index that a batch of a large document belongs to, or the active one if that index was replaced.

        Records that the edition is being written now, since the batch may have waited for hours.
        """
        index = (await self.get(index_id) if index_id else None) or await self.get_active()
        async with self._database.statement() as connection:
            await renew_edition(connection, index.id, document_id, edition)
        return index

    def writes_within(self, index: VectorIndex) -> bool:
        """Whether the vectors of an index are written within the transaction that publishes them.

        Raises:
            RetryLaterError: when this process cannot use the store.
        """
        return self._find_store(index).transactional

    async def reserve(self, index: VectorIndex, document_id: int) -> int:
        """Reserve the number of the edition that an attempt writes. No other attempt gets it, so none overwrites it.

        Raises:
            DocumentDeletedError
        """
        async with self._database.statement() as connection:
            edition = await reserve_edition(connection, index.id, document_id)
        if edition is None:
            raise DocumentDeletedError
        return edition

    async def write(self, index: VectorIndex, batch: VectorBatch) -> VectorIndex:
        """Write vectors to a store across the network, before the transaction that publishes them; else do nothing.

        Returns the index with its number of dimensions, which the first vectors decide.

        Raises:
            VectorLengthError: when the index holds vectors of another length.
        """
        return await self._write(index, batch, [])

    async def write_reserved(self, index: VectorIndex, batch: VectorBatch) -> VectorIndex:
        """``write`` an edition that was just reserved; release its number when nothing can have been written."""
        begun: list[VectorBatch] = []
        try:
            return await self._write(index, batch, begun)
        except RetryLaterError:
            if not begun:
                async with self._database.statement() as connection:
                    await unreserve_edition(connection, index.id, batch.document_id, batch.edition)
            raise

    async def _write(self, index: VectorIndex, batch: VectorBatch, begun: list[VectorBatch]) -> VectorIndex:
        """``write``. Adds each piece to ``begun`` before sending it, since a store may accept it and fail to reply."""
        index = await self._check_length(index, batch)
        store = self._find_store(index)
        if store.transactional:
            return index

        async def upsert(piece: VectorBatch) -> None:
            begun.append(piece)
            await store.upsert(index, piece)

        for piece in store.split(batch):
            await self._call(store, partial(upsert, piece), _WRITE_MAX_WAIT)
        await self._call(store, partial(store.settle, index, batch), _WRITE_MAX_WAIT)
        return index

    async def write_within(self, connection: AsyncConnection, index: VectorIndex, batch: VectorBatch) -> None:
        """Write vectors within the transaction that publishes them, if their store is in Postgres; else do nothing."""
        store = self._find_store(index)
        if store.transactional:
            for piece in store.split(batch):
                await store.upsert(index, piece, connection)

    async def find(
        self,
        index: VectorIndex,
        agent_id: int,
        vector: Vector,
        *,
        limit: int,
        document_ids: Sequence[int] | None,
        compared: Sequence[VectorKey],
    ) -> Nearest:
        """The cosine similarity of an agent's nearest chunks, and of further given ones; see ``VectorSearch``.

        Raises:
            RetryLaterError: the index was assumed to be active, and is not.
            ProviderBusyError, ProviderPausedError, ProviderDownError: the store is unavailable.
        """
        store = self._find_store(index)
        if store.search is not None:
            return await store.search.find(
                index, agent_id, vector, limit=limit, document_ids=document_ids, compared=compared
            )
        async with self._database.statement() as connection:
            hidden = await list_hidden(connection, index.id, agent_id)
        query = partial(store.query, index, agent_id, vector, limit=limit, document_ids=document_ids, without=hidden)
        nearest = {match.key: match.similarity for match in await self._call(store, query)}
        visible = await list_visible(self._database, agent_id, compared) if compared else []
        found: dict[VectorKey, float | None] = {key: nearest.get(key) for key in visible}
        if others := [key for key in visible if key not in nearest]:
            found |= await self._call(store, partial(store.compare, index, agent_id, vector, others))
        return Nearest(nearest, found)

    async def sweep(self, document_id: int) -> int:
        """Remove a document's vectors that search will not find again; returns the number of editions removed."""
        async with self._database.statement() as connection:
            stale = await list_stale(connection, document_id)
        for edition in stale:
            async with self._database.statement() as connection:
                index = await get_index(connection, edition.index_id)
            if index is not None:
                await self.delete(index, edition.agent_id, document_id, edition.edition)
            async with self._database.transaction() as connection:
                await forget_edition(connection, edition)
        return len(stale)

    async def delete(self, index: VectorIndex, agent_id: int, document_id: int, edition: int) -> None:
        """Remove an edition's vectors."""
        store = self._find_store(index)
        await self._call(store, partial(store.delete, index, agent_id, document_id, edition), _WRITE_MAX_WAIT)

    async def list_keys(self, index: VectorIndex, agent_id: int) -> set[VectorKey]:
        """The keys of all vectors of an agent. Bypasses rate limits, since only the consistency check calls it."""
        return {key async for key in self._find_store(index).list_keys(index, agent_id)}

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """The agents that have vectors in an index."""
        store = self._find_store(index)
        return await self._call(store, partial(store.list_agents, index))

    async def drop(self, index: VectorIndex) -> bool:
        """Remove some vectors of a retired index; returns whether all are gone."""
        store = self._find_store(index)
        return await self._call(store, partial(store.drop, index))

    async def check(self, index: VectorIndex) -> None:
        """Check that the store of an index is reachable and can hold it.

        Raises:
            StartupError, ProviderDownError
        """
        await self._stores(index.store).check(index)

    def _find_store(self, index: VectorIndex) -> VectorStore:
        """The store of an index.

        Raises:
            RetryLaterError: when this process lacks a key or package, which another process may have.
        """
        try:
            return self._stores(index.store)
        except StartupError as error:
            raise RetryLaterError(f"Waiting for {index.store}: {error.detail}", retry_after=_RETRY_SECONDS) from error

    async def _check_length(self, index: VectorIndex, batch: VectorBatch) -> VectorIndex:
        """The index with the length of its vectors, which the first vectors written decide.

        Raises:
            VectorLengthError: when the batch has vectors of another length.
        """
        lengths = {len(vector) for vector in batch.vectors.values()}
        known = index.embedding.dimensions
        if known is None and len(lengths) == 1:
            async with self._database.statement() as connection:
                known = await fix_dimensions(connection, index.id, *lengths)
            index = replace(index, embedding=replace(index.embedding, dimensions=known))
        if lengths - {known}:
            raise VectorLengthError(
                f"The index holds vectors of {known} dimensions; {index.embedding.model} returned {lengths}."
            )
        return index

    async def _call(
        self, store: VectorStore, request: Callable[[], Awaitable[Result]], max_wait: float = 2.0
    ) -> Result:
        """Call a store; one across the network within its rate limit and behind its circuit breaker."""
        if store.transactional:
            return await request()
        return await self._providers.call(store.name, request, max_wait=max_wait)
