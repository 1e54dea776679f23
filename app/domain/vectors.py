"""Vectors: who makes them, in which index they are, and how one is named."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Vector = Sequence[float]
"""One embedding. Adapters return ``array.array('f')``: four bytes a number, the buffer protocol, stdlib only."""


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """Which model makes the vectors.

    ``dimensions`` is their length, None until the first was seen. ``requested_dimensions`` is the length that the
    settings ask for, None where the model decides.
    """

    provider: str  # local, openai, sentence-transformers
    model: str
    dimensions: int | None = None
    requested_dimensions: int | None = None

    def __str__(self) -> str:
        """As people are told, such as ``openai text-embedding-3-small (1536 numbers)``."""
        length = self.dimensions or self.requested_dimensions
        numbers = f" ({length} numbers)" if length else ""
        return f"{self.provider} {self.model}{numbers}"


class IndexState(StrEnum):
    """``BUILDING``: filled beside the active one, to take its place. ``RETIRED``: on its way out."""

    BUILDING = "building"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """An index of vectors, all by one model and in one store. ``place`` is where in the store, in the store's terms."""

    id: int
    store: str  # pgvector, pinecone, qdrant
    embedding: EmbeddingSpec
    place: Mapping[str, Any] = field(default_factory=dict)
    state: IndexState = IndexState.ACTIVE


@dataclass(frozen=True, slots=True, order=True)
class VectorKey:
    """Names a chunk's vector within an index, for ever: the same chunk written again has the same key."""

    document_id: int
    edition: int
    ordinal: int


@dataclass(frozen=True, slots=True)
class VectorBatch:
    """Vectors of chunks of one edition of a document, by ordinal."""

    agent_id: int
    document_id: int
    edition: int
    vectors: Mapping[int, Vector]

    @property
    def keys(self) -> list[VectorKey]:
        """The keys, in the order of the vectors."""
        return [VectorKey(self.document_id, self.edition, ordinal) for ordinal in self.vectors]


@dataclass(frozen=True, slots=True)
class Match:
    """A vector that was found. ``similarity`` is the cosine, from -1 to 1; 0 for a vector of zeros."""

    key: VectorKey
    similarity: float


@dataclass(frozen=True, slots=True)
class Account:
    """Whose work a provider is asked for."""

    organization_id: int
    agent_id: int


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Texts that one request embeds: ``texts[start:end]``, of so many tokens. Nothing is charged for 0 tokens."""

    start: int
    end: int
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """What one request came to: vectors in the order of the texts, and the tokens that it was charged for."""

    vectors: Sequence[Vector]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """What a language model wrote, and the tokens that were charged for."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0


def pack_vector(vector: Vector) -> bytes:
    """Four bytes a number, in this machine's order, which is little-endian wherever Sluice runs."""
    return array("f", vector).tobytes()


def unpack_vector(data: bytes) -> Vector:
    """The inverse of ``pack_vector``."""
    return array("f", data)
