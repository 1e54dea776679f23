"""Indexes of vectors: the one the settings ask for, the one there is, and the one that is being built."""

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


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """The index that the settings ask for."""

    store: str
    embedding: EmbeddingSpec
    place: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, index: VectorIndex) -> bool:
        """Whether an index is what is asked for, with vectors of the length that is asked for."""
        asked, there = self.embedding, index.embedding
        same = (self.store, asked.provider, asked.model) == (index.store, there.provider, there.model)
        length = (
            asked.requested_dimensions == there.requested_dimensions
            or asked.requested_dimensions == there.dimensions is not None
        )
        return same and length and all(index.place.get(name) == value for name, value in self.place.items())

    def __str__(self) -> str:
        """As people are told."""
        return f"{self.embedding} in {self.store}"


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """An index with how many documents it holds and lacks, and how many of these failed for good.

    Until it is ``planned``, it lacks more than is known.
    """

    index: VectorIndex
    planned: bool
    complete: int
    lacking: int
    failed: int


class VectorIndexes:
    """The indexes of vectors of this installation, and the one that its settings ask for."""

    def __init__(self, database: Database, requested: IndexSpec) -> None:
        self._database = database
        self._requested = requested

    async def ensure(self) -> None:
        """Make the first index, or see that the settings ask for the one there is, or for the one being built.

        An index that holds nothing gives way to the one that they ask for.

        Raises:
            IndexMismatchError
        """
        requested = self._requested
        async with self._database.transaction() as connection:
            if not await self._agrees(connection):
                await lock_indexes(connection)
                # Another process may have made it in between.
                if not await self._agrees(connection) and await is_empty(connection):
                    await retire_active(connection)
                await add_index(connection, requested.store, requested.embedding, requested.place, IndexState.ACTIVE)
        await self.check()

    async def check(self) -> None:
        """See that the settings ask for an index that there is, or that they may choose since nothing is indexed yet.

        Raises:
            IndexMismatchError
        """
        try:
            async with self._database.transaction() as connection:
                if await self._agrees(connection):
                    return
                active = await find_index(connection, IndexState.ACTIVE)
                if active is None or await is_empty(connection):
                    return
        except ProgrammingError:
            return  # the schema is not there: the API, which brings it, will check
        raise IndexMismatchError(
            f"The documents are indexed with {active.embedding} in {active.store}; "
            f"the settings ask for {self._requested}. "
            "Change the settings back, or build a new index: python main.py reembed"
        )

    async def _agrees(self, connection: AsyncConnection) -> bool:
        """Whether the settings ask for the active index, or for the one being built beside it."""
        indexes = [await find_index(connection, state) for state in (IndexState.ACTIVE, IndexState.BUILDING)]
        return indexes[0] is not None and any(self._requested.matches(index) for index in indexes if index)

    @property
    def requested(self) -> IndexSpec:
        """The index that the settings ask for."""
        return self._requested

    async def begin(self) -> IndexStatus:
        """Begin to build the index that the settings ask for.

        Raises:
            ConflictError: when it is the active one already, or another is being built.
        """
        requested = self._requested
        async with self._database.transaction() as connection:
            # What is published before this is planned for; what is published after it notes that by itself.
            await lock_indexes(connection)
            active = await find_index(connection, IndexState.ACTIVE)
            building = await find_index(connection, IndexState.BUILDING)
            if building:
                if not requested.matches(building):
                    raise ConflictError(f"An index is being built with {building.embedding} in {building.store}.")
                return await self._measure(connection, building)
            if active and requested.matches(active):
                raise ConflictError(f"The documents are indexed with {active.embedding} in {active.store} already.")
            made = await add_index(
                connection, requested.store, requested.embedding, requested.place, IndexState.BUILDING
            )
            if made is None:
                raise ConflictError("Another index is being built.")
            return await self._measure(connection, made)

    async def abandon(self) -> None:
        """Give up the index that is being built.

        Raises:
            NotFoundError: when there is none.
        """
        async with self._database.transaction() as connection:
            await lock_indexes(connection)
            if not await retire_building(connection):
                raise NotFoundError("No index is being built.")

    async def list_indexes(self) -> list[IndexStatus]:
        """The indexes there are, the oldest first."""
        async with self._database.statement() as connection:
            return [await self._measure(connection, index) for index in await list_indexes(connection)]

    async def _measure(self, connection: AsyncConnection, index: VectorIndex) -> IndexStatus:
        complete, lacking = await count_complete(connection, index.id), await count_lacking(connection, index.id)
        failed = await count_dead(connection, TaskName.REEMBED_DOCUMENT, index.id) if lacking else 0
        return IndexStatus(index, await is_planned(connection, index.id), complete, lacking, failed)
