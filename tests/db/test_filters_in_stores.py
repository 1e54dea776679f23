"""A filter means the same whichever store has the vectors, and excluded documents displace no result."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from app.domain.vectors import VectorIndex
from app.services.indexing.vectors import Vectors
from tests.adapters.vector_stores import CASES as STORES
from tests.adapters.vector_stores import Case, make_batch, make_beside
from tests.db.library import Library
from tests.db.test_filters import CASES, DOCUMENTS, TIME_CASES, TIMES, compare, write_metadata

BESIDE = make_beside(1.0, 3)
HIDDEN = 150
"""Documents that are nearer to the query than the others, more than a search has candidates."""


@pytest.fixture(params=sorted(STORES))
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """Each vector store in turn."""
    with STORES[request.param](request) as opened:
        yield opened
        await opened.close()


async def move_vectors(library: Library, case: Case, agent_id: int) -> None:
    """Search the vectors of the case's store: each document has one, those of ``HIDDEN`` are the nearest."""
    if case.store.name == "pgvector":
        return
    index: VectorIndex = await case.make_index(3)
    async with library.engine.begin() as connection:
        rows = await connection.execute(text("SELECT id, edition, metadata ? 'hidden' FROM documents ORDER BY id"))
        for document_id, edition, is_hidden in rows:
            vector = make_beside(0.9 if is_hidden else 0.5, 3)
            await case.write(index, make_batch(agent_id, document_id, [vector], edition))
    library.vectors = _Elsewhere(library, case, index)


class _Elsewhere(Vectors):
    """Vectors in the store of a case, under the index that the case has made."""

    def __init__(self, library: Library, case: Case, index: VectorIndex) -> None:
        super().__init__(library.database, lambda _: case.store, library.providers)
        self._index = index

    async def get_active(self) -> VectorIndex:
        """The index in that store."""
        return self._index


async def test_every_operator_finds_the_same_documents_in_every_store(library: Library, case: Case) -> None:
    agent_id = await library.add_agent()
    for name, metadata in {**DOCUMENTS, **{f"at-{name}": write_metadata(at) for name, at in TIMES.items()}}.items():
        await library.add_document(agent_id, f"{name} all", metadata=metadata, vector=make_beside(0.5, 3))
    await move_vectors(library, case, agent_id)
    times = [(where, " ".join(f"at-{name}" for name in expected.split())) for where, expected in TIME_CASES]
    for where, expected in [*CASES, *times]:
        by_words = await library.find(agent_id, "all", BESIDE, where=where, top_k=50)
        by_meaning = await library.find(agent_id, "all", BESIDE, where=where, top_k=50, mode="vector")
        found = {hit.document_id for hit in by_meaning}
        assert found == {hit.document_id for hit in by_words}, where
        assert {hit.text.split()[0] for hit in by_meaning} >= set(expected.split()), where


async def test_documents_that_a_filter_excludes_displace_no_result(library: Library, case: Case) -> None:
    agent_id = await library.add_agent()
    for number in range(HIDDEN):
        metadata = f'{{"hidden": true, "year": {1900 + number}}}'
        await library.add_document(agent_id, "heron heron", metadata=metadata, vector=make_beside(0.9, 3))
    shown = [
        await library.add_document(agent_id, "heron", metadata='{"year": 2100}', vector=make_beside(0.5, 3))
        for _ in range(3)
    ]
    await move_vectors(library, case, agent_id)
    for mode in ("text", "vector", "hybrid"):
        hits = await library.find(agent_id, "heron", BESIDE, mode=mode, where=compare("gt", "year", 2099))
        assert {hit.document_id for hit in hits} == set(shown), mode
