"""Pinecone's REST protocol: the answer to each request, and the checks."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import numpy as np

from tests.adapters.pinecone_engine import AnswerError, Index, Record, compile_filter

Body = Mapping[str, Any]
LARGEST_BODY = 2_000_000
LONGEST_URL = 8_192
_MOST_RECORDS = 1_000
_MOST_METADATA_BYTES = 40 * 1024
_MOST_MATCHES = 10_000
_PAGE = 100


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    body: Body

    def get(self, name: str, default: str = "") -> str:
        """A parameter of the URL."""
        return self.query.get(name, [default])[0]

    @property
    def namespace(self) -> str:
        """The namespace of the request."""
        return str(self.body.get("namespace") or self.get("namespace") or "__default__")


@dataclass(frozen=True)
class Told:
    """The answer to a valid request."""

    body: Body
    headers: Mapping[str, str] = field(default_factory=dict)


def answer_data_plane(index: Index, asked: Asked) -> Told:
    """Answer a request to the host of an index."""
    for method, pattern, run in _ROUTES:
        if method == asked.method and re.fullmatch(pattern, asked.path):
            return run(index, asked)
    raise AnswerError(HTTPStatus.NOT_FOUND, 5, "Not Found")


def describe_index(index: Index, host: str) -> Body:
    """The description of an index by the control plane."""
    where = {"managed": {"cloud": "aws", "region": "us-east-1"}}
    pods = {"environment": "us-east1-gcp", "pod_type": "p1.x1", "replicas": 1, "shards": 1}
    return {
        "name": index.name,
        "host": host,
        "deletion_protection": "disabled",
        "deployment": {"deployment_type": index.deployment, **where.get(index.deployment, pods)},
        "schema": {
            "fields": {index.vectors: {"type": "dense_vector", "dimension": index.dimension, "metric": index.metric}}
        },
        "status": {"ready": index.ready, "state": "Ready" if index.ready else "Initializing"},
        "tags": None,
    }


def _upsert(index: Index, asked: Asked) -> Told:
    vectors = asked.body.get("vectors") or []
    if not 1 <= len(vectors) <= _MOST_RECORDS:
        raise _refuse(f"The number of vectors must be between 1 and {_MOST_RECORDS}, got {len(vectors)}")
    records = {vector["id"]: _read_record(index, vector) for vector in vectors}
    written = index.get(asked.namespace).write(records)
    return Told({"upsertedCount": len(vectors)}, {"x-pinecone-request-lsn": str(written)})


def _query(index: Index, asked: Asked) -> Told:
    limit = asked.body.get("topK") or 0
    if not 1 <= limit <= _MOST_MATCHES:
        raise _refuse(f"topK must be between 1 and {_MOST_MATCHES}, got {limit}")
    _check_numbers(index, "query", asked.body["vector"])
    chosen = compile_filter(asked.body.get("filter"))
    common = {"results": [], "namespace": asked.namespace, "usage": {"readUnits": 1}}
    namespace = index.namespaces.get(asked.namespace)
    if namespace is None:
        return Told({**common, "matches": []})
    view = namespace.queried
    view.advance()
    matches = [
        {"id": name, "score": score, "values": []}
        | ({"metadata": view.records[name].metadata} if asked.body.get("includeMetadata") else {})
        for name, score in view.search(asked.body["vector"], chosen, limit)
    ]
    return Told({**common, "matches": matches}, {"x-pinecone-max-indexed-lsn": str(view.position)})


def _fetch(index: Index, asked: Asked) -> Told:
    ids = asked.query.get("ids", [])
    if not 1 <= len(ids) <= _MOST_RECORDS:
        raise _refuse(f"The number of ids must be between 1 and {_MOST_RECORDS}, got {len(ids)}")
    records = _look_up(index, asked.namespace)
    vectors = {
        name: {"id": name, "values": records[name].values.tolist(), "metadata": records[name].metadata}
        for name in ids
        if name in records
    }
    return Told({"vectors": vectors, "namespace": asked.namespace, "usage": {"readUnits": 1}})


def _list(index: Index, asked: Asked) -> Told:
    names = [name for name in sorted(_look_up(index, asked.namespace)) if name.startswith(asked.get("prefix"))]
    page, pagination = _cut(names, asked)
    return Told({"vectors": [{"id": name} for name in page], "namespace": asked.namespace, **pagination})


def _delete(index: Index, asked: Asked) -> Told:
    namespace = index.namespaces.get(asked.namespace)
    if namespace is None or namespace.leaving is not None:
        raise AnswerError(HTTPStatus.NOT_FOUND, 5, "Namespace not found")
    ids = asked.body.get("ids") or []
    if asked.body.get("deleteAll"):
        ids = sorted(namespace.all_ids())
    elif not 1 <= len(ids) <= _MOST_RECORDS:
        raise _refuse(f"The number of ids must be between 1 and {_MOST_RECORDS}, got {len(ids)}")
    written = namespace.write(dict.fromkeys(ids))
    return Told({}, {"x-pinecone-request-lsn": str(written)})


def _describe_stats(index: Index, _: Asked) -> Told:
    counts = index.list()
    return Told(
        {
            "namespaces": {name: {"vectorCount": count} for name, count in counts.items()},
            "dimension": index.dimension,
            "indexFullness": 0,
            "totalVectorCount": sum(counts.values()),
            "metric": index.metric,
            "vectorType": "dense",
        }
    )


def _list_namespaces(index: Index, asked: Asked) -> Told:
    counts = {name: count for name, count in index.list().items() if name.startswith(asked.get("prefix"))}
    page, pagination = _cut(list(counts), asked)
    namespaces = [{"name": name, "record_count": str(counts[name])} for name in page]
    return Told({"namespaces": namespaces, "total_count": len(counts), **pagination})


def _delete_namespace(index: Index, asked: Asked) -> Told:
    index.drop(unquote(asked.path.removeprefix("/namespaces/")))
    return Told({})


_ROUTES: list[tuple[str, str, Callable[[Index, Asked], Told]]] = [
    ("POST", "/vectors/upsert", _upsert),
    ("POST", "/query", _query),
    ("GET", "/vectors/fetch", _fetch),
    ("GET", "/vectors/list", _list),
    ("POST", "/vectors/delete", _delete),
    ("POST", "/describe_index_stats", _describe_stats),
    ("GET", "/namespaces", _list_namespaces),
    ("DELETE", "/namespaces/[^/]+", _delete_namespace),
]


def _read_record(index: Index, vector: Body) -> Record:
    name, metadata = vector["id"], vector.get("metadata") or {}
    if not (isinstance(name, str) and name.isascii() and 1 <= len(name) <= 512):
        raise _refuse(f"Vector ID must be 1 to 512 ASCII characters, got {name!r}")
    _check_numbers(index, f"ID '{name}'", vector.get("values") or [])
    for value in metadata.values():
        if not isinstance(value, str | float | int | bool):
            reason = f"Metadata value must be a string, number, boolean or list of strings, got '{value}'"
            raise _refuse(reason)
    if len(json.dumps(metadata)) > _MOST_METADATA_BYTES:
        raise _refuse(f"Metadata size exceeds the limit of {_MOST_METADATA_BYTES} bytes per vector")
    return Record(np.array(vector["values"], np.float32), metadata)


def _check_numbers(index: Index, what: str, numbers: Sequence[Any]) -> None:
    if len(numbers) != index.dimension:
        reason = f"Vector dimension {len(numbers)} does not match the dimension of the index {index.dimension}"
        raise _refuse(reason)
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers):
        raise _refuse(f"Vector {what} contains a value that is not a number")
    if not any(numbers):
        raise _refuse(f"Dense vectors must contain at least one non-zero value. Vector {what} contains only zeros")


def _look_up(index: Index, name: str) -> Mapping[str, Record]:
    namespace = index.namespaces.get(name)
    if namespace is None:
        return {}
    namespace.looked_up.advance()
    return namespace.looked_up.records


def _cut(names: Sequence[str], asked: Asked) -> tuple[Sequence[str], Body]:
    """A page of sorted names, with the token of the next page: the last name of this one."""
    limit = int(asked.get("limit", str(_PAGE)))
    if not 1 <= limit <= _PAGE:
        raise _refuse(f"limit must be between 1 and {_PAGE}, got {limit}")
    after = asked.get("paginationToken")
    rest = [name for name in names if name > after]
    page = rest[:limit]
    return page, {"pagination": {"next": page[-1]}} if len(rest) > limit else {}


def _refuse(reason: str) -> AnswerError:
    return AnswerError(HTTPStatus.BAD_REQUEST, 3, reason)
