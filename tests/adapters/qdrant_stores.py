"""A store in Qdrant, and requests of another program."""

import httpx

from app.adapters.qdrant.store import QdrantStore
from app.domain.vectors import EmbeddingSpec, VectorIndex
from tests.adapters.qdrant_server import QdrantServer
from tests.adapters.vector_stores import make_unit

INDEX = VectorIndex(3, "qdrant", EmbeddingSpec("local", "made-for-tests"))
AHEAD = make_unit(1, 0, 0, 0)
OWNER = 7


def make_store(url: str, api_key: str | None = "a-key-made-for-tests", time_limit: float = 30) -> QdrantStore:
    """Make a store."""
    return QdrantStore(url=url, api_key=api_key, collection="sluice", time_limit=time_limit)


def send_request(server: QdrantServer, method: str, path: str, body: object = None) -> None:
    """Send a request as another program would."""
    headers = {"api-key": server.api_key}
    httpx.request(method, server.url + path, json=body, headers=headers, trust_env=False).raise_for_status()
