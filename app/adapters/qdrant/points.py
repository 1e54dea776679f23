"""The form of Sluice's vectors in Qdrant: point ids, payload, payload indexes and filters."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from qdrant_client import models

from app.domain.vectors import VectorBatch, VectorKey

AGENT, DOCUMENT, EDITION = "agent_id", "document_id", "edition"
FIELDS: dict[str, models.PayloadSchemaParams] = {
    # Qdrant stores the points of one tenant together. Only a keyword can be a tenant, so the agent id is a keyword.
    AGENT: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    DOCUMENT: models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False),
    # Editions are only excluded and deleted, never searched alone, so they need no graph.
    EDITION: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, enable_hnsw=False),
}
"""The fields of the payload and their indexes. In strict mode, servers filter only by indexed fields."""
GRAPHS = models.HnswConfigDiff(m=0, payload_m=16)
"""No graph over all vectors, which are never searched together; one graph for each agent or document with many."""
Item = TypeVar("Item")


def make_points(batch: VectorBatch) -> models.Batch:
    """Make the points of a batch."""
    payload = {
        AGENT: str(batch.agent_id),
        DOCUMENT: batch.document_id,
        EDITION: name_edition(batch.document_id, batch.edition),
    }
    return models.Batch(
        ids=[name_point(key) for key in batch.keys],
        vectors=[list(vector) for vector in batch.vectors.values()],
        payloads=[payload] * len(batch.vectors),
    )


def name_point(key: VectorKey) -> str:
    """A UUID that contains document id, edition and ordinal, in 64, 32 and 32 bits."""
    return str(UUID(int=key.document_id << 64 | key.edition << 32 | key.ordinal))


def read_point(name: Any) -> VectorKey:
    """The inverse of ``name_point``."""
    number = UUID(str(name)).int
    return VectorKey(number >> 64, number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF)


def name_edition(document_id: int, edition: int) -> str:
    """One value for both numbers, so that one condition can exclude thousands of editions."""
    return f"{document_id}.{edition}"


def is_of(agent_id: int) -> models.FieldCondition:
    """The condition that points belong to an agent."""
    return models.FieldCondition(key=AGENT, match=models.MatchValue(value=str(agent_id)))


def is_any(field: str, values: Sequence[Any]) -> models.FieldCondition:
    """The condition that a field has one of these values."""
    return models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))


def group(items: Sequence[Item], count: int) -> Iterator[Sequence[Item]]:
    """Split the items into groups of at most ``count``."""
    return (items[start : start + count] for start in range(0, len(items), count))
