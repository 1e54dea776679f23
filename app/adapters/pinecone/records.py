"""The form of Sluice's vectors in Pinecone: ids, numbers and metadata."""

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
"""The size of one request; Pinecone accepts 2 MB."""
_DECIMALS = 9
_NUMBER_BYTES = 14
"""The longest form of a number as JSON, with that many decimals and not above 1."""
_RECORD_BYTES = 400
"""The longest form of the rest of a record."""
_NAME = re.compile(r"(\d+)#(\d+)#(\d+)")


def split_batch(batch: VectorBatch) -> list[VectorBatch]:
    """Split a batch by Pinecone's limits for a request."""
    longest = max(map(len, batch.vectors.values()), default=0)
    count = max(1, min(_PIECE_RECORDS, _PIECE_BYTES // (_NUMBER_BYTES * longest + _RECORD_BYTES)))
    items = list(batch.vectors.items())
    return [
        VectorBatch(batch.agent_id, batch.document_id, batch.edition, dict(items[start : start + count]))
        for start in range(0, len(items), count)
    ]


def make_records(batch: VectorBatch) -> list[dict[str, Any]]:
    """Make the records of a batch.

    Pinecone rejects vectors of zeros. Such a vector is replaced by another one, marked so that no search finds it. So
    its key is still listed.
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
    """A vector of that length, for queries whose order of matches does not matter."""
    return [1.0] + [0.0] * (length - 1)


def name_edition(document_id: int, edition: int) -> str:
    """One value for both numbers, so that one condition can exclude thousands of editions."""
    return f"{document_id}#{edition}"


def name_vector(key: VectorKey) -> str:
    """An id that begins with the name of the edition, so that an edition can be listed by prefix."""
    return f"{name_edition(key.document_id, key.edition)}#{key.ordinal}"


def read_vector(name: str) -> VectorKey | None:
    """The inverse of ``name_vector``; None for an id that is not Sluice's."""
    found = _NAME.fullmatch(name)
    return VectorKey(*map(int, found.groups())) if found else None


def read_ids(answer: QueryResponse) -> list[str]:
    """The ids of the matches of a query."""
    return [match.id for match in answer.matches]


def read_matches(answer: QueryResponse) -> list[Match]:
    """The matches of a query. Pinecone's similarities are estimates, which can slightly exceed 1."""
    found = ((read_vector(match.id), match.score) for match in answer.matches)
    return [Match(key, min(1.0, max(-1.0, score))) for key, score in found if key]


def measure_cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """The cosine of two vectors that are not zeros."""
    return float(np.dot(_scale(left), _scale(right)))


def _shorten(vector: Vector) -> list[float]:
    """Scale a vector to unit length and round it to the precision of four-byte floats: half as long as JSON."""
    rounded: list[float] = np.round(_scale(vector), _DECIMALS).tolist()
    return rounded


def _scale(vector: Sequence[float]) -> npt.NDArray[np.float64]:
    numbers = np.asarray(vector, np.float64)
    return numbers / np.linalg.norm(numbers)
