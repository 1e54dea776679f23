"""A store in Pinecone, and common operations on it."""

from typing import Any

from app.adapters.pinecone.store import PineconeStore
from app.domain.vectors import EmbeddingSpec, Vector, VectorBatch, VectorIndex
from tests.adapters.pinecone_server import PineconeServer
from tests.adapters.vector_stores import make_unit

AHEAD = make_unit(1, 0, 0, 0)
ASIDE = make_unit(0, 1, 0, 0)
OWNER = 7
INDEX = VectorIndex(3, "pinecone", EmbeddingSpec("local", "made-for-tests", 4))


def make_store(server: PineconeServer, name: str = "sluice", **given: Any) -> PineconeStore:
    """Make a store. By default, it requests the host of its index from the control plane."""
    settings = {"api_key": server.api_key, "host": None, "time_limit": 20, "first_pause": 0.01} | given
    return PineconeStore(index_name=name, **settings)


async def write(store: PineconeStore, batch: VectorBatch, index: VectorIndex = INDEX) -> None:
    """Write a batch as Sluice does."""
    for piece in store.split(batch):
        await store.upsert(index, piece)
    await store.settle(index, batch)


async def find(store: PineconeStore, vector: Vector = AHEAD) -> list[int]:
    """The ordinals of the nearest vectors."""
    return [match.key.ordinal for match in await store.query(INDEX, OWNER, vector, limit=100)]
