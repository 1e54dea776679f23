"""The data of a Pinecone server: namespaces whose reads lag behind their log, with exact search."""

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import numpy as np

Metadata = Mapping[str, Any]
Predicate = Callable[[Metadata], bool]
_MOST_VALUES = 10_000


class AnswerError(Exception):
    """An error response; ``code`` is gRPC's, as in Pinecone's bodies."""

    def __init__(self, status: HTTPStatus, code: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Lag:
    """How long reads do not reflect a write: a number of reads, and of seconds.

    As in Pinecone, queries are one kind of read, and all others (fetches, lists, counts) another.
    """

    queries: int = 0
    lookups: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Record:
    """A vector with its metadata."""

    values: np.ndarray[Any, np.dtype[np.float32]]
    metadata: Metadata


Changes = Mapping[str, Record | None]
"""The changes of one write, by id; None for a deletion."""


@dataclass
class _Pending:
    """A write that a view does not reflect yet."""

    position: int
    changes: Changes
    due: float
    reads: int


@dataclass
class View:
    """What one kind of read returns."""

    records: dict[str, Record] = field(default_factory=dict)
    position: int = 0
    pending: deque[_Pending] = field(default_factory=deque)
    _matrix: np.ndarray[Any, np.dtype[np.float64]] | None = None

    def advance(self) -> None:
        """Apply the writes that are due, and count one read for the others."""
        while self.pending and self.pending[0].reads <= 0 and self.pending[0].due <= time.monotonic():
            write = self.pending.popleft()
            self.records |= {name: record for name, record in write.changes.items() if record is not None}
            for name in [name for name, record in write.changes.items() if record is None]:
                self.records.pop(name, None)
            self.position, self._matrix = write.position, None
        for write in self.pending:
            write.reads -= 1

    def search(self, vector: Sequence[float], chosen: Predicate, limit: int) -> list[tuple[str, float]]:
        """Find the nearest records by cosine, nearest first."""
        if self._matrix is None:
            rows = np.array([record.values for record in self.records.values()], np.float64)
            self._matrix = rows / np.linalg.norm(rows, axis=1, keepdims=True) if len(rows) else rows
        wanted = [number for number, record in enumerate(self.records.values()) if chosen(record.metadata)]
        if not wanted:
            return []
        asked = np.array(vector, np.float64)
        scores = self._matrix[wanted] @ (asked / np.linalg.norm(asked))
        names = list(self.records)
        order = np.argsort(-scores, kind="stable")[:limit]
        return [(names[wanted[place]], float(scores[place])) for place in order]


class Namespace:
    """One namespace: a log, and the views of its readers."""

    def __init__(self, lag: Lag) -> None:
        self._lag = lag
        self._last = 0
        self.leaving: int | None = None  # how many lists of namespaces still show it after its deletion
        self.queried, self.looked_up = View(), View()

    def write(self, changes: Changes) -> int:
        """Append to the log; returns the position."""
        self._last += 1
        due = time.monotonic() + self._lag.seconds
        for view, reads in ((self.queried, self._lag.queries), (self.looked_up, self._lag.lookups)):
            view.pending.append(_Pending(self._last, changes, due, reads))
        return self._last

    def all_ids(self) -> set[str]:
        """The ids of all records, including those whose deletion a view does not reflect yet."""
        pending = {name for write in self.queried.pending for name in write.changes}
        return pending | set(self.queried.records) | set(self.looked_up.records)


@dataclass
class Index:
    """An index."""

    name: str
    dimension: int
    metric: str = "cosine"
    deployment: str = "managed"
    vectors: str = "_values"  # the name of the field in its schema
    ready: bool = True
    lag: Lag = field(default_factory=Lag)
    namespaces: dict[str, Namespace] = field(default_factory=dict)

    def fit(self, dimension: int) -> None:
        """Change the length of the vectors, if none was written."""
        if not self.namespaces:
            self.dimension = dimension

    def get(self, name: str) -> Namespace:
        """Get a namespace; make it if it is missing."""
        found = self.namespaces.get(name)
        if found is None or found.leaving is not None:
            found = self.namespaces[name] = Namespace(self.lag)
        return found

    def drop(self, name: str) -> None:
        """Delete a namespace. Lists still show it for a while."""
        found = self.namespaces.get(name)
        if found is None or found.leaving is not None:
            raise AnswerError(HTTPStatus.NOT_FOUND, 5, "Namespace not found")
        found.leaving = self.lag.lookups
        self._remove_deleted()

    def list(self) -> dict[str, int]:
        """The namespaces that a list shows, with the numbers of their records."""
        self._remove_deleted()
        for namespace in self.namespaces.values():
            namespace.looked_up.advance()
            if namespace.leaving is not None:
                namespace.leaving -= 1
        return {name: len(self.namespaces[name].looked_up.records) for name in sorted(self.namespaces)}

    def _remove_deleted(self) -> None:
        gone = [name for name, found in self.namespaces.items() if found.leaving is not None and found.leaving <= 0]
        for name in gone:
            del self.namespaces[name]


def compile_filter(chosen: Mapping[str, Any] | None) -> Predicate:
    """Compile a filter of Pinecone into a function of a record's metadata.

    Raises:
        AnswerError: the filter is invalid.
    """
    parts = [_compile_part(name, value) for name, value in (chosen or {}).items()]
    return lambda metadata: all(part(metadata) for part in parts)


def _compile_part(name: str, value: Any) -> Predicate:
    if name in {"$and", "$or"}:
        parts = [compile_filter(part) for part in value]
        decide = all if name == "$and" else any
        return lambda metadata: decide(part(metadata) for part in parts)
    if name.startswith("$"):
        raise AnswerError(HTTPStatus.BAD_REQUEST, 3, f"{name} is not a valid operator")
    conditions = value if isinstance(value, dict) else {"$eq": value}
    tests = [_compile_condition(operator, wanted) for operator, wanted in conditions.items()]
    return lambda metadata: all(test(metadata.get(name)) for test in tests)


def _compile_condition(operator: str, wanted: Any) -> Callable[[Any], bool]:
    if operator in {"$in", "$nin"}:
        if len(wanted) > _MOST_VALUES:
            reason = f"{operator} takes {_MOST_VALUES} values at most, got {len(wanted)}"
            raise AnswerError(HTTPStatus.BAD_REQUEST, 3, reason)
        values = set(wanted)
        return (lambda found: found in values) if operator == "$in" else (lambda found: found not in values)
    if operator not in _COMPARISONS:
        raise AnswerError(HTTPStatus.BAD_REQUEST, 3, f"{operator} is not a valid operator")
    compare = _COMPARISONS[operator]
    return lambda found: compare(math.nan if found is None else found, wanted)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda found, wanted: bool(found == wanted),
    "$ne": lambda found, wanted: bool(found != wanted),
    "$gt": lambda found, wanted: bool(found > wanted),
    "$gte": lambda found, wanted: bool(found >= wanted),
    "$lt": lambda found, wanted: bool(found < wanted),
    "$lte": lambda found, wanted: bool(found <= wanted),
}
