"""Vector indexes: the active one, the one being built, and the one that the settings ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.edition_lists import count_complete, count_lacking
from app.db.editions import is_planned
from app.db.engine import Database
from app.db.vector_indexes import (
    add_index,
    find_index,
    is_empty,
    list_indexes,
    lock_indexes,
    retire_active,
    retire_building,
)
from app.domain.errors import ConflictError, IndexMismatchError, NotFoundError
from app.domain.tasks import TaskName
from app.domain.vectors import EmbeddingSpec, IndexState, VectorIndex
from app.ledger.dead_letters import count_dead

_WAIT_OR_ABANDON = "Wait until it is active, or stop it: ./sluice reembed --abandon"


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """The index that the settings ask for."""

    store: str
    embedding: EmbeddingSpec
    place: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, index: VectorIndex) -> bool:
        """Whether an index has this store, model and location, and vectors of the requested length."""
        requested, actual = self.embedding, index.embedding
        same = (self.store, requested.provider, requested.model) == (index.store, actual.provider, actual.model)
        length = (
            requested.requested_dimensions == actual.requested_dimensions
            or requested.requested_dimensions == actual.dimensions is not None
        )
        return same and length and all(index.place.get(name) == value for name, value in self.place.items())

    def __str__(self) -> str:
        """As messages show it."""
        return f"{self.embedding} in {self.store}"


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """An index with the number of documents that it holds and lacks, and how many of the lacking ones have failed.

    Until ``planned`` is True, more documents may be lacking than are counted.
    """

    index: VectorIndex
    planned: bool
    complete: int
    lacking: int
    failed: int


class VectorIndexes:
    """Creates, checks and replaces the installation's vector indexes."""

    def __init__(self, database: Database, requested: IndexSpec) -> None:
        self._database = database
        self._requested = requested

    async def ensure(self) -> None:
        """Create the first index, or check that the settings match the active index or the one being built.

        An empty active index that does not match is replaced.

        Raises:
            IndexMismatchError
        """
        requested = self._requested
        async with self._database.transaction() as connection:
            if not await self._matches(connection):
                await lock_indexes(connection)
                # Another process may have created it in the meantime.
                if not await self._matches(connection) and await is_empty(connection):
                    await retire_active(connection)
                await add_index(connection, requested.store, requested.embedding, requested.place, IndexState.ACTIVE)
        await self.check()

    async def exists(self) -> bool:
        """Whether there is an index: the first start of the API creates it."""
        async with self._database.statement() as connection:
            return await find_index(connection, IndexState.ACTIVE) is not None

    async def check(self) -> None:
        """Check that the settings match an existing index, or that nothing is indexed yet.

        Raises:
            IndexMismatchError
        """
        try:
            async with self._database.transaction() as connection:
                if await self._matches(connection):
                    return
                active = await find_index(connection, IndexState.ACTIVE)
                if active is None or await is_empty(connection):
                    return
        except ProgrammingError:
            return  # no schema yet: the API creates it and then checks
        raise IndexMismatchError(
            f"The documents are indexed with {active.embedding} in {active.store}; "
            f"the settings ask for {self._requested}. "
            "Change the settings back, or build a new index: ./sluice reembed"
        )

    async def _matches(self, connection: AsyncConnection) -> bool:
        """Whether the settings match the active index, or the one being built."""
        indexes = [await find_index(connection, state) for state in (IndexState.ACTIVE, IndexState.BUILDING)]
        return indexes[0] is not None and any(self._requested.matches(index) for index in indexes if index)

    @property
    def requested(self) -> IndexSpec:
        """The index that the settings ask for."""
        return self._requested

    async def begin(self) -> IndexStatus:
        """Start to build the index that the settings ask for; returns the one being built if it matches.

        Raises:
            ConflictError: when the active index matches already, or another index is being built.
        """
        requested = self._requested
        async with self._database.transaction() as connection:
            # The plan covers documents published before this lock; later publications record what the index lacks.
            await lock_indexes(connection)
            active = await find_index(connection, IndexState.ACTIVE)
            building = await find_index(connection, IndexState.BUILDING)
            if building:
                if not requested.matches(building):
                    raise ConflictError(
                        f"An index is being built with {building.embedding} in {building.store}. {_WAIT_OR_ABANDON}"
                    )
                return await self._measure(connection, building)
            if active and requested.matches(active):
                raise ConflictError(
                    f"The documents are indexed with {active.embedding} in {active.store} already. "
                    "Change the model or the store in the settings first."
                )
            added = await add_index(
                connection, requested.store, requested.embedding, requested.place, IndexState.BUILDING
            )
            if added is None:
                raise ConflictError(f"Another index is being built. {_WAIT_OR_ABANDON}")
            return await self._measure(connection, added)

    async def abandon(self) -> None:
        """Stop building the new index and retire it.

        Raises:
            NotFoundError: when there is none.
        """
        async with self._database.transaction() as connection:
            await lock_indexes(connection)
            if not await retire_building(connection):
                raise NotFoundError("No index is being built.")

    async def list_indexes(self) -> list[IndexStatus]:
        """All indexes, the oldest first."""
        async with self._database.statement() as connection:
            return [await self._measure(connection, index) for index in await list_indexes(connection)]

    async def _measure(self, connection: AsyncConnection, index: VectorIndex) -> IndexStatus:
        complete, lacking = await count_complete(connection, index.id), await count_lacking(connection, index.id)
        failed = await count_dead(connection, TaskName.REEMBED_DOCUMENT, index.id) if lacking else 0
        return IndexStatus(index, await is_planned(connection, index.id), complete, lacking, failed)
