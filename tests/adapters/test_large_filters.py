"""The contract of every vector store: a filter may match, or exclude, tens of thousands of documents."""

import time

import numpy as np
import pytest

from app.domain.vectors import VectorKey
from tests.adapters.vector_stores import Case, dot, make_batch, make_random, make_unit
from tests.deadlines import deadline

OWNER, OTHER = 7, 8
AHEAD = make_unit(1, 0, 0, 0, 0, 0, 0, 0)
MANY = 50_000
STEP = 2_500
"""Every so many documents has a vector; searching for the others finds nothing."""


async def test_fifty_thousand_documents_are_searched_and_no_other(case: Case) -> None:
    index = await case.make_index()
    stored = range(1, 2 * MANY, STEP)
    vectors = dict(zip(stored, make_random(len(stored), 8, seed=7), strict=True))
    for document_id, vector in vectors.items():
        await case.write(index, make_batch(OWNER, document_id, [vector]))
    for name, matching in {
        "the first half": range(1, MANY + 1),
        "every second": range(1, 2 * MANY, 2),
        "backwards": range(2 * MANY, MANY, -1),
        "all, each twice": [*range(1, MANY), *range(1, MANY)],
    }.items():
        began = time.perf_counter()
        found = await case.store.query(index, OWNER, AHEAD, limit=10, document_ids=list(matching))
        took = time.perf_counter() - began
        truth = {VectorKey(one, 1, 0): dot(vectors[one], AHEAD) for one in set(matching) & vectors.keys()}
        best = sorted(truth, key=lambda key: -truth[key])[:10]
        assert [match.key for match in found] == best, name
        assert [match.similarity for match in found] == pytest.approx([truth[key] for key in best], abs=case.tolerance)
        assert took < deadline(10), (name, took)


async def test_the_best_of_all_parts_of_a_large_filter_come_first(case: Case) -> None:
    index = await case.make_index()
    # The best documents are in the last part, and each part has more matches than are requested.
    cosines = np.linspace(0.1, 0.9, 60)
    for document_id, cosine in zip(range(1, MANY, MANY // 60), cosines, strict=False):
        await case.write(index, make_batch(OWNER, document_id, [make_unit(cosine, (1 - cosine**2) ** 0.5, *[0.0] * 6)]))
    found = await case.store.query(index, OWNER, AHEAD, limit=5, document_ids=list(range(1, MANY)))
    assert [match.similarity for match in found] == pytest.approx(cosines[::-1][:5], abs=case.tolerance)


async def test_a_large_filter_shows_nothing_of_another_agent_and_no_excluded_edition(case: Case) -> None:
    index = await case.make_index()
    await case.write(index, make_batch(OWNER, 40_000, [AHEAD], edition=1))
    await case.write(index, make_batch(OWNER, 40_000, [AHEAD], edition=2))
    await case.write(index, make_batch(OTHER, 40_001, [AHEAD]))
    found = await case.store.query(
        index, OWNER, AHEAD, limit=10, document_ids=list(range(1, MANY)), without=[(40_000, 1)]
    )
    assert [match.key for match in found] == [VectorKey(40_000, 2, 0)]
