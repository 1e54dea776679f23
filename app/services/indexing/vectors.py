"""Vectors: written before a document is published or with it, found, and removed, in whichever store an index is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.edition_lists import list_stale
from app.db.editions import forget_edition, list_hidden, renew_edition, reserve_edition, unreserve_edition
from app.db.engine import Database
from app.db.vector_indexes import find_index, fix_dimensions, get_index
from app.domain.errors import (
    DocumentDeletedError,
    RetryLaterError,
    StartupError,
    VectorLengthError,
)
from app.domain.ports import VectorStore
from app.domain.vectors import IndexState, Vector, VectorBatch, VectorIndex, VectorKey
from app.services.providers.calls import ProviderCalls

_LACK_SECONDS = 30.0  # until a process is looked at again that lacks a key or a package
_WRITE_PATIENCE = 20.0  # seconds; a store's limits count by the second, and what was written would be written again

Stores = Callable[[str], VectorStore]
"""Finds the store of a name."""

Result = TypeVar("Result")


class Vectors:
    """The indexes of vectors, and the stores they are in."""

    def __init__(self, database: Database, stores: Stores, providers: ProviderCalls) -> None:
        self._database = database
        self._stores = stores
        self._providers = providers

    async def get_active(self) -> VectorIndex:
        """The index that searches read and new documents are written to.

        Raises:
            StartupError: when there is none yet.
        """
        async with self._database.statement() as connection:
            index = await find_index(connection, IndexState.ACTIVE)
        if index is None:
            raise StartupError("There is no index of vectors yet: the API makes it when it starts.")
        return index

    async def get(self, index_id: int) -> VectorIndex | None:
        """An index that is active or being built; None for one that is retired or gone."""
        async with self._database.statement() as connection:
            index = await get_index(connection, index_id)
        return index if index and index.state is not IndexState.RETIRED else None

    async def get_for_batch(self, index_id: int | None, document_id: int, edition: int) -> VectorIndex:
        """The index that a batch of a large document is meant for, or where that was replaced, the active one.

        The batch may have waited for hours: it is noted that its edition is written to now.
        """
        index = (await self.get(index_id) if index_id else None) or await self.get_active()
        async with self._database.statement() as connection:
            await renew_edition(connection, index.id, document_id, edition)
        return index

    async def reserve(self, index: VectorIndex, document_id: int) -> int:
        """The number of the edition that an attempt writes; no other gets the same, so none can write over it.

        Raises:
            DocumentDeletedError
        """
        async with self._database.statement() as connection:
            edition = await reserve_edition(connection, index.id, document_id)
        if edition is None:
            raise DocumentDeletedError
        return edition

    async def write(self, index: VectorIndex, batch: VectorBatch) -> VectorIndex:
        """Write vectors, where that must come before the transaction that publishes them; returns the index as it is.

        Raises:
            VectorLengthError: when the index holds vectors of another length.
        """
        return await self._write(index, batch, [])

    async def write_reserved(self, index: VectorIndex, batch: VectorBatch) -> VectorIndex:
        """``write`` an edition that was just reserved, and give the number back where nothing can have been written."""
        begun: list[VectorBatch] = []
        try:
            return await self._write(index, batch, begun)
        except RetryLaterError:
            if not begun:
                async with self._database.statement() as connection:
                    await unreserve_edition(connection, index.id, batch.document_id, batch.edition)
            raise

    async def _write(self, index: VectorIndex, batch: VectorBatch, begun: list[VectorBatch]) -> VectorIndex:
        """``write``; each piece is in ``begun`` before the store is asked to take it, for it may, and not say so."""
        index = await self._fit(index, batch)
        store = self._find_store(index)
        if store.transactional:
            return index

        async def upsert(piece: VectorBatch) -> None:
            begun.append(piece)
            await store.upsert(index, piece)

        for piece in store.split(batch):
            await self._ask(store, partial(upsert, piece), _WRITE_PATIENCE)
        await self._ask(store, partial(store.settle, index, batch), _WRITE_PATIENCE)
        return index

    async def write_within(self, connection: AsyncConnection, index: VectorIndex, batch: VectorBatch) -> None:
        """Write vectors in the transaction that publishes them, where the store takes part in it."""
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
    ) -> dict[VectorKey, float]:
        """An agent's chunks that are most like a vector, and how alike ``compared`` are besides: the cosine by key."""
        store = self._find_store(index)
        async with self._database.statement() as connection:
            hidden = await list_hidden(connection, index.id, agent_id)
        query = partial(store.query, index, agent_id, vector, limit=limit, document_ids=document_ids, without=hidden)
        found: dict[VectorKey, float] = {match.key: match.similarity for match in await self._ask(store, query)}
        if others := [key for key in compared if key not in found]:
            found |= await self._ask(store, partial(store.compare, index, agent_id, vector, others))
        return found

    async def sweep(self, document_id: int) -> int:
        """Remove the vectors of a document that no search will ever find; returns of how many editions."""
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
        await self._ask(store, partial(store.delete, index, agent_id, document_id, edition), _WRITE_PATIENCE)

    async def list_keys(self, index: VectorIndex, agent_id: int) -> set[VectorKey]:
        """The keys of all vectors of an agent. Uncounted: whoever compares looks, and does not queue."""
        return {key async for key in self._find_store(index).list_keys(index, agent_id)}

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """The agents that have vectors in an index."""
        store = self._find_store(index)
        return await self._ask(store, partial(store.list_agents, index))

    async def drop(self, index: VectorIndex) -> bool:
        """Remove some of a retired index; returns whether all is gone."""
        store = self._find_store(index)
        return await self._ask(store, partial(store.drop, index))

    async def check(self, index: VectorIndex) -> None:
        """Try the store of an index.

        Raises:
            StartupError, ProviderDownError
        """
        await self._stores(index.store).check(index)

    def _find_store(self, index: VectorIndex) -> VectorStore:
        """The store of an index.

        Raises:
            RetryLaterError: when this process lacks what it takes to reach it. Others may not, nor this one for ever.
        """
        try:
            return self._stores(index.store)
        except StartupError as error:
            raise RetryLaterError(f"Waiting for {index.store}: {error.detail}", retry_after=_LACK_SECONDS) from error

    async def _fit(self, index: VectorIndex, batch: VectorBatch) -> VectorIndex:
        """The index with the length of its vectors, which its first ones decide.

        Raises:
            VectorLengthError: when these have another.
        """
        lengths = {len(vector) for vector in batch.vectors.values()}
        known = index.embedding.dimensions
        if known is None and len(lengths) == 1:
            async with self._database.statement() as connection:
                known = await fix_dimensions(connection, index.id, *lengths)
            index = replace(index, embedding=replace(index.embedding, dimensions=known))
        if lengths - {known}:
            raise VectorLengthError(f"The index has {known} numbers a vector; {index.embedding.model} gave {lengths}.")
        return index

    async def _ask(self, store: VectorStore, request: Callable[[], Awaitable[Result]], max_wait: float = 2.0) -> Result:
        """Ask a store, one across a network as the provider that it is."""
        if store.transactional:
            return await request()
        return await self._providers.call(store.name, request, max_wait=max_wait)
