"""The vector stores under test, each with what its tests need."""

import itertools
import os
import time
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
import pytest

from app.adapters.pinecone.store import PineconeStore
from app.adapters.qdrant.store import QdrantStore
from app.domain.ports.vectors import VectorStore
from app.domain.vectors import EmbeddingSpec, Vector, VectorBatch, VectorIndex, VectorKey
from tests.adapters.pinecone_engine import Lag
from tests.adapters.pinecone_server import PineconeServer, run_pinecone
from tests.adapters.qdrant_server import run_qdrant
from tests.adapters.troubles import Trouble

Result = TypeVar("Result")
_index_ids = itertools.count(1)
# Read before the environment is cleaned.
_GIVEN_URL, _GIVEN_KEY = os.environ.get("QDRANT_URL"), os.environ.get("QDRANT_API_KEY")


@asynccontextmanager
async def closing(store: VectorStore) -> AsyncIterator[None]:
    """Close the store at the end of the block."""
    try:
        yield
    finally:
        await store.close()


async def use(store: VectorStore, work: Awaitable[Result]) -> Result:
    """Await ``work``, which uses the store, then close the store."""
    async with closing(store):
        return await work


class Case:
    """One store under test.

    Args:
        store: The store.
        tolerance: The largest difference between a similarity and the true cosine.
    """

    def __init__(self, store: VectorStore, *, tolerance: float = 1e-5) -> None:
        self.store = store
        self.tolerance = tolerance

    async def close(self) -> None:
        """Close the store on the running event loop."""
        await self.store.close()

    async def make_index(self, dimensions: int | None = None) -> VectorIndex:
        """Make an empty index. None: the length of its vectors is not known yet."""
        return VectorIndex(next(_index_ids), self.store.name, EmbeddingSpec("local", "made-for-tests", dimensions))

    async def write(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Write a batch as Sluice does. When this returns, ``query`` finds it."""
        for piece in self.store.split(batch):
            await self.store.upsert(index, piece)
        await self.store.settle(index, batch)


class Service(Protocol):
    """The service behind a remote store."""

    def suffer(self, trouble: Trouble) -> AbstractContextManager[None]:
        """Fail in this way within the block, and recover after it. The data stays."""


class RemoteCase(Case):
    """A store whose service can fail."""

    def __init__(self, store: VectorStore, service: Service, *, tolerance: float = 1e-5) -> None:
        super().__init__(store, tolerance=tolerance)
        self.service = service


class PineconeCase(RemoteCase):
    """Pinecone, whose queries lag, and whose indexes are created beforehand for one length."""

    def __init__(self, store: VectorStore, server: PineconeServer) -> None:
        super().__init__(store, server)
        self._server = server

    async def make_index(self, dimensions: int | None = None) -> VectorIndex:
        index = await super().make_index(dimensions)
        name = f"for-index-{index.id}"
        self._server.create_index(name, dimensions or 8, lag=Lag(queries=1))
        return replace(index, place={"index": name, "host": self._server.get_host(name)})

    async def write(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Write a batch. The index has the length of its first vectors."""
        if batch.vectors:
            self._server.get_index(index.place["index"]).fit(len(next(iter(batch.vectors.values()))))
        await super().write(index, batch)


@contextmanager
def _open_pinecone(_: pytest.FixtureRequest) -> Iterator[RemoteCase]:
    with run_pinecone() as server:
        store = PineconeStore(api_key=server.api_key, index_name="none", host=None, time_limit=30, first_pause=0.01)
        yield PineconeCase(store, server)


class GivenCase(Case):
    """A server that the environment names. All data of the test is removed at the end."""

    def __init__(self, store: VectorStore) -> None:
        super().__init__(store)
        self._made: list[VectorIndex] = []

    async def make_index(self, dimensions: int | None = None) -> VectorIndex:
        self._made.append(await super().make_index(dimensions))
        return self._made[-1]

    async def close(self) -> None:
        """Remove the indexes, then close the store."""
        for index in self._made:
            await self.store.drop(index)
        await super().close()


@contextmanager
def _open_given_qdrant(_: pytest.FixtureRequest) -> Iterator[Case]:
    collection = f"sluice-test-{os.getpid()}-{time.time_ns()}"
    store = QdrantStore(url=_GIVEN_URL or "", api_key=_GIVEN_KEY, collection=collection, time_limit=30)
    yield GivenCase(store)


@contextmanager
def _open_qdrant(_: pytest.FixtureRequest) -> Iterator[RemoteCase]:
    with run_qdrant() as server:
        store = QdrantStore(url=server.url, api_key=server.api_key, collection="sluice-test", time_limit=30)
        yield RemoteCase(store, server)


REMOTE_CASES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[RemoteCase]]] = {
    "pinecone": _open_pinecone,
    "qdrant": _open_qdrant,
}
"""How to open each remote store, by name. The request gives access to other fixtures."""


@contextmanager
def _open_pgvector(request: pytest.FixtureRequest) -> Iterator[Case]:
    from tests.adapters.pgvector_case import open_pgvector  # noqa: PLC0415 - it imports this module

    with open_pgvector(request.getfixturevalue("settings")) as case:
        yield case


CASES: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Case]]] = {
    **REMOTE_CASES,
    "pgvector": _open_pgvector,
    **({"qdrant-given": _open_given_qdrant} if _GIVEN_URL else {}),
}
"""How to open each store, by name."""


def make_unit(*numbers: float) -> Vector:
    """The unit vector in that direction."""
    return normalize(np.array(numbers))


def make_beside(similarity: float, dimensions: int = 8) -> Vector:
    """A unit vector with that cosine to ``make_unit(1, 0, 0, …)``."""
    return make_unit(similarity, (1 - similarity**2) ** 0.5, *[0.0] * (dimensions - 2))


def normalize(numbers: np.ndarray[Any, np.dtype[Any]]) -> Vector:
    """A vector in the form in which embedders return it."""
    return array("f", (numbers / np.linalg.norm(numbers)).astype(np.float32).tobytes())


def make_random(count: int, dimensions: int, seed: int) -> list[Vector]:
    """Random unit vectors, the same for the same seed."""
    numbers = np.random.default_rng(seed).normal(size=(count, dimensions))
    return [normalize(row) for row in numbers]


def make_batch(
    agent_id: int, document_id: int, vectors: Mapping[int, Vector] | Iterable[Vector], edition: int = 1
) -> VectorBatch:
    """Vectors of one edition, by ordinal or numbered from 0."""
    numbered = vectors if isinstance(vectors, Mapping) else dict(enumerate(vectors))
    return VectorBatch(agent_id, document_id, edition, numbered)


async def list_keys(store: VectorStore, index: VectorIndex, agent_id: int) -> list[VectorKey]:
    """All keys of an agent, sorted."""
    return sorted([key async for key in store.list_keys(index, agent_id)])


def dot(left: Sequence[float], right: Sequence[float]) -> float:
    """The cosine of two unit vectors, in double precision."""
    return float(np.dot(np.asarray(left, np.float64), np.asarray(right, np.float64)))
