from collections.abc import AsyncIterator, Iterator

import pytest

from tests.adapters.openai_fixtures import served, server
from tests.adapters.pinecone_server import PineconeServer, run_pinecone
from tests.adapters.qdrant_server import QdrantServer, run_qdrant
from tests.adapters.vector_stores import CASES, REMOTE_CASES, Case, RemoteCase

__all__ = ["served", "server"]


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


@pytest.fixture(params=sorted(CASES))
def _case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with CASES[request.param](request) as opened:
        yield opened


@pytest.fixture
async def case(_case: Case) -> AsyncIterator[Case]:
    """Each vector store in turn."""
    yield _case
    await _case.close()


@pytest.fixture(params=sorted(REMOTE_CASES))
def _remote(request: pytest.FixtureRequest) -> Iterator[RemoteCase]:
    with REMOTE_CASES[request.param](request) as opened:
        yield opened


@pytest.fixture
async def remote(_remote: RemoteCase) -> AsyncIterator[RemoteCase]:
    """Each remote vector store in turn."""
    yield _remote
    await _remote.close()
