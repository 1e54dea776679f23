"""A store in Pinecone, and what tests do with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.adapters.pinecone.store import PineconeStore
from app.domain.vectors import EmbeddingSpec, Vector, VectorBatch, VectorIndex
from tests.adapters.pinecone_server import PineconeServer, run_pinecone
from tests.adapters.vector_stores import make_unit

AHEAD = make_unit(1, 0, 0, 0)
ASIDE = make_unit(0, 1, 0, 0)
OWNER = 7
INDEX = VectorIndex(3, "pinecone", EmbeddingSpec("local", "made-for-tests", 4))


@contextmanager
def run_in_place_of_pinecone() -> Iterator[PineconeServer]:
    """A server that Pinecone's client takes for the control plane within the block."""
    with run_pinecone() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PINECONE_CONTROLLER_HOST", server.url)
        yield server


def make_store(server: PineconeServer, name: str = "sluice", **given: Any) -> PineconeStore:
    """A store that lets Pinecone be asked where its index is, unless it is given something else."""
    settings = {"api_key": server.api_key, "host": None, "time_limit": 20, "first_pause": 0.01} | given
    return PineconeStore(index_name=name, **settings)


async def write(store: PineconeStore, batch: VectorBatch, index: VectorIndex = INDEX) -> None:
    """Write a batch as Sluice does."""
    for piece in store.split(batch):
        await store.upsert(index, piece)
    await store.settle(index, batch)


async def find(store: PineconeStore, vector: Vector = AHEAD) -> list[int]:
    """The ordinals of what is most like a vector."""
    return [match.key.ordinal for match in await store.query(INDEX, OWNER, vector, limit=100)]
