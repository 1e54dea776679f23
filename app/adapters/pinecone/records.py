"""How vectors are written to Pinecone: their names, their numbers, and what can be asked about them."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pinecone.models.vectors.responses import QueryResponse

from app.domain.vectors import Match, Vector, VectorBatch, VectorKey

DOCUMENT, EDITION, ORDINAL, ZERO = "document_id", "edition_key", "ordinal", "is_zero"
Filter = dict[str, Any]
_PIECE_RECORDS = 1_000
_PIECE_BYTES = 1_900_000
"""Of one request, of which Pinecone takes 2 MB."""
_DECIMALS = 9
_NUMBER_BYTES = 14
"""A number as JSON, of that many decimals and not above 1, at its longest."""
_RECORD_BYTES = 400
"""What comes with the numbers of a vector, at its longest."""
_NAME = re.compile(r"(\d+)#(\d+)#(\d+)")


def split_batch(batch: VectorBatch) -> list[VectorBatch]:
    """Pieces that keep to Pinecone's limits for a request."""
    longest = max(map(len, batch.vectors.values()), default=0)
    count = max(1, min(_PIECE_RECORDS, _PIECE_BYTES // (_NUMBER_BYTES * longest + _RECORD_BYTES)))
    items = list(batch.vectors.items())
    return [
        VectorBatch(batch.agent_id, batch.document_id, batch.edition, dict(items[start : start + count]))
        for start in range(0, len(items), count)
    ]


def make_records(batch: VectorBatch) -> list[dict[str, Any]]:
    """A batch as Pinecone takes it.

    Pinecone takes no vector of zeros. In its place stands another, marked so that no search finds it, in order that
    its key is listed.
    """
    records = []
    for key, vector in zip(batch.keys, batch.vectors.values(), strict=True):
        zero = not any(vector)
        metadata = {
            DOCUMENT: key.document_id,
            "edition": key.edition,
            EDITION: name_edition(key.document_id, key.edition),
            ORDINAL: key.ordinal,
            ZERO: zero,
        }
        numbers = make_probe(len(vector)) if zero else _shorten(vector)
        records.append({"id": name_vector(key), "values": numbers, "metadata": metadata})
    return records


def make_probe(length: int) -> list[float]:
    """Some vector of that length, for when it matters only what else a query says."""
    return [1.0] + [0.0] * (length - 1)


def name_edition(document_id: int, edition: int) -> str:
    """One word for both, so that thousands of editions are left out by one condition."""
    return f"{document_id}#{edition}"


def name_vector(key: VectorKey) -> str:
    """An id that begins with the edition's name, so that an edition can be listed."""
    return f"{name_edition(key.document_id, key.edition)}#{key.ordinal}"


def read_vector(name: str) -> VectorKey | None:
    """The inverse of ``name_vector``; None: it is not one of Sluice's."""
    found = _NAME.fullmatch(name)
    return VectorKey(*map(int, found.groups())) if found else None


def read_ids(answer: QueryResponse) -> list[str]:
    """The ids that a query found."""
    return [match.id for match in answer.matches]


def read_matches(answer: QueryResponse) -> list[Match]:
    """What a query found. Pinecone estimates similarities, and exceeds 1 a little."""
    found = ((read_vector(match.id), match.score) for match in answer.matches)
    return [Match(key, min(1.0, max(-1.0, score))) for key, score in found if key]


def measure_cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """The cosine of two vectors, neither of them of zeros."""
    return float(np.dot(_scale(left), _scale(right)))


def _shorten(vector: Vector) -> list[float]:
    """A vector of length 1 in that direction, as exact as four bytes a number are, in half as many digits as eight."""
    rounded: list[float] = np.round(_scale(vector), _DECIMALS).tolist()
    return rounded


def _scale(vector: Sequence[float]) -> npt.NDArray[np.float64]:
    numbers = np.asarray(vector, np.float64)
    return numbers / np.linalg.norm(numbers)
