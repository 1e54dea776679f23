from collections.abc import Iterator

import pytest

from tests.adapters.pinecone_server import PineconeServer, run_pinecone
from tests.adapters.qdrant_server import QdrantServer, run_qdrant


@pytest.fixture
def pinecone(monkeypatch: pytest.MonkeyPatch) -> Iterator[PineconeServer]:
    """A Pinecone without an index; Pinecone's client sends requests for the control plane to it."""
    with run_pinecone() as server:
        monkeypatch.setenv("PINECONE_CONTROLLER_HOST", server.url)
        yield server


@pytest.fixture
def qdrant() -> Iterator[QdrantServer]:
    """A Qdrant without a collection."""
    with run_qdrant() as server:
        yield server
