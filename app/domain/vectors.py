"""Vectors: their models, their indexes and their keys."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

Vector = Sequence[float]
"""One embedding. Adapters return ``array.array('f')``: four bytes per number, and the buffer protocol."""


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
        """As messages show it, such as ``openai text-embedding-3-small (1536 dimensions)``."""
        length = self.dimensions or self.requested_dimensions
        dimensions = f" ({length} dimensions)" if length else ""
        return f"{self.provider} {self.model}{dimensions}"


class IndexState(StrEnum):
    """``BUILDING``: being filled, to replace the active one. ``RETIRED``: replaced or abandoned, to be removed."""

    BUILDING = "building"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Vectors of one model in one store. ``place`` locates them within the store, in the store's own terms."""

    id: int
    store: str  # pgvector, pinecone, qdrant
    embedding: EmbeddingSpec
    place: Mapping[str, Any] = field(default_factory=dict)
    state: IndexState = IndexState.ACTIVE


@dataclass(frozen=True, slots=True)
class AssumedIndex(VectorIndex):
    """An index that was active when this process last read it. The statement that searches it checks whether it is."""


@dataclass(frozen=True, slots=True)
class IndexGate:
    """The condition under which an index that is being built becomes active.

    Attributes:
        index_id: The index.
        question_set_id: The questions with which the active index and the new one are evaluated; None: it was deleted.
        tolerance: By how much nDCG@10 may fall.
        task_id: The task that decides; None until it is submitted.
        accepted: The decision; None until there is one.
        reason: The figures, or why there are none.
    """

    index_id: int
    question_set_id: int | None
    tolerance: float
    task_id: UUID | None = None
    accepted: bool | None = None
    reason: str = ""


class VectorKey(NamedTuple):
    """The key of a chunk's vector within an index. A chunk that is written again has the same key."""

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
class IndexedBatch:
    """The words and vectors of some texts, in the order of the texts.

    Attributes:
        words: The lexemes of each text with their positions, as the database stores them.
        counts: The number of texts with each lexeme.
        vectors: One for each text; empty where none were asked for.
    """

    words: Sequence[bytes]
    counts: Mapping[str, int]
    vectors: Sequence[Vector]


class Nearest(NamedTuple):
    """The similarities of a search by vector.

    ``compared`` has those of the given chunks that search finds: None where the index has no vector of one.
    """

    nearest: Mapping[VectorKey, float]
    compared: Mapping[VectorKey, float | None]


@dataclass(frozen=True, slots=True)
class Match:
    """A vector found by a query. ``similarity`` is the cosine, from -1 to 1; 0 for a vector of zeros."""

    key: VectorKey
    similarity: float


@dataclass(frozen=True, slots=True)
class Account:
    """The tenant that a provider's usage is charged to."""

    organization_id: int
    agent_id: int


@dataclass(frozen=True, slots=True)
class TextBatch:
    """The texts of one request, ``texts[start:end]``, and their number of tokens; 0 for a model that is free."""

    start: int
    end: int
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """The result of one request: vectors in the order of the texts, and the number of tokens charged."""

    vectors: Sequence[Vector]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Relevance:
    """How well texts answer a query: a score for each, in their order, and the number of tokens charged."""

    scores: Sequence[float]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A language model's answer, and the numbers of tokens charged. A truncated one ends at the limit of its tokens."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    is_truncated: bool = False


def pack_vector(vector: Vector) -> bytes:
    """Four bytes per number, in the machine's byte order, which is little-endian on every supported platform."""
    return array("f", vector).tobytes()


def unpack_vector(data: bytes) -> Vector:
    """The inverse of ``pack_vector``."""
    return array("f", data)
