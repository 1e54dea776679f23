"""Vector indexes: the active one, the one being built, and the one that the settings ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.edition_lists import count_complete, count_lacking
from app.db.documents.editions import is_planned
from app.db.engine import Database
from app.db.evaluations.question_sets import get_question_set
from app.db.vectors.gates import find_refusal, get_gate, insert_gate
from app.db.vectors.indexes import (
    add_index,
    find_index,
    is_empty,
    list_indexes,
    lock_indexes,
    retire_active,
    retire_building,
)
from app.domain.errors import ConflictError, IndexMismatchError, InvalidRequestError, NotFoundError
from app.domain.states import FINAL
from app.domain.tasks import TaskName
from app.domain.vectors import EmbeddingSpec, IndexGate, IndexState, VectorIndex
from app.ledger.dead_letters import count_dead
from app.ledger.read import list_states

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
class GateRequest:
    """The condition of a new index: with these questions, nDCG@10 may fall by this much."""

    question_set_id: int
    tolerance: float


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """An index with the number of documents that it holds and lacks, and how many of the lacking ones have failed.

    Until ``planned`` is True, more documents may be lacking than are counted. ``stopped`` is True when the task that
    should decide about the gate has ended without a decision.
    """

    index: VectorIndex
    planned: bool
    complete: int
    lacking: int
    failed: int
    gate: IndexGate | None = None
    stopped: bool = False


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
                refusal = await find_refusal(connection, active.id)
        except ProgrammingError:
            return  # no schema yet: the API creates it and then checks
        raise IndexMismatchError(
            f"The documents are indexed with {active.embedding} in {active.store}; "
            f"the settings ask for {self._requested}. "
            "Change the settings back, or build a new index: ./sluice reembed"
            + (f" The last new index was refused: {refusal}" if refusal else "")
        )

    async def _matches(self, connection: AsyncConnection) -> bool:
        """Whether the settings match the active index, or the one being built."""
        indexes = [await find_index(connection, state) for state in (IndexState.ACTIVE, IndexState.BUILDING)]
        return indexes[0] is not None and any(self._requested.matches(index) for index in indexes if index)

    @property
    def requested(self) -> IndexSpec:
        """The index that the settings ask for."""
        return self._requested

    async def begin(self, gate: GateRequest | None = None) -> IndexStatus:
        """Start to build the index that the settings ask for; returns the one being built if it matches.

        Args:
            gate: The condition under which it becomes active. Default: when it is complete.

        Raises:
            ConflictError: when the active index matches already, or another index, or one with another gate, is built.
            InvalidRequestError: when no question of the set expects anything.
            NotFoundError: when there is no such question set.
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
                await _set_gate(connection, building.id, gate)
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
            await _set_gate(connection, added.id, gate)
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
        gate, planned = await get_gate(connection, index.id), await is_planned(connection, index.id)
        return IndexStatus(index, planned, complete, lacking, failed, gate, await _is_stopped(connection, gate))


async def _set_gate(connection: AsyncConnection, index_id: int, request: GateRequest | None) -> None:
    """Add the gate of an index that is being built, or check that it has this one."""
    present = await get_gate(connection, index_id)
    if request is None:
        return
    if present:
        if (present.question_set_id, present.tolerance) != (request.question_set_id, request.tolerance):
            raise ConflictError(f"The index is being built with another question set or tolerance. {_WAIT_OR_ABANDON}")
        return
    questions = await get_question_set(connection, request.question_set_id, lock=True)
    if questions is None:
        raise NotFoundError(f"Question set {request.question_set_id} does not exist.")
    if questions.questions == questions.unanswerable:
        raise InvalidRequestError("No question of this set expects documents or quotes.")
    await insert_gate(connection, index_id, request.question_set_id, request.tolerance)


async def _is_stopped(connection: AsyncConnection, gate: IndexGate | None) -> bool:
    if gate is None or gate.accepted is not None or gate.task_id is None:
        return False
    state = (await list_states(connection, [gate.task_id])).get(gate.task_id)
    return state is None or state in FINAL
