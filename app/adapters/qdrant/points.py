"""How vectors are laid out in Qdrant: names of points, their payload, its indexes, and filters by it."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar
from uuid import UUID

from qdrant_client import models

from app.domain.vectors import VectorBatch, VectorKey

AGENT, DOCUMENT, EDITION = "agent_id", "document_id", "edition"
FIELDS: dict[str, models.PayloadSchemaParams] = {
    # What belongs to one tenant is kept together. Only a keyword can be a tenant, so the agent's number is one.
    AGENT: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    DOCUMENT: models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False),
    # Editions are left out and deleted, never searched by themselves, and need no graph.
    EDITION: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, enable_hnsw=False),
}
"""The fields of the payload and their indexes, without which servers in strict mode filter by none."""
GRAPHS = models.HnswConfigDiff(m=0, payload_m=16)
"""No graph over all vectors, which nobody searches, but one for each agent or document that has many."""
Item = TypeVar("Item")


def make_points(batch: VectorBatch) -> models.Batch:
    """The points that are written for a batch."""
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
    """A UUID of the three numbers, in 64, 32 and 32 bits."""
    return str(UUID(int=key.document_id << 64 | key.edition << 32 | key.ordinal))


def read_point(name: Any) -> VectorKey:
    """The inverse of ``name_point``."""
    number = UUID(str(name)).int
    return VectorKey(number >> 64, number >> 32 & 0xFFFFFFFF, number & 0xFFFFFFFF)


def name_edition(document_id: int, edition: int) -> str:
    """One word for both, so that thousands of editions are left out by one condition."""
    return f"{document_id}.{edition}"


def is_of(agent_id: int) -> models.FieldCondition:
    """The condition that points are an agent's."""
    return models.FieldCondition(key=AGENT, match=models.MatchValue(value=str(agent_id)))


def is_any(field: str, values: Sequence[Any]) -> models.FieldCondition:
    """The condition that a field has one of these values."""
    return models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))


def group(items: Sequence[Item], count: int) -> Iterator[Sequence[Item]]:
    """The items in groups of ``count`` at most."""
    return (items[start : start + count] for start in range(0, len(items), count))
